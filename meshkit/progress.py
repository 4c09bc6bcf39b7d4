"""How far a piece of work is: the one thing that whatever takes long is told to call."""

from collections.abc import Callable

# Called with the stage, how much of it is done, and of how much in all (0: unknown).
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""
