"""A training that diverged, back to the newest good checkpoint, at half the rates.

The run goes on as it would have gone without interruption: only checkpoints of the regular kind
(a multiple of `Habits.checkpoint_every`, 0 included) are gone back to, not those that a Ctrl-C
left; what a checkpoint does not know yet comes to light again, since the same steps diverge again.
"""

import warnings
from pathlib import Path
from typing import Any

from gan import parallel
from gan.errors import TrainingDiverged
from gan.runs.checkpoints import drop_newer, newest_good_checkpoint, what_remains
from gan.runs.resuming import restore
from gan.runs.trainable import Habits, Position, Trainable

RATE_AFTER_ROLLBACK = 0.5  # of all learning rates, after each rollback
MAX_ROLLBACKS = 5  # the rates are then at 1/32: what still diverges will not be mended by rates


def roll_back(trained: Trainable, run: Path, habits: Habits, cause: TrainingDiverged) -> None:
    """Set a training, in place, to the newest good checkpoint, its rates halved once more.

    Raises
    ------
    TrainingDiverged
        It is to stop instead, or has rolled back as often as it may.
    """
    if not habits.rollback:
        said = f"{cause}; {what_remains(run)}"
        if habits.checkpoint_every is None:
            raise TrainingDiverged(said) from cause
        raise TrainingDiverged(said, remedy="roll-back") from cause
    before, minutes = trained.at.rollbacks, trained.at.minutes
    if len(before) >= MAX_ROLLBACKS:
        raise TrainingDiverged(
            f"{cause}; rolled back {MAX_ROLLBACKS} times already, the rates at "
            f"{RATE_AFTER_ROLLBACK**MAX_ROLLBACKS:g} of the configured ones: lower "
            "optimizer.rate_d or look at the data"
        ) from cause
    every = habits.checkpoint_every or 1
    good = parallel.from_first(lambda: newest_good_checkpoint(run, every=every))
    restore(trained, good)
    if parallel.rank() == 0:
        drop_newer(run, good)
    rate = RATE_AFTER_ROLLBACK ** (len(before) + 1)
    trained.at.minutes = minutes  # the time has been spent
    new = {"to": trained.at.step, "rate": rate, "why": str(cause)}
    trained.at.rollbacks = [*before, new]
    warnings.warn(
        f"{cause}: back to {trained.unit} {trained.at.step}, rates x {rate:g}", stacklevel=3
    )


def rollback_notes(at: Position, logged_every: int) -> dict[str, Any]:
    """Return what the log's line of this step says of rollbacks: how many so far, and the new."""
    if not at.rollbacks:
        return {}
    last_line = (at.step - 1) // logged_every * logged_every
    new = [one for one in at.rollbacks if last_line <= one["to"] < at.step]
    return {"rollbacks": len(at.rollbacks)} | ({"rolled_back": new} if new else {})
