"""A folder of generated meshes: the meshes, a picture of them all, and the codes they come from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gan.evaluation.generated import decode_blocks
from gan.models.contract import FaceGenerator
from gan.progress import Progress, counter, silent
from gan.report.folder import written_folder
from meshkit.files import atomic_path
from meshkit.io import WITHOUT_UV, save_mesh
from meshkit.mesh import Mesh
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

SHEET, CODES = "sheet.png", "codes.npz"
FORMATS = ("obj", "ply", "stl", "glb")
SHEET_FACES = 64  # faces on a sheet
TILE = (240, 200)


def write_samples(
    model: FaceGenerator,
    folder: Path,
    *,
    n: int,
    seed: int,
    labels: Mapping[str, str | int],
    format: str = "obj",
    truncation: float = 1.0,
    progress: Progress = silent,
) -> list[Path]:
    """Generate n faces into a folder that is written whole or not at all.

    The folder holds `face-NNN.FORMAT` with the template's texture coordinates (none in STL),
    `sheet.png` with the first 64 faces from the front at one scale, and `codes.npz`: for each
    factor its codes (n, d) and `label.FACTOR`, the class of the fixed code or −1. Equal seeds give
    equal bytes.

    Parameters
    ----------
    folder
        New, empty, or full of nothing but earlier samples, which are replaced.
    labels
        Factor to class, by name or index; other codes are random.
    truncation : 1
        Random codes are multiplied by it: below 1 faces are nearer to the mean, and fewer are odd.

    Returns
    -------
    paths
        Of the meshes.

    Raises
    ------
    ValueError
        A factor has no such class; `format` is unknown.
    FileExistsError
        `folder` is a file, or holds files that are not samples.
    CheckpointError
        The model generates vertices that are not finite.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    model = model.to("cpu")
    classes = {name: model.label_index(name, label) for name, label in labels.items()}
    codes = model.sample_codes(n, rng=torch.Generator().manual_seed(seed), labels=classes)
    codes = {name: z if name in classes else truncation * z for name, z in codes.items()}
    digits = max(3, len(str(n - 1)))
    names = [f"face-{k:0{digits}d}.{format}" for k in range(n)]
    with written_folder(folder, is_sample, "samples") as aside:
        paths = [aside / name for name in names]
        shown = _write_meshes(model, codes, paths, counter(progress, "writing", n))
        save_png(aside / SHEET, draw_sheet(model, shown, _captions(model, classes, len(shown))))
        write_codes(aside / CODES, model, codes, classes)
    return [folder / name for name in names]


def draw_sheet(
    model: FaceGenerator, X: Float[np.ndarray, "k V 3"], captions: list[str]
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw faces from the front at one scale, in a grid about as wide as high."""
    faces, frame = model.faces.numpy(), frame_of(X, size=TILE)
    tiles = [render_mesh(V.astype(np.float64), faces, size=TILE, frame=frame) for V in X]
    one_line = [shorten(caption, 26, placeholder="…") for caption in captions]
    return contact_sheet(tiles, int(np.ceil(np.sqrt(len(X)))), one_line)


def _write_meshes(
    model: FaceGenerator,
    codes: Mapping[str, Tensor],
    paths: list[Path],
    advance: Callable[[int], None],
) -> np.ndarray:
    """Write every mesh; return the vertices of the first for the sheet."""
    shown: list[np.ndarray] = []
    remaining = iter(paths)
    for X in decode_blocks(model, codes):
        for V in X:
            save_face(next(remaining), model, V)
            advance(1)
            if len(shown) < SHEET_FACES:
                shown.append(V)
    return np.stack(shown)


def save_face(path: Path, model: FaceGenerator, V: Float[np.ndarray, "V 3"]) -> None:
    """Write one mesh of a model, in mm, with the template's UVs where the format has any."""
    UV = None
    if path.suffix.lower() not in WITHOUT_UV:
        UV = model.UV.cpu().numpy().astype(np.float64)
    save_mesh(path, Mesh(V.astype(np.float64), model.faces.cpu().numpy(), UV=UV))


def _captions(model: FaceGenerator, classes: Mapping[str, int], n: int) -> list[str]:
    fixed = [model.factor(name).classes[c] for name, c in classes.items()]
    return [" · ".join([str(k), *fixed]) for k in range(n)]


def write_codes(
    path: Path,
    model: FaceGenerator,
    codes: Mapping[str, Tensor],
    classes: Mapping[str, int] | None = None,
) -> None:
    """Write codes as `load_codes` of `gan.editing` reads them: `name` (n, d), `label.name` (n,)."""
    n = len(codes["noise"])
    arrays = {name: code.cpu().numpy() for name, code in codes.items()}
    for factor in model.factors:
        label = (classes or {}).get(factor.name, -1)
        arrays[f"label.{factor.name}"] = np.full(n, label, dtype=np.int64)
    with atomic_path(path) as aside:
        np.savez(aside, **arrays)  # type: ignore[arg-type]


def is_sample(path: Path) -> bool:
    """Return whether a file is one that this module writes."""
    return path.name in (SHEET, CODES) or (
        path.stem.removeprefix("face-").isdigit() and path.suffix[1:] in FORMATS
    )
