"""A progress bar that can be interrupted anywhere, for the commands of `gan data`."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from gan.progress import Progress
from meshkit.cli.progress import Stages


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a bar on stderr, if that is a terminal; yield what is told how far each stage is.

    Ctrl-C takes effect when it is told next: Python drops a KeyboardInterrupt that is raised inside
    a callback of its garbage collector, and h5py has many of those. A second one acts at once.
    """
    with _noted_interrupts() as interrupted, Stages() as bar:

        def show(stage: str, done: int, total: int) -> None:
            if interrupted.is_set():
                raise KeyboardInterrupt
            bar.update(stage, done, total)

        yield show


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
