"""Progress bars: the one kind that all commands show, and one over named stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def bar_of(*columns: "ProgressColumn") -> "Progress":
    """Return a bar on stderr that is gone when it is done; silent without a terminal."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    # Disabled without a terminal, else rich leaves an empty line in logs.
    return bars.Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


@contextmanager
def stages(names: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Yield what announces a stage; shown on stderr, silent where there is no terminal."""
    from rich import progress as bars

    bar = bar_of(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    with bar:
        task = bar.add_task("", total=len(names))
        yield lambda name: bar.update(task, description=name, completed=names.index(name))
