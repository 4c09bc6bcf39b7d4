"""`training.on_divergence = "rollback"`: back to the newest good checkpoint, at half the rates.

The run goes on as it would have gone without interruption: only checkpoints of the regular kind
(a multiple of `output.checkpoint_every`, 0 included) are gone back to, not those that a Ctrl-C
left; what a checkpoint does not know yet is found again, since the same steps diverge again.
"""

import warnings
from pathlib import Path
from typing import Any

from gan import parallel
from gan.errors import TrainingDiverged
from gan.runs.checkpoints import drop_newer, newest_good_checkpoint, what_remains
from gan.training.checkpoint import restore
from gan.training.state import RATE_AFTER_ROLLBACK, TrainState

MOST_ROLLBACKS = 5  # the rates are then at 1/32: what still diverges will not be mended by rates


def roll_back(state: TrainState, run: Path, cause: TrainingDiverged) -> None:
    """Set the state, in place, to the newest good checkpoint, its rates halved once more.

    Raises
    ------
    TrainingDiverged
        The configuration says "stop", or it has rolled back as often as it may.
    """
    if state.config.training.on_divergence != "rollback":
        raise TrainingDiverged(
            f"{cause}; {what_remains(run)}; --on-divergence rollback halves the rates instead of "
            "stopping"
        ) from cause
    if len(state.rollbacks) >= MOST_ROLLBACKS:
        raise TrainingDiverged(
            f"{cause}; rolled back {MOST_ROLLBACKS} times already, the rates at "
            f"{RATE_AFTER_ROLLBACK**MOST_ROLLBACKS:g} of the configured ones: lower "
            "optimizer.rate_d or look at the data"
        ) from cause
    before, minutes = state.rollbacks, state.minutes
    every = state.config.output.checkpoint_every
    good = newest_good_checkpoint(run, every=every)
    restore(state, good)
    parallel.wait_for_all()  # all have chosen the same one
    if parallel.rank() == 0:
        drop_newer(run, good)
    state.minutes = minutes  # the time has been spent
    rate = RATE_AFTER_ROLLBACK ** (len(before) + 1)
    state.rollbacks = [*before, {"to": state.step, "rate": rate, "why": str(cause)}]
    warnings.warn(f"{cause}: back to iteration {state.step}, rates x {rate:g}", stacklevel=3)


def rollback_notes(state: TrainState, logged_every: int) -> dict[str, Any]:
    """Return what the log's line of this step says of rollbacks: how many so far, and the new."""
    if not state.rollbacks:
        return {}
    last_line = (state.step - 1) // logged_every * logged_every
    new = [one for one in state.rollbacks if last_line <= one["to"] < state.step]
    return {"rollbacks": len(state.rollbacks)} | ({"rolled_back": new} if new else {})
