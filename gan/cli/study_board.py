"""How far a study is: a list of its stages with time spent and time left, or lines in a log."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gan.cli.stage_bar import StageBar

if TYPE_CHECKING:
    from gan.study.plan import Stage
    from gan.study.study import Found

MARKS = {"done": "✓", "found": "✓", "failed": "✗", "left out": "–", "running": "▸", "": " "}


class StudyBoard:
    """The stages of a study on stderr; on a terminal a list that lives, else a line for each."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self.bar = StageBar()
        self.stages: Sequence[Stage] = ()
        self.found: list[Found] = []
        self.how: list[str] = []
        self.now, self.began, self.share = -1, 0.0, 0.0
        self._live: Any = None

    def __enter__(self) -> "StudyBoard":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._live is not None:
            self._live.__exit__(*error)

    def start(self, stages: "Sequence[Stage]", found: "Sequence[Found]") -> None:
        """Take what there is to do, and what of it is there."""
        from rich.live import Live

        self.stages, self.found, self.how = stages, list(found), [""] * len(stages)
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._page,
                console=self.console,
                refresh_per_second=2,
                transient=True,
            )
            self._live.__enter__()

    def begin(self, k: int) -> None:
        """Stage k begins."""
        self.now, self.began, self.share = k, time.monotonic(), 0.0
        self.how[k] = "running"
        if self._live is not None:
            self.bar.update(self.stages[k].name, 0, 0)
        self._say(f"{self._count(k)} {self.stages[k].name}: about {span(self.found[k].left)}")

    def report(self, what: str, done: int, total: int) -> None:
        """Say what the stage is doing, how far it is, of how much (0: unknown)."""
        self.share = done / total if total else 0.0
        if self._live is not None:
            self.bar.update(what, done, total)

    def end(self, k: int, found: "Found", how: str) -> None:
        """Stage k is over."""
        self.found[k], self.how[k], self.now = found, how, -1
        line = {
            "done": f"done in {span(found.minutes)}",
            "found": "was there already",
            "failed": "failed; the study goes on without it",
            "left out": "left out",
        }[how]
        left = self.minutes_left()
        self._say(f"{self._count(k)} {self.stages[k].name}: {line}; about {span(left)} left")

    def minutes_left(self) -> float:
        """Return about how long the study still takes."""
        total = 0.0
        for k, found in enumerate(self.found):
            if self.how[k] in ("", "running"):
                total += self._left(k, found)
        return total

    def _left(self, k: int, found: "Found") -> float:
        if k != self.now:
            return found.left
        spent = (time.monotonic() - self.began) / 60
        if self.share > 0.02 and self.stages[k].kind in ("training", "data"):
            return spent * (1 - self.share) / self.share
        return max(found.left - spent, 0.0)

    def _count(self, k: int) -> str:
        return f"[{k + 1}/{len(self.stages)}]"

    def _say(self, line: str) -> None:
        if self._live is None:
            click.echo(line, err=True)

    def _page(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for k, stage in enumerate(self.stages):
            how, found = self.how[k], self.found[k]
            text = f"about {span(self._left(k, found))} left"
            if how in ("done", "found"):
                text = span(found.minutes) if found.minutes else ""
            elif how in ("failed", "left out"):
                text = how
            elif how == "" and found.status == "done":
                text = "there"
            style = "bold" if how == "running" else "dim" if how else ""
            table.add_row(Text(MARKS[how]), Text(stage.name, style=style), Text(text, style="dim"))
        total = Text(f"about {span(self.minutes_left())} left in all", style="dim")
        parts = [table, self.bar.bar.get_renderable()] if self.now >= 0 else [table]
        return Group(*parts, total)


def span(minutes: float) -> str:
    """Write a time as people say it."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{int(minutes // 60)} h {minutes % 60:02.0f} min"
