"""Fit a template to a moving scan, coherently in time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from meshkit.registration.icp import rigid_icp
from meshkit.registration.landmarks import Landmarks
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity
from meshkit.registration.stiffness import DisplacementEnergy
from meshkit.registration.target import Target
from meshkit.registration.template_fit import (
    FitOptions,
    TemplateFit,
    anneal,
    find_start,
    fit_template,
)

_STEPS = 6  # of a frame that starts from the one before: the stiffest steps are done
_COARSE = 0.5  # of the radius: the largest detail in which two frames differ


def fit_sequence(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    targets: Sequence[Target],
    landmarks: Sequence[Landmarks | None] | None = None,
    *,
    smoothness: float = 1.0,
    scale: bool = False,
    start: Similarity | None = None,
    options: FitOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[TemplateFit]:
    """Fit a template to every frame of a sequence.

    The first frame is fitted from scratch (`find_start`, `fit_template`). Its fit is the rest shape
    of all others: the person's own face instead of the template's. Each starts from the frame
    before, moved along with the scan by rigid ICP, and skips the stiff steps; so it must resemble
    the one before, as at 25 frames per second or more. With `smoothness` a second pass solves each
    frame again with a pull towards the mean of its two neighbours, which removes jitter without
    lagging behind.

    Parameters
    ----------
    V : length
    landmarks
        One set, or None, per frame.
    smoothness : 1
        Weight of the pull, relative to that of a scan point; 0: one pass only.
    start
        Takes the template near the first frame.
    progress
        Called after each frame of each pass.

    Raises
    ------
    ValueError
        There is no frame; there are more or fewer sets of landmarks; `smoothness` is negative.
    SolveError
        What `fit_template` and `rigid_icp` raise.
    """
    marks = [None] * len(targets) if landmarks is None else list(landmarks)
    if not targets or len(marks) != len(targets):
        raise ValueError(f"{len(targets)} frames with {len(marks)} sets of landmarks")
    if not 0 <= smoothness < np.inf:
        raise ValueError(f"smoothness must not be negative, got {smoothness}")
    options = options or FitOptions()
    n_steps = len(targets) + (max(len(targets) - 2, 0) if smoothness else 0)
    tell = progress or (lambda done, total: None)
    pose = find_start(V, F, targets[0], marks[0], scale=scale, start=start)
    fits = [fit_template(V, F, targets[0], marks[0], pose=pose, options=options)]
    tell(1, n_steps)
    own = fits[0].V
    energy = DisplacementEnergy(own, F)
    follow = replace(
        options, coarse=max(_COARSE, options.fine), steps=min(_STEPS, options.steps), repeats=2
    )
    for target, mark in zip(targets[1:], marks[1:], strict=True):
        moved = rigid_icp(fits[-1].V, F, target).motion
        guess = moved.apply(fits[-1].V)
        fits.append(_fit_frame(energy, own, F, target, mark, pose, guess, follow))
        tell(len(fits), n_steps)
    if not smoothness:
        return fits
    final = replace(follow, coarse=options.fine, steps=1, landmarks=0.1 * options.landmarks)
    for k in range(1, len(fits) - 1):
        between = (fits[k - 1].V + fits[k + 1].V) / 2
        fits[k] = _fit_frame(
            energy, own, F, targets[k], marks[k], pose, fits[k].V, final, (smoothness, between)
        )
        tell(len(targets) + k, n_steps)
    return fits


def _fit_frame(
    energy: DisplacementEnergy,
    own: np.ndarray,
    F: np.ndarray,
    target: Target,
    mark: Landmarks | None,
    pose: Similarity,
    guess: np.ndarray,
    options: FitOptions,
    anchor: tuple[float, np.ndarray] | None = None,
) -> TemplateFit:
    """Fit one frame; the rest shape turns with the head, so that turning is no deformation."""
    turn = procrustes(own, guess)
    return anneal(
        energy.moved(turn),
        F,
        target,
        mark,
        pose=turn.after(pose),
        start=guess,
        options=options,
        anchor=anchor,
    )
