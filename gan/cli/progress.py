"""A progress bar over named stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def stages(names: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Yield what announces a stage; shown on stderr, silent where there is no terminal."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    bar = bars.Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=len(names))
        yield lambda name: bar.update(task, description=name, completed=names.index(name))
