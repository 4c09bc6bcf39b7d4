"""What a change of a face does, in words of its 68 landmarks: jaw, mouth, eyes, brows, nose."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LANDMARKS = 68
# Smaller changes, and those beside a much larger one, are not told. The bounds are ours.
MIN_CHANGE = 0.2  # mm
MIN_SHARE = 0.4  # of the largest change
MAX_WORDS = 2
EYES = ((37, 41), (38, 40), (43, 47), (44, 46))


class Measure(NamedTuple):
    """A length on a face, and what is said when it grows and when it shrinks."""

    grows: str
    shrinks: str
    of: Callable[[np.ndarray], float]


def _between(*pairs: tuple[int, int]) -> Callable[[np.ndarray], float]:
    return lambda P: float(np.mean([np.linalg.norm(P[a] - P[b]) for a, b in pairs]))


# Numbers are those of Multi-PIE / iBUG, from 0; y is up, z to the front, x to the subject's left.
MEASURES = (
    Measure("mouth opens", "mouth closes", _between((61, 67), (62, 66), (63, 65))),
    Measure("mouth widens", "mouth narrows", _between((48, 54))),
    Measure(
        "mouth corners go up",
        "mouth corners go down",
        lambda P: float(P[[48, 54], 1].mean() - P[[51, 57], 1].mean()),
    ),
    Measure(
        "lips come forward",
        "lips go back",
        lambda P: float(P[[51, 57], 2].mean() - P[[31, 35], 2].mean()),
    ),
    Measure("jaw opens", "jaw closes", lambda P: float(P[33, 1] - P[8, 1])),
    Measure("chin comes forward", "chin goes back", lambda P: float(P[8, 2] - P[27, 2])),
    Measure("jaw goes left", "jaw goes right", lambda P: float(P[8, 0] - P[27, 0])),
    Measure(
        "brows go up",
        "brows go down",
        lambda P: float(P[17:27, 1].mean() - P[[36, 39, 42, 45], 1].mean()),
    ),
    Measure("brows go apart", "brows draw together", _between((21, 22))),
    Measure("eyes open", "eyes close", _between(*EYES)),
    Measure("eyes go apart", "eyes come together", _between((39, 42))),
    Measure("nose lengthens", "nose shortens", _between((27, 33))),
    Measure("nose widens", "nose narrows", _between((31, 35))),
    Measure(
        "nose comes forward", "nose goes back", lambda P: float(P[30, 2] - P[[31, 35], 2].mean())
    ),
    Measure("face widens", "face narrows", _between((1, 15), (3, 13))),
)


def in_words(
    V: Float[np.ndarray, "n 3"],
    D: Float[np.ndarray, "n 3"],
    landmarks: Int[np.ndarray, " k"] | None,
) -> str:
    """Say what a displacement D of a face V moves most; nothing without 68 landmarks.

    Parameters
    ----------
    V, D : mm
    """
    if landmarks is None or len(landmarks) != LANDMARKS:
        return ""
    before, after = V[landmarks], (V + D)[landmarks]
    changes = [measure.of(after) - measure.of(before) for measure in MEASURES]
    order = np.argsort(-np.abs(changes))
    largest = abs(changes[order[0]])
    words = [
        f"{MEASURES[k].grows if changes[k] > 0 else MEASURES[k].shrinks} {abs(changes[k]):.1f} mm"
        for k in order[:MAX_WORDS]
        if abs(changes[k]) >= max(MIN_CHANGE, MIN_SHARE * largest)
    ]
    return ", ".join(words)
