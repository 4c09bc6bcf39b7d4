"""What leaves the page and what comes into it, as bytes: meshes, codes."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gan.editing import read_codes
from gan.errors import one_line
from gan.models.contract import FaceGenerator
from gan.report.samples import write_codes
from meshkit.io import WITHOUT_UV, save_mesh
from meshkit.mesh import Mesh

MESHES = ("glb", "obj", "ply", "stl")
MAX_UPLOAD = 8 * 2**20  # bytes of a file of codes
MAX_CODES = 64 * 2**20  # bytes of what it unpacks to


def mesh_bytes(model: FaceGenerator, V: Float[np.ndarray, "V 3"], format: str) -> bytes:
    """Return a face as a file with the template's texture coordinates, in mm.

    Raises
    ------
    ValueError
        The format is not one of `MESHES`.
    """
    if format not in MESHES:
        raise ValueError(f"format must be one of {', '.join(MESHES)}, got {format!r}")
    UV = None if f".{format}" in WITHOUT_UV else model.UV.double().numpy()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"face.{format}"
        save_mesh(path, Mesh(V.astype(np.float64), model.faces.numpy(), UV=UV))
        return path.read_bytes()


def codes_bytes(model: FaceGenerator, codes: Mapping[str, Tensor], labels: dict[str, int]) -> bytes:
    """Return codes as the file that `gan transfer`, `gan interpolate` and the page read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.npz"
        write_codes(path, model, codes, labels)
        return path.read_bytes()


def uploaded_codes(model: FaceGenerator, name: str, content: bytes) -> dict[str, Tensor]:
    """Read a file of codes that somebody sent; nothing in it is trusted.

    Raises
    ------
    ValueError
        It is too large, before or after unpacking; it is no such file, or that of another model;
        it holds no row. The message, one line, calls it `name`.
    """
    name = one_line(name)
    if len(content) > MAX_UPLOAD:
        raise ValueError(f"{name}: {len(content):,} bytes; files of codes have {MAX_UPLOAD:,}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.npz"
        path.write_bytes(content)
        try:
            _check_size(path)
            codes = read_codes(model, path)
        except ValueError as error:  # FileFormatError is one
            raise ValueError(one_line(str(error)).replace(str(path), name)) from None
    if not len(codes["noise"]):
        raise ValueError(f"{name} holds no face")
    return codes


def _check_size(path: Path) -> None:
    """Refuse an archive whose directory promises more than any codes need."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise ValueError(f"{path} is no .npz file") from None
    if size > MAX_CODES:
        raise ValueError(f"{path} unpacks to {size:,} bytes; codes need less than {MAX_CODES:,}")
