"""How far a piece of work is: the one thing that whatever takes long is told to call."""

from collections.abc import Callable

from meshkit.progress import Progress as Progress
from meshkit.progress import silent as silent


def counter(progress: Progress, stage: str, total: int = 0) -> Callable[[int], None]:
    """Return what is called with the number of things done since it was called last."""
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        progress(stage, done, total)

    return advance
