"""What a run logged: `metrics.jsonl`, read as it is while the run may still be writing it."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Curve(NamedTuple):
    """One logged term."""

    name: str
    step: Float[np.ndarray, " n"]
    value: Float[np.ndarray, " n"]


class Log(NamedTuple):
    """The terms in the order in which they first occur, and the seconds of training."""

    curves: tuple[Curve, ...]
    seconds: float


def read_log(path: Path) -> Log:
    """Read a log; lines that are cut short, and values that are no finite numbers, are left out."""
    points: dict[str, list[tuple[float, float]]] = {}
    seconds = 0.0
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                row = _row(line)
                seconds = max(seconds, row.pop("seconds", 0.0))
                step = row.pop("step", None)
                if step is not None:
                    for name, value in row.items():
                        points.setdefault(name, []).append((step, value))
    curves = []
    for name, pairs in points.items():
        step, value = np.array(sorted(pairs)).T
        curves.append(Curve(name, step, value))
    return Log(tuple(curves), seconds)


def smooth(values: Float[np.ndarray, " n"], window: int) -> Float[np.ndarray, " n"]:
    """Average over a centred window, shorter towards the ends."""
    half = min(window // 2, (len(values) - 1) // 2)
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    at = np.arange(len(values))
    reach = np.minimum(half, np.minimum(at, len(values) - 1 - at))
    return np.asarray((total[at + reach + 1] - total[at - reach]) / (2 * reach + 1))


def thin(curve: Curve, max_points: int) -> Curve:
    """Average runs of neighbouring points until at most `max_points` are left."""
    n = len(curve.step)
    if n <= max_points:
        return curve
    starts = np.unique(np.linspace(0, n, max_points, endpoint=False).astype(np.int64))
    count = np.diff(starts, append=n)
    step, value = (np.add.reduceat(x, starts) / count for x in curve[1:])
    return Curve(curve.name, step, value)


def _row(line: str) -> dict[str, float]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict):
        return {}
    return {
        name: float(value)
        for name, value in row.items()
        if isinstance(value, int | float) and abs(value) < 1e300 and math.isfinite(value)
    }
