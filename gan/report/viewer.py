"""Faces that can be turned and moved in a page, by a script that the page carries."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gan.export.linearisation import linearise
from gan.export.shapes import FactorShapes, face_shapes, zero_codes
from gan.models.contract import FaceGenerator
from gan.report.packed import pack
from meshkit.report.pictures import Picture

DIRECTIONS = 4  # sliders of a factor
SIGMAS = 2.0  # how far they go
LINEAR_SAMPLES = 400  # random faces that the directions are found from, at least
STEPS = (0.01, 0.02, 0.05, 0.1)  # mm: coordinates are rounded to the first that is small enough
MAX_DATA = 3_000_000  # characters of a viewer's data, where rounding can do it
FINEST = 1e-6  # of the extent: whole numbers stay far below 2³⁰
UV_STEPS = 8192


class Viewer(NamedTuple):
    """A face as `face_viewer` of `viewer.html` shows it.

    Attributes
    ----------
    spec : what the script reads, as JSON
    still : what is shown where scripts do not run
    """

    spec: str
    still: Picture


def model_viewer(
    model: FaceGenerator, *, label: str, still: Picture, directions: int = DIRECTIONS
) -> Viewer:
    """Return a viewer of the model's mean face; the page needs `assemble(viewers=True)`.

    The strongest directions of every factor are sliders of ±2 standard deviations, the classes of
    factors with at most 20 are buttons. Each is exact by itself; mixtures add up.

    Parameters
    ----------
    label
        What the face is, for those who cannot see it.
    still
        What is shown where scripts do not run.

    Raises
    ------
    CheckpointError
        The model generates vertices that are not finite.
    """
    model = model.to("cpu")
    total = sum(f.code_size for f in model.factors) + model.noise_size
    linear = linearise(model, n_samples=max(LINEAR_SAMPLES, 4 * total))
    V, shapes = face_shapes(model, zero_codes(model), linear, directions=directions, sigmas=SIGMAS)
    return mesh_viewer(
        V,
        model.faces.numpy().astype(np.int64),
        model.UV.double().numpy(),
        shapes,
        label=label,
        rest="mean",
        still=still,
    )


def mesh_viewer(
    V: Float[np.ndarray, "V 3"],
    F: Int[np.ndarray, "T 3"],
    UV: Float[np.ndarray, "V 2"] | None,
    shapes: Sequence[FactorShapes],
    *,
    label: str,
    rest: str,
    still: Picture,
) -> Viewer:
    """Return a viewer of a face, in mm, and the shapes that it can take.

    Parameters
    ----------
    rest
        What the button is called that takes a factor back to the face, where the face has none of
        its classes.
    """
    moves: list[np.ndarray] = []
    groups = [_group(part, V, moves, rest) for part in shapes]
    farthest = [float(np.linalg.norm(move, axis=1).max()) for move in moves]
    step, data = _pack(V, F, UV, moves)
    spec = {
        "label": label,
        "faces": len(F),
        "vertices": len(V),
        "uv": None if UV is None else UV_STEPS,
        "targets": len(moves),
        "step": step,
        "reach": _round_up(float(np.median(farthest or [1.0]))),
        "groups": [group for group in groups if group["sliders"] or group["choices"]],
        "data": data,
    }
    return Viewer(json.dumps(spec), still)


def _group(
    part: FactorShapes, V: Float[np.ndarray, "V 3"], moves: list[np.ndarray], rest: str
) -> dict[str, Any]:
    """Describe one factor's sliders and buttons; what moves their targets joins `moves`."""

    def target(X: Float[np.ndarray, "V 3"]) -> int:
        moves.append(X - V)
        return len(moves) - 1

    sliders = [
        {
            "name": str(k + 1),
            "plus": target(plus),
            "minus": target(minus),
            "unit": SIGMAS,
            "symbol": " σ",
            "text": f"1 σ moves vertices by {sigma / np.sqrt(len(V)):.2g} mm, root mean square",
        }
        for k, (plus, minus, sigma) in enumerate(
            zip(part.plus, part.minus, part.sigma, strict=True)
        )
    ]
    choices: list[dict[str, Any]] = []
    own = [label for label, X in part.classes.items() if X is None]
    if part.classes:
        choices.append({"name": own[0] if own else rest, "target": None})
    choices += [
        {"name": label, "target": target(X)} for label, X in part.classes.items() if X is not None
    ]
    return {"name": part.factor, "sliders": sliders, "choices": choices}


def _pack(
    V: Float[np.ndarray, "V 3"],
    F: Int[np.ndarray, "T 3"],
    UV: Float[np.ndarray, "V 2"] | None,
    moves: Sequence[np.ndarray],
) -> tuple[float, str]:
    """Pack everything at the finest step that keeps it small; return the step, mm, and the text."""
    extent = max(float(np.abs(X).max()) for X in (V, *moves))
    flat = [] if UV is None else [_whole(UV * UV_STEPS)]
    for step in STEPS:
        step = max(step, FINEST * extent)
        data = pack([F, _whole(V / step), *flat, *(_whole(move / step) for move in moves)])
        if len(data) <= MAX_DATA:
            break
    return step, data


def _whole(x: Float[np.ndarray, "n c"]) -> Int[np.ndarray, "n c"]:
    return np.asarray(np.rint(x), dtype=np.int64)


def _round_up(x: float) -> float:
    """Return the next of 1, 2, 5, 10, … that is not below, so that a scale has a round end."""
    power = 10.0 ** np.floor(np.log10(max(x, 1e-3)))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= x * 0.999))
