"""Any model, by what a command line calls it: a run, a file, a function, or meshes that it made."""

import os
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset, load_dataset
from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator
from gan.models.onnx_decoder import onnx_decoder
from gan.models.outside import GeneratedMeshes, OutsideFaceModel, OutsideModel, Surface
from gan.runs.checkpoints import Which, load_model
from meshkit.io import SAVERS, load_mesh

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_HDF5 = (".h5", ".hdf5")


def open_model(
    name: Path | str, dataset: Dataset | None = None, *, checkpoint: Which = "newest"
) -> FaceGenerator:
    """Open a model.

    Parameters
    ----------
    name
        A run's folder; `model.safetensors` as `gan export` writes it; `decoder.onnx`;
        `package.module:function`, which returns an `OutsideModel` or a `FaceGenerator`; a folder or
        an HDF5 data set of meshes that a model has made.
    dataset
        Whose surface a model has that says nothing of its own.

    Raises
    ------
    CheckpointError
        It is none of these, or damaged, or fits no surface.
    """
    path, text = Path(name), str(name)
    if not path.exists() and _FUNCTION.fullmatch(text):
        made = _called(text)
        if isinstance(made, FaceGenerator):
            return made
        return OutsideFaceModel(made, _surface_of(dataset, text), text)
    if path.suffix.lower() == ".onnx" and path.is_file():
        return OutsideFaceModel(onnx_decoder(path), _surface_of(dataset, text), text)
    if path.suffix.lower() in _HDF5 and path.is_file():
        with load_dataset(path) as meshes:
            X = torch.from_numpy(meshes.vertices(np.arange(meshes.n)))
            return GeneratedMeshes(X, _surface_of(meshes, text), text)
    if files := _mesh_files(path):
        return _collection(path, files, dataset)
    return load_model(path, checkpoint=checkpoint)


def is_run(name: Path | str) -> bool:
    """Tell whether a name is that of a run's folder, which keeps what is measured of it."""
    return Path(name).is_dir() and not _mesh_files(Path(name))


def is_ours(name: Path | str) -> bool:
    """Tell whether a name is that of a run or of a model's file: with all abilities of ours."""
    return is_run(name) or Path(name).suffix == ".safetensors"


def _called(name: str) -> OutsideModel | FaceGenerator:
    """Import a function, also from the current folder, and return what it returns."""
    module, _, attribute = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise CheckpointError(
            f"{name}: {error}; call the command where {module.split('.')[0]} is, or install it"
        ) from None
    except AttributeError:
        raise CheckpointError(f"{name}: {module} has no {attribute!r}") from None
    made = function() if callable(function) else function
    if not isinstance(made, OutsideModel | FaceGenerator):
        raise CheckpointError(
            f"{name} returns a {type(made).__name__}, expected a gan.models.outside.OutsideModel "
            "or a FaceGenerator"
        )
    return made


def _surface_of(dataset: Dataset | None, name: str) -> Surface:
    if dataset is None:
        raise CheckpointError(
            f"{name} says nothing of its surface: it can be measured against a data set whose "
            "topology it has, and that is all"
        )
    marks = dataset.landmarks
    return Surface(
        torch.from_numpy(dataset.template).float(),
        torch.from_numpy(dataset.faces),
        torch.zeros(len(dataset.template), 2),
        None if marks is None else torch.from_numpy(marks),
    )


def _mesh_files(folder: Path) -> list[Path]:
    """Return the meshes of a folder that is no run."""
    if not folder.is_dir() or (folder / "checkpoints").exists() or (folder / "run.json").exists():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SAVERS)


def _collection(folder: Path, files: list[Path], dataset: Dataset | None) -> GeneratedMeshes:
    meshes: list[Float[np.ndarray, "V 3"]] = []
    F: Int[np.ndarray, "T 3"] | None = None if dataset is None else dataset.faces
    for path in files:
        mesh = load_mesh(path)
        if F is None:
            F = mesh.F
        if (
            mesh.F.shape != F.shape
            or (mesh.F != F).any()
            or len(mesh.V) != len((meshes or [mesh.V])[0])
        ):
            whose = "the data set" if dataset is not None else files[0].name
            raise CheckpointError(f"{path} has another topology than {whose}")
        meshes.append(mesh.V.astype(np.float32))
    X = torch.from_numpy(np.stack(meshes))
    if dataset is not None:
        return GeneratedMeshes(X, _surface_of(dataset, str(folder)), str(folder))
    assert F is not None
    surface = Surface(X.mean(dim=0), torch.from_numpy(F), torch.zeros(X.shape[1], 2))
    return GeneratedMeshes(X, surface, str(folder))
