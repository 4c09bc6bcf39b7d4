"""Face models on disk: one safetensors file each; nothing in it can run code.

The metadata hold `format`, the kind of the model, and `model`, JSON with everything that is not a
tensor. Every kind stores `template`, `faces`, `UV`, `codes.FACTOR` and, if it has them,
`landmarks`; the rest is its own.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gan.errors import CheckpointError
from gan.models.contract import Core, FaceGenerator, Factor
from meshkit.errors import MeshError
from meshkit.files import atomic_path

# What damaged contents are known to raise where a model is put together from them.
_MISFITS = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AssertionError,
    AttributeError,
    OverflowError,
    RuntimeError,
    MeshError,
)


M = TypeVar("M", bound="StoredModel")
T = TypeVar("T")


class StoredModel(FaceGenerator):
    """A face model that is its tensors and some plain values: moved and stored without more code.

    A subclass is built from `core`, `tensors` and `header`, and says what `shapes` must hold.

    Attributes
    ----------
    FORMAT : what the kind is called in its files
    tensors : by their names in the file, on the device of the template
    header : what is no tensor: numbers, text, lists
    """

    FORMAT: ClassVar[str]

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(core)
        self.tensors = dict(tensors)
        self.header = dict(header or {})

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape that each tensor must have, as far as it follows from the others."""

    @classmethod
    def restored(
        cls: type[M], core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> M:
        """Build a model from what `stored` returned."""
        return cls(core, tensors, header)

    def stored(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        """Return the tensors and plain values that are the model, beside its core."""
        return self.tensors, self.header

    def to(self: M, device: torch.device | str) -> M:
        """Return the same model on another device."""
        tensors, header = self.stored()
        moved = {name: tensor.to(device) for name, tensor in tensors.items()}
        return self.restored(self.core.to(device), moved, header)

    def save(self, path: Path) -> None:
        """Write one safetensors file; nothing in it can run code."""
        write_model(path, self.FORMAT, self, *self.stored())

    @classmethod
    def load(cls: type[M], path: Path) -> M:
        """Read a file written by `save`.

        Raises
        ------
        CheckpointError
            The file is of another kind, or damaged.
        """
        contents = read_model(path, cls.FORMAT)
        try:
            core = contents.core()
            model = cls.restored(core, *contents.own())
            tensors, _ = model.stored()
            wanted = {name: (tensors.get(name), shape) for name, shape in model.shapes().items()}
        except _MISFITS as error:
            raise CheckpointError(f"{path}: the face model is incomplete: {error}") from None
        check_tensors(path, model, wanted)
        return model


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name begins with `prefix`, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def above(named: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Return what has names with `prefix` before these: the inverse of `below`."""
    return {prefix + name: value for name, value in named.items()}


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set all parameters of a network, in place, and freeze them; ValueError if they are others."""
    weights = dict(module.named_parameters())
    if weights.keys() != tensors.keys():
        raise ValueError("the network's layers are others")
    module.load_state_dict(dict(tensors), strict=False)  # buffers follow from the architecture
    module.requires_grad_(False)


def _texts(classes: Any) -> tuple[str, ...]:
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise TypeError(f"the classes of a factor are {classes!r}")
    return tuple(classes)


class Stored(NamedTuple):
    """The contents of a model's file."""

    path: Path
    header: dict[str, Any]
    tensors: dict[str, Tensor]

    def core(self) -> Core:
        """Return what every model has; KeyError, TypeError or ValueError if it is not there."""
        header, tensors = self.header, self.tensors
        return Core(
            factors=tuple(Factor(str(n), int(d), _texts(c)) for n, d, c in header["factors"]),
            codes=below(tensors, "codes."),
            template=tensors["template"],
            faces=tensors["faces"],
            UV=tensors["UV"],
            landmarks=tensors.get("landmarks"),
            noise_size=int(header["noise_size"]),
            provenance=dict(header["provenance"]),
        )

    def own(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors and plain values that the model's kind has beside."""
        of_all = ("template", "faces", "UV", "landmarks", "factors", "noise_size", "provenance")
        tensors = {
            name: tensor
            for name, tensor in self.tensors.items()
            if name not in of_all and not name.startswith("codes.")
        }
        return tensors, {k: v for k, v in self.header.items() if k not in of_all}


def write_model(
    path: Path,
    format: str,
    model: FaceGenerator,
    tensors: Mapping[str, Tensor],
    header: Mapping[str, Any],
) -> None:
    """Write a model whole or not at all; `tensors` and `header` are what its kind has beside."""
    everything = {f"codes.{name}": code for name, code in model.codes.items()}
    everything |= {"template": model.template, "faces": model.faces, "UV": model.UV}
    if model.landmarks is not None:
        everything["landmarks"] = model.landmarks
    everything |= tensors
    everything = {name: t.detach().cpu().contiguous() for name, t in everything.items()}
    described = {
        "factors": [[f.name, f.code_size, list(f.classes)] for f in model.factors],
        "noise_size": model.noise_size,
        **header,
        "provenance": model.provenance,
    }
    with atomic_path(path) as aside:
        save_file(everything, aside, {"format": format, "model": json.dumps(described)})
        _sort_metadata(aside)


def _sort_metadata(path: Path) -> None:
    """Put a file's metadata in order, in place: safetensors writes them in a random one."""
    with open(path, "r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(text) <= size  # the same values in another order
        file.seek(8)
        file.write(text.ljust(size))


def read_model(path: Path, format: str | None = None) -> Stored:
    """Read a model's file; with `format`, one of that kind.

    Raises
    ------
    CheckpointError
        The file is damaged, no face model, or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file: {error}") from None
    if format is not None and metadata.get("format") != format:
        raise CheckpointError(f"{path} is not a {format!r} file")
    try:
        header = json.loads(metadata["model"])
    except (KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: the face model is incomplete: {error}") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: the face model is incomplete: no header")
    return Stored(path, header, tensors)


def check_tensors(
    path: Path, model: FaceGenerator, own: Mapping[str, tuple[Tensor | None, tuple[int, ...]]]
) -> None:
    """Raise CheckpointError for tensors that do not fit each other, before they meet in a product.

    Parameters
    ----------
    own
        Of the kind: name to tensor and the shape that it must have.
    """
    V = len(model.template)
    wanted: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
        "template": (model.template, (V, 3)),
        "UV": (model.UV, (V, 2)),
        "faces": (model.faces, (len(model.faces), 3)),
        **own,
    }
    for f in model.factors:
        wanted[f.name] = (model.codes.get(f.name), (len(f.classes), f.code_size))
    for name, (tensor, shape) in wanted.items():
        if tensor is None or tuple(tensor.shape) != shape:
            got = "nothing" if tensor is None else tuple(tensor.shape)
            raise CheckpointError(f"{path}: {name} must have shape {shape}, got {got}")
        of_all = {"template", "UV", "faces", *(f.name for f in model.factors)}
        if name in of_all and tensor.is_floating_point() == (name == "faces"):
            raise CheckpointError(f"{path}: {name} cannot hold {tensor.dtype}")
    for name, index in (("faces", model.faces), ("landmarks", model.landmarks)):
        if index is None or index.numel() == 0:
            continue
        if not 0 <= int(index.min()) <= int(index.max()) < V:
            raise CheckpointError(f"{path}: {name} name a vertex outside 0 to {V - 1}")
