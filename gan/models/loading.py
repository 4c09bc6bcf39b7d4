"""A model's file of any kind, read by the kind that its metadata name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator
from gan.models.face_model import FaceModel
from gan.models.files import StoredModel
from gan.models.network_model import NetworkFaceModel
from gan.plugins import registry


def load_model_file(path: Path) -> FaceGenerator:
    """Read a model of any kind: a generator's, a baseline's, a plug-in's.

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
    for kind in _kinds():
        if format == kind.FORMAT:
            return kind.load(path)
    raise CheckpointError(f"{path} is not a face model that is known here: {format!r}")


def _kinds() -> Iterator[type[StoredModel]]:
    """Yield the kinds of models; a generator's file is read without the code of the baselines."""
    yield FaceModel
    yield NetworkFaceModel
    baseline: Any
    for baseline in registry("baselines").usable():
        yield baseline.Model
