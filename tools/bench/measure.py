"""Time two functions in turns; describe the machine."""

import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple

# The wall's; `--cpu` takes the processor's, all threads added up, on which other work hardly tells.
clock: Callable[[], float] = time.perf_counter


class Row(NamedTuple):
    """One line of the table; ratio = peer's time over ours: above 1, ours is faster."""

    what: str
    seconds: float
    peer_seconds: float | None
    peer: str
    note: str = ""

    def __str__(self) -> str:
        theirs = f"{_time(self.peer_seconds):>10}" if self.peer_seconds else " " * 10
        ratio = f"{self.peer_seconds / self.seconds:7.1f}x" if self.peer_seconds else " " * 8
        tail = f"{self.peer}  {self.note}".rstrip()
        return f"{self.what:44} {_time(self.seconds):>10} {theirs} {ratio}  {tail}"


def race(
    what: str,
    ours: Callable[[], object],
    theirs: Callable[[], object] | None,
    peer: str,
    *,
    repeats: int = 5,
    note: str = "",
) -> Row:
    """Take the best of `repeats` of each, in turns, after one of each that does not count.

    With one repeat there is none before it: such rows take long, and a warm start is nothing.
    """
    if repeats > 1:
        ours()
        if theirs is not None:
            theirs()
    best, other = float("inf"), float("inf")
    for _ in range(repeats):
        best = min(best, _seconds(ours))
        if theirs is not None:
            other = min(other, _seconds(theirs))
    return Row(what, best, other if theirs is not None else None, peer, note)


def environment() -> dict[str, object]:
    """Return what a reader needs to place the figures."""
    names = ("numpy", "scipy", "torch", "libigl")
    versions = {name: metadata.version(name) for name in names}
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "clock": clock.__name__}
    return machine | versions


def _seconds(function: Callable[[], object]) -> float:
    began = clock()
    function()
    return clock() - began


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
