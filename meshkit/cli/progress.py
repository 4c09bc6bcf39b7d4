"""How far a command is: a bar on a terminal, a plain line now and then in a log."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.manners import QUIET
from meshkit.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

FIRST = 10.0  # seconds of a stage before its first line
PULSE = 30.0  # seconds between two lines
VARIABLE = "MESHKIT_PROGRESS_SECONDS"  # another PULSE; 0: no lines


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield what shows on stderr how far a stage is, of how much (0: unknown)."""
    with Stages() as stages:
        yield stages.update


class Stages:
    """Stages that come one after the other, each with its pace and the time it still takes.

    On a terminal a bar that is gone at the end. Elsewhere (batch systems, files) a line when a
    stage has taken ten seconds, and every half minute from then on, also where the work does not
    call for long. Nothing with --quiet.
    """

    def __init__(self) -> None:
        from rich.console import Console

        console = Console(stderr=True)
        ctx = click.get_current_context(silent=True)
        quiet = ctx is not None and bool(ctx.meta.get(QUIET))
        self._show: _Bar | _Lines | None = None
        if console.is_terminal:
            self._show = _Bar(console)
        elif not quiet:
            self._show = _Lines()

    def __enter__(self) -> "Stages":
        if self._show is not None:
            self._show.begin()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._show is not None:
            self._show.end()

    def update(self, stage: str, done: int, total: int) -> None:
        """Say how far a stage is; another stage begins anew."""
        if self._show is not None:
            self._show.update(stage, done, total)


class _Bar:
    def __init__(self, console: "Console") -> None:
        from rich import progress as bars

        self.bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.task: Any = None
        self.pace = _Pace("", 0, 0)

    def begin(self) -> None:
        self.bar.__enter__()

    def end(self) -> None:
        self.bar.__exit__(None, None, None)

    def update(self, stage: str, done: int, total: int) -> None:
        if self.task is None or stage != self.pace.stage:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task(stage, rate="")
            self.pace = _Pace(stage, done, total)
        self.pace.done, self.pace.total = done, total
        self.bar.update(self.task, completed=done, total=total or None, rate=self.pace.rate)


class _Lines:
    def __init__(self) -> None:
        self.pulse = float(os.environ.get(VARIABLE, PULSE))
        self.pace: _Pace | None = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._tell, daemon=True)

    def begin(self) -> None:
        if self.pulse > 0:
            self.thread.start()

    def end(self) -> None:
        self.over.set()
        if self.thread.ident is not None:
            self.thread.join()

    def update(self, stage: str, done: int, total: int) -> None:
        if self.pace is None or stage != self.pace.stage:
            self.pace = _Pace(stage, done, total)
        self.pace.done, self.pace.total = done, total

    def _tell(self) -> None:
        told, stage = 0.0, ""
        first = min(FIRST, self.pulse)
        while not self.over.wait(min(1.0, self.pulse / 2)):
            pace, now = self.pace, time.monotonic()
            if pace is None:
                continue
            wait = self.pulse if stage == pace.stage else first
            if now - max(told if stage == pace.stage else 0.0, pace.began) >= wait:
                told, stage = now, pace.stage
                click.echo(pace.line(), err=True)


class _Pace:
    """How far one stage is, and how fast it goes."""

    def __init__(self, stage: str, done: int, total: int) -> None:
        self.stage, self.first, self.done, self.total = stage, done, done, total
        self.began = time.monotonic()

    @property
    def per_second(self) -> float:
        """Return how much is done in a second; 0 while that is not known."""
        seconds = time.monotonic() - self.began
        return (self.done - self.first) / seconds if seconds > 1 else 0.0

    @property
    def rate(self) -> str:
        """Return the pace in words."""
        if not self.per_second:
            return ""
        one = self.per_second < 1
        return f"{1 / self.per_second:.1f} s each" if one else f"{self.per_second:.1f}/s"

    def line(self) -> str:
        """Return a line for a log."""
        passed = span((time.monotonic() - self.began) / 60)
        if not self.total:
            return f"{self.stage}: {passed} so far"
        line = f"{self.stage}: {self.done:,} of {self.total:,}"
        if not self.per_second:
            return f"{line}, {passed} so far"
        left = (self.total - self.done) / self.per_second / 60
        return f"{line}, {self.rate}, about {span(left)} left"


def span(minutes: float) -> str:
    """Write a time as people say it."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{int(minutes // 60)} h {minutes % 60:02.0f} min"
