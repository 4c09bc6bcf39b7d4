"""A progress bar that can be interrupted anywhere, for the commands of `gan data`."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from gan.cli.progress import bar_of


@contextlib.contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, if that is a terminal; yield what advances it by a number of steps.

    Ctrl-C takes effect at the next step: Python drops a KeyboardInterrupt that is raised inside a
    callback of its garbage collector, and h5py has many of those. A second one acts at once.
    """
    from rich import progress as bars

    bar = bar_of(
        bars.TextColumn(title),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    with _noted_interrupts() as interrupted, bar:
        task = bar.add_task("", total=total)

        def advance(n: int) -> None:
            if interrupted.is_set():
                raise KeyboardInterrupt
            bar.advance(task, n)

        yield advance


@contextlib.contextmanager
def _noted_interrupts() -> Iterator[threading.Event]:
    """Yield an event that the first SIGINT sets; the second raises as usual."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may set handlers
        return
    before = signal.getsignal(signal.SIGINT)
    if before is None:  # not set from Python, so it could not be set again
        before = signal.default_int_handler

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the program as an error would, so that what is under way is put away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
