"""Fit a template to a moving scan, coherently in time."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import takes_mesh
from meshkit.errors import SolveError
from meshkit.progress import Progress, silent
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

Kept = MutableMapping[tuple[int, int], TemplateFit]  # (pass, frame) -> fit


@takes_mesh
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
    unfitted: Int[np.ndarray, " k"] | None = None,
    kept: Kept | None = None,
    progress: Progress = silent,
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
    targets
        Asked for one at a time, in order, in each pass: they may be read from files when asked for.
    landmarks
        One set, or None, per frame.
    smoothness : 1
        Weight of the pull, relative to that of a scan point; 0: one pass only.
    start
        Takes the template near the first frame.
    unfitted
        As in `fit_template`.
    kept
        Where the fits of (pass, frame) are put as they are made; those that it holds already are
        taken instead of made. Kept on disk, an interrupted call goes on where it was, with the same
        result to the last bit. It must come from a call with the same arguments.
    progress
        Called after each frame of each pass.

    Raises
    ------
    ValueError
        There is no frame; there are more or fewer sets of landmarks; `smoothness` is negative.
    SolveError
        What `fit_template` and `rigid_icp` raise; the message names the frame, from 0.
    """
    n = len(targets)
    marks = [None] * n if landmarks is None else list(landmarks)
    if not n or len(marks) != n:
        raise ValueError(f"{n} frames with {len(marks)} sets of landmarks")
    if not 0 <= smoothness < np.inf:
        raise ValueError(f"smoothness must not be negative, got {smoothness}")
    options = options or FitOptions()
    kept = {} if kept is None else kept
    total = n + (max(n - 2, 0) if smoothness else 0)

    def once(which: tuple[int, int], fit: Callable[[], TemplateFit]) -> TemplateFit:
        if which not in kept:
            try:
                kept[which] = fit()
            except SolveError as error:
                raise error.about(f"frame {which[1]}") from error
        progress("fitting frames", which[1] + 1 + (n - 1 if which[0] else 0), total)
        return kept[which]

    def first() -> TemplateFit:
        pose = find_start(V, F, targets[0], marks[0], scale=scale, start=start)
        own = targets[0]
        return fit_template(V, F, own, marks[0], pose=pose, options=options, unfitted=unfitted)

    fits = [once((0, 0), first)]
    frames = _Frames(fits[0], F, targets, marks, unfitted)
    follow = replace(
        options, coarse=max(_COARSE, options.fine), steps=min(_STEPS, options.steps), repeats=2
    )
    for k in range(1, n):
        fits.append(once((0, k), partial(frames.after, fits[-1], k, follow)))
    if not smoothness:
        return fits
    final = replace(follow, coarse=options.fine, steps=1, landmarks=0.1 * options.landmarks)
    for k in range(1, n - 1):
        fits[k] = once((1, k), partial(frames.between, fits, k, final, smoothness))
    return fits


class _Frames:
    """The frames after the first, whose rest shape is the fit of that one."""

    def __init__(
        self,
        own: TemplateFit,
        F: np.ndarray,
        targets: Sequence[Target],
        marks: Sequence[Landmarks | None],
        unfitted: np.ndarray | None,
    ) -> None:
        self.own, self.F, self.targets, self.marks = own, F, targets, marks
        self.unfitted = unfitted
        self.energy = DisplacementEnergy(own.V, F)

    def after(self, before: TemplateFit, k: int, options: FitOptions) -> TemplateFit:
        """Fit frame k from the one before it, moved along with the scan."""
        target = self.targets[k]
        guess = rigid_icp(before.V, self.F, target).motion.apply(before.V)
        return self._fit(k, target, guess, options)

    def between(
        self, fits: list[TemplateFit], k: int, options: FitOptions, smoothness: float
    ) -> TemplateFit:
        """Fit frame k again, pulled towards the mean of its neighbours."""
        middle = (fits[k - 1].V + fits[k + 1].V) / 2
        return self._fit(k, self.targets[k], fits[k].V, options, (smoothness, middle))

    def _fit(
        self,
        k: int,
        target: Target,
        guess: np.ndarray,
        options: FitOptions,
        anchor: tuple[float, np.ndarray] | None = None,
    ) -> TemplateFit:
        """Fit one frame; the rest shape turns with the head, so that turning is no deformation."""
        turn = procrustes(self.own.V, guess)
        return anneal(
            self.energy.moved(turn),
            self.F,
            target,
            self.marks[k],
            pose=turn.after(self.own.pose),
            start=guess,
            options=options,
            unfitted=self.unfitted,
            anchor=anchor,
        )
