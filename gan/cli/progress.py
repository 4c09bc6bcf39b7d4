"""Progress bars: the one kind that all commands show, and one over named stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from meshkit.cli.messages import bar_of as bar_of


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
