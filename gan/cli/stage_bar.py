"""A progress bar for work whose stages come one after the other, each of its own length."""

from typing import Any

from meshkit.cli.messages import bar_of


class StageBar:
    """A bar with time passed and time left; silent without a terminal."""

    def __init__(self) -> None:
        from rich import progress as bars

        self.bar = bar_of(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
        )
        self.task: Any = None
        self.stage = ""

    def __enter__(self) -> "StageBar":
        self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.__exit__(*error)

    def update(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is, of how much (0: unknown); a new stage begins a new bar."""
        if self.task is None or stage != self.stage:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task, self.stage = self.bar.add_task(stage), stage
        self.bar.update(self.task, completed=done, total=total or None)
