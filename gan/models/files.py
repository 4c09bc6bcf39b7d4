"""Face models on disk: one safetensors file each; nothing in it can run code.

The metadata hold `format`, the kind of the model, and `model`, JSON with everything that is not a
tensor. Every kind stores `template`, `faces`, `UV`, `codes.FACTOR` and, if it has them,
`landmarks`; the rest is its own.
"""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import Core, FaceGenerator, Factor
from meshkit.files import atomic_path

GENERATOR = "meshkit-gan face model 1"
LINEAR = "meshkit-gan linear face model 1"
CONVOLUTIONAL = "meshkit-gan convolutional face model 1"
MULTILINEAR = "meshkit-gan multilinear face model 1"
# Named, not imported: a generator's file is read without the code of the baselines.
_HOMES = {
    GENERATOR: "gan.models.face_model:FaceModel",
    LINEAR: "gan.baselines.linear:LinearFaceModel",
    CONVOLUTIONAL: "gan.baselines.autoencoder:ConvolutionalFaceModel",
    MULTILINEAR: "gan.baselines.multilinear:MultilinearFaceModel",
}


class Stored(NamedTuple):
    """The contents of a model's file."""

    path: Path
    header: dict[str, Any]
    tensors: dict[str, Tensor]

    def core(self) -> Core:
        """Return what every model has; KeyError, TypeError or ValueError if it is not there."""
        header, tensors = self.header, self.tensors
        return Core(
            factors=tuple(Factor(n, int(d), tuple(c)) for n, d, c in header["factors"]),
            codes=self.below("codes."),
            template=tensors["template"],
            faces=tensors["faces"],
            UV=tensors["UV"],
            landmarks=tensors.get("landmarks"),
            noise_size=int(header["noise_size"]),
            provenance=dict(header["provenance"]),
        )

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose name begins with `prefix`, without it."""
        return {n.removeprefix(prefix): t for n, t in self.tensors.items() if n.startswith(prefix)}


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
    except (KeyError, ValueError) as error:
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
    for name, index in (("faces", model.faces), ("landmarks", model.landmarks)):
        if index is None or index.numel() == 0:
            continue
        if not 0 <= int(index.min()) <= int(index.max()) < V:
            raise CheckpointError(f"{path}: {name} name a vertex outside 0 to {V - 1}")


def load_face_model(path: Path) -> FaceGenerator:
    """Read a model of any kind.

    Raises
    ------
    CheckpointError
        The file is damaged, incomplete, or of a kind that is not known.
    """
    try:
        with safe_open(path, framework="pt") as file:
            format = (file.metadata() or {}).get("format", "")
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file: {error}") from None
    if format not in _HOMES:
        raise CheckpointError(f"{path} is not a face model that is known here: {format!r}")
    module, name = _HOMES[format].split(":")
    loaded = getattr(importlib.import_module(module), name).load(path)
    assert isinstance(loaded, FaceGenerator)
    return loaded
