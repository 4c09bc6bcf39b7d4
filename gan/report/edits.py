"""What fitting and editing leave behind: meshes, codes, and a picture to judge them by."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from gan.fitting import Fit
from gan.models.contract import FaceGenerator
from gan.progress import Progress, counter, silent
from gan.report.folder import written_folder
from gan.report.samples import CODES, FORMATS, save_face, write_codes
from meshkit.files import atomic_path
from meshkit.registration.similarity import Similarity, identity
from meshkit.registration.target import Target
from meshkit.render import (
    View,
    contact_sheet,
    frame_of,
    render_mesh,
    save_gif,
    save_png,
)
from meshkit.rendering.animation import save_mp4

STRIP, ANIMATION, PICTURE, REPORT = "strip.png", "animation.gif", "picture.png", "fit.json"
TILE = (320, 270)
_MARK = 2.2  # mm: the half width of a landmark in a picture
_GIVEN, _REACHED = (0.13, 0.65, 0.25), (0.85, 0.15, 0.1)


def write_path(
    model: FaceGenerator,
    folder: Path,
    codes: Mapping[str, Tensor],
    t: Float[np.ndarray, " T"],
    *,
    motion: Similarity | None = None,
    format: str = "obj",
    seconds: float = 3.0,
    progress: Progress = silent,
) -> list[Path]:
    """Write the faces along a path of codes: meshes, codes, a strip of pictures, an animation.

    Parameters
    ----------
    t : 1
        The place of every face on the path, for the captions.
    motion
        Takes the meshes out of the model's frame and mm.
    seconds : s
        Of the animation, there and back.

    Raises
    ------
    FileExistsError
        `folder` is a file, or holds other files.
    """
    faces = model.faces.cpu().numpy()
    X = model.decode(codes).cpu().numpy().astype(np.float64)
    frame = frame_of(X, size=TILE)
    names = [f"face-{k:03d}.{format}" for k in range(len(X))]
    with written_folder(folder, is_path, "those of a path") as aside:
        tiles, advance = [], counter(progress, "writing", len(X))
        for name, V in zip(names, X, strict=True):
            save_face(aside / name, model, (motion or identity()).apply(V))
            tiles.append(render_mesh(V, faces, size=TILE, frame=frame))
            advance(1)
        write_codes(aside / CODES, model, codes)
        columns = min(len(tiles), 9)
        save_png(aside / STRIP, contact_sheet(tiles, columns, [f"{place:+.2f}" for place in t]))
        save_gif(aside / ANIMATION, [*tiles, *tiles[-2:0:-1]], seconds=seconds)
    return [folder / name for name in names]


def write_film(
    path: Path,
    model: FaceGenerator,
    X: Float[np.ndarray, "t V 3"],
    *,
    fps: int,
    size: tuple[int, int] = (540, 480),
    progress: Progress = silent,
) -> None:
    """Draw frames from the front as a film, .mp4 or .gif by the suffix.

    Parameters
    ----------
    X : mm
    size : pixels
        Height and width.
    """
    faces, frame = model.faces.cpu().numpy(), frame_of(X, size=size)

    def pictures() -> Iterator[np.ndarray]:
        for k, V in enumerate(X):
            yield render_mesh(V, faces, size=size, frame=frame)
            progress("drawing", k + 1, len(X))

    if path.suffix.lower() == ".mp4":
        save_mp4(path, pictures(), fps=fps)
    else:
        save_gif(path, list(pictures()), seconds=len(X) / fps)


def is_path(path: Path) -> bool:
    """Return whether a file is one that `write_path` writes."""
    return path.name in (STRIP, ANIMATION, CODES) or (
        path.stem.removeprefix("face-").isdigit() and path.suffix[1:] in FORMATS
    )


def draw_transfer(
    model: FaceGenerator,
    X: Sequence[Float[np.ndarray, "V 3"]],
    captions: Sequence[str],
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw faces side by side at one scale: source, target, result."""
    faces, frame = model.faces.cpu().numpy(), frame_of(np.stack(list(X)), size=TILE)
    tiles = [render_mesh(V.astype(np.float64), faces, size=TILE, frame=frame) for V in X]
    return contact_sheet(tiles, len(tiles), list(captions))


def write_fit(
    model: FaceGenerator,
    folder: Path,
    fit: Fit,
    facts: Mapping[str, Any],
    *,
    landmarks: tuple[Float[np.ndarray, "k 3"], Float[np.ndarray, "k 3"]] | None,
    target: Target | None,
    format: str = "obj",
) -> None:
    """Write a fit of one face: the mesh in the target's frame, codes, errors, a picture.

    Parameters
    ----------
    facts
        What goes into `fit.json` beside the errors.
    landmarks
        Where they were wanted and where they are, in the model's frame, in mm.
    target
        The scan that was followed, in its own frame.

    Raises
    ------
    FileExistsError
        `folder` is a file, or holds other files.
    """
    faces = model.faces.cpu().numpy()
    V = fit.vertices[0].double().cpu().numpy()
    motion = fit.motions[0]
    record: dict[str, Any] = dict(facts)
    record["motion"] = {"R": motion.R.tolist(), "t": motion.t.tolist(), "scale": motion.scale}
    errors: dict[str, Any] = {}
    if landmarks is not None:
        off = np.linalg.norm(landmarks[0] - landmarks[1], axis=1)
        errors["landmarks"] = {"rms": float(np.sqrt(np.mean(off**2))), "max": float(off.max())}
    if target is not None:
        distance = target.closest(motion.apply(V)).distance / motion.scale
        names, at = ("p50", "p90", "p99"), np.percentile(distance, [50, 90, 99])
        errors["surface"] = {"mean": float(distance.mean()), **dict(zip(names, at, strict=True))}
    record["errors_mm"] = errors
    with written_folder(folder, is_fit, "those of a fit") as aside:
        save_face(aside / f"face.{format}", model, motion.apply(V))
        write_codes(aside / CODES, model, fit.codes)
        with atomic_path(aside / REPORT) as path:
            path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", "utf-8")
        save_png(aside / PICTURE, _draw_fit(V, faces, fit, landmarks, target))


def is_fit(path: Path) -> bool:
    """Return whether a file is one that `write_fit` writes."""
    return path.name in (PICTURE, CODES, REPORT) or (
        path.stem == "face" and path.suffix[1:] in FORMATS
    )


def _draw_fit(
    V: np.ndarray,
    F: np.ndarray,
    fit: Fit,
    landmarks: tuple[np.ndarray, np.ndarray] | None,
    target: Target | None,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw the face from the front and from the side, its landmarks, and the scan beside it."""
    frame = frame_of(V[None], size=TILE)
    back = fit.motions[0].inverse()
    tiles, captions = [], []
    views: tuple[tuple[View, str], ...] = (("front", "fit"), ("profile", "fit, in profile"))
    for view, caption in views:
        W, T, colors = V, F, None
        if landmarks is not None:
            W, T, colors = with_marks(V, F, *landmarks)
        tiles.append(render_mesh(W, T, size=TILE, view=view, frame=frame, colors=colors))
        captions.append(caption)
    if target is not None and target.F is not None:
        scan = back.apply(target.V)
        tiles.append(render_mesh(scan, target.F, size=TILE, frame=frame))
        captions.append("scan")
        distance = target.closest(fit.motions[0].apply(V)).distance / fit.motions[0].scale
        tiles.append(
            render_mesh(
                V, F, size=TILE, frame=frame, mode="scalar", field=distance, limits=(0.0, 3.0)
            )
        )
        captions.append("distance, 0 to 3 mm")
    return contact_sheet(tiles, len(tiles), captions)


def with_marks(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    wanted: Float[np.ndarray, "k 3"],
    reached: Float[np.ndarray, "j 3"],
    *,
    size: float = _MARK,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add an octahedron for every landmark: green where it is wanted, red where it is.

    Parameters
    ----------
    size : mm
        Half the width of a mark.

    Returns
    -------
    V, F, colors
        Of the mesh, which becomes grey, and the marks.
    """
    corner = np.concatenate([np.eye(3), -np.eye(3)]) * size
    sides = np.array(
        [[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]]
    )
    points = np.concatenate([wanted, reached])
    W = np.concatenate([V, (points[:, None] + corner).reshape(-1, 3)])
    more = sides + (len(V) + 6 * np.arange(len(points)))[:, None, None]
    colors = np.full((len(W), 3), 0.75)
    colors[len(V) : len(V) + 6 * len(wanted)] = _GIVEN
    colors[len(V) + 6 * len(wanted) :] = _REACHED
    return W, np.concatenate([F, more.reshape(-1, 3)]), colors
