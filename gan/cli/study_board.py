"""How far a study is: a list of its jobs with time spent and time left, or lines in a log."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.progress import span

if TYPE_CHECKING:
    from gan.study.plan import Plan, StudyJob

MARKS = {"done": "✓", "failed": "✗", "begun": "▸", "stopped": "–", "": " "}
ENDS = {"done": "done in", "failed": "failed after", "stopped": "stopped after"}
MIN_SHARE = 0.02  # of a training, from which on its own pace says when it ends
MAX_ROWS = 30  # jobs that are listed; of more, those that run or failed
PULSE = 60.0  # seconds after which a log hears what is being done


class StudyBoard:
    """The jobs of a study on stderr; on a terminal a list that lives, else a line for each.

    Parameters
    ----------
    at_a_time : how many jobs run side by side
    """

    def __init__(self, folder: Path, plan: "Plan", at_a_time: int) -> None:
        from rich.console import Console

        self.folder, self.plan, self.at_a_time = folder, plan, at_a_time
        self.console = Console(stderr=True)
        self.jobs: dict[str, StudyJob] = {}
        self.state: dict[str, str] = {}
        self.began: dict[str, float] = {}
        self.first_share: dict[str, float] = {}  # of a training, when it began or went on
        self.spent: dict[str, float] = {}  # minutes, of jobs that ended
        self._live: Any = None
        self._over = threading.Event()

    def __enter__(self) -> "StudyBoard":
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        if self._live is not None:
            self._live.__exit__(*error)

    def start(self, jobs: "Sequence[StudyJob]") -> None:
        """Take the jobs that are asked for, with all that they need."""
        from rich.live import Live

        self.jobs, self.state = {job.name: job for job in jobs}, {job.name: "" for job in jobs}
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._page,
                console=self.console,
                refresh_per_second=1,
                transient=True,
            )
            self._live.__enter__()
        else:
            threading.Thread(target=self._tell_now_and_then, daemon=True).start()

    def change(self, job: "StudyJob", kind: str) -> None:
        """A job is "begun", "done", "failed" or "stopped", which goes on another day."""
        name, now = job.name, time.monotonic()
        self.jobs.setdefault(name, job)
        self.state[name] = kind
        # What a job needs was there, unless it was done now.
        for need in self.state.keys() & {*job.needs}:
            self.state[need] = self.state[need] or "done"
        if kind == "begun":
            self.began[name], self.first_share[name] = now, self._share(job)
            self._say(f"{name}: about {span(job.minutes * self._pace())}")
            return
        self.spent[name] = (now - self.began.get(name, now)) / 60
        line = f"{name}: {ENDS[kind]} {span(self.spent[name])}"
        self._say(f"{line}; about {span(self.minutes_left())} left")

    def minutes_left(self) -> float:
        """Return about how long the study still takes."""
        left = [self._left(job) for job in [*self.jobs.values()]]
        return time_left(left, self.at_a_time)

    def _pace(self) -> float:
        """Return how much longer jobs take here than their budgets say."""
        done = [name for name in self.spent if self.state[name] == "done"]
        planned = sum(self.jobs[name].minutes for name in done)
        return sum(self.spent[name] for name in done) / planned if planned else 1.0

    def _left(self, job: "StudyJob") -> float:
        state = self.state[job.name]
        if state != "begun":
            return 0.0 if state else job.minutes * self._pace()
        spent = (time.monotonic() - self.began[job.name]) / 60
        share = self._share(job)
        gained = share - self.first_share[job.name]
        if gained > MIN_SHARE:
            return spent * (1 - share) / gained
        return max(job.minutes * self._pace() - spent, 0.0)

    def _share(self, job: "StudyJob") -> float:
        """Return which share of a training is done; 0 of any other job."""
        from gan.study.trained import share_done

        if job.kind != "training":
            return 0.0
        return share_done(self.plan.trial(str(job.trial)), self.folder / job.run)

    def _tell_now_and_then(self) -> None:
        """Say what runs, until the study is over: in a log, a long job would say nothing."""
        while not self._over.wait(PULSE):
            running = [job for job in [*self.jobs.values()] if self.state[job.name] == "begun"]
            texts = [f"{job.name} ({self._how_far(job)})" for job in running]
            if texts:
                left = f"about {span(self.minutes_left())} left in all"
                self._say(f"{', '.join(texts)}; {left}")

    def _how_far(self, job: "StudyJob") -> str:
        left = self._left(job)
        if left > 0:
            return f"about {span(left)} left"
        return f"for {span((time.monotonic() - self.began[job.name]) / 60)}, longer than planned"

    def _say(self, line: str) -> None:
        if self._live is None:
            ended = sum(state in ENDS for state in self.state.values())
            click.echo(f"[{ended}/{len(self.jobs)}] {line}", err=True)

    def _page(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        few = len(self.jobs) <= MAX_ROWS
        for name, job in self.jobs.items():
            state = self.state[name]
            if not few and state not in ("begun", "failed"):
                continue
            text = f"about {span(self._left(job))} left"
            if state in ENDS:
                text = span(self.spent[name]) if name in self.spent else "there"
            style = "bold" if state == "begun" else "dim" if state else ""
            table.add_row(Text(MARKS[state]), Text(name, style=style), Text(text, style="dim"))
        ended = sum(state == "done" for state in self.state.values())
        line = f"{ended} of {len(self.jobs)} jobs done; about {span(self.minutes_left())} left"
        return Group(table, Text(line, style="dim"))


def time_left(minutes: "Sequence[float]", at_a_time: int) -> float:
    """Return about how long jobs take of which so many run side by side."""
    return max(sum(minutes) / at_a_time, *minutes, 0.0)
