"""What every command of meshkit and gan takes beside its own options: -q and -v."""

import contextlib
import functools
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

import click

# Keys of ctx.meta.
QUIET, VERBOSE = "meshkit.quiet", "meshkit.verbose"
STDOUT, BEGINNING = "meshkit.stdout", "meshkit.beginning"


def polite(command: click.Command) -> click.Command:
    """Give a command --quiet and --verbose, once."""
    if isinstance(command, click.Group) or any(p.name == "quiet" for p in command.params):
        return command
    body = command.callback
    assert body is not None

    @functools.wraps(body)
    def run(*args: Any, **values: Any) -> Any:
        ctx = click.get_current_context()
        ctx.meta[BEGINNING] = time.perf_counter()
        with contextlib.ExitStack() as stack:
            if ctx.meta.get(VERBOSE):
                stack.enter_context(_accounts(ctx.command_path))
            if ctx.meta.get(QUIET):
                stack.enter_context(_silence(ctx, results=not values.get("as_json", False)))
            return body(*args, **values)

    command.callback = run
    command.params += [
        _flag(("-q", "--quiet"), QUIET, "Print only warnings, errors and JSON."),
        _flag(
            ("-v", "--verbose"), VERBOSE, "Report time and memory; show the traceback of an error."
        ),
    ]
    return command


def elapsed() -> float:
    """Return the seconds since the command began."""
    return time.perf_counter() - float(click.get_current_context().meta[BEGINNING])


def _flag(names: tuple[str, str], key: str, text: str) -> click.Option:
    def note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[key] = value

    return click.Option(names, is_flag=True, expose_value=False, callback=note, help=text)


@contextlib.contextmanager
def _silence(ctx: click.Context, *, results: bool) -> Iterator[None]:
    """Show no progress, here and in processes that are started; drop stdout if so asked."""
    before = os.environ.get("TTY_COMPATIBLE")
    os.environ["TTY_COMPATIBLE"] = "0"  # rich's: a bar draws itself on terminals alone
    ctx.meta[STDOUT] = sys.stdout
    try:
        with contextlib.ExitStack() as stack:
            if results:
                sink = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(contextlib.redirect_stdout(sink))
            yield
    finally:
        del ctx.meta[STDOUT]
        if before is None:
            del os.environ["TTY_COMPATIBLE"]
        else:
            os.environ["TTY_COMPATIBLE"] = before


@contextlib.contextmanager
def _accounts(what: str) -> Iterator[None]:
    """Say at the end, on stderr, how long it took and how much memory, in which versions."""
    from importlib import metadata

    worked = time.process_time()
    try:
        yield
    finally:
        seconds, busy = elapsed(), time.process_time() - worked
        versions = f"meshkit-gan {metadata.version('meshkit-gan')}, {platform.python_version()}"
        click.echo(
            f"{what}: {seconds:.2f} s ({busy:.2f} s of processor), {_peak()}{versions}", err=True
        )


def _peak() -> str:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return ""
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6:.0f} MB, "


def tell_where(ctx: click.Context) -> None:
    """Print where the error that is being handled comes from, if --verbose asks for it."""
    if ctx.meta.get(VERBOSE):
        click.echo(traceback.format_exc(), err=True, nl=False)
