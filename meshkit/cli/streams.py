"""`-` in place of a mesh file: stdin and stdout."""

import contextlib
import functools
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("obj", "ply", "off", "stl", "glb", "npz")
DASH = "-"

if sys.platform == "win32":
    from pathlib import WindowsPath as Native
else:
    from pathlib import PosixPath as Native


class Stream(Native):
    """A temporary file that stands for stdin or stdout: messages say `<stdin>`."""

    def __str__(self) -> str:
        return f"<{self.stem}>"

    def __fspath__(self) -> str:
        return Native(*self.parts).__fspath__()


def streams(source: str, output: str | None = None) -> Callable[[Command], Command]:
    """Let `-` be the file of a parameter (or one of its files), and of an output.

    Adds ``--format``. While a mesh goes to stdout, what the command says goes to stderr.
    """

    def decorate(body: Command) -> Command:
        @functools.wraps(body)
        def run(*args: Any, file_format: str | None, **values: Any) -> Any:
            read, write = _is_dash(values[source]), bool(output) and _is_dash(values[output or ""])
            if not read and not write:
                if file_format is not None:
                    raise click.UsageError(
                        "Give - as a file, or leave out --format: it is for - alone."
                    )
                return body(*args, **values)
            with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
                suffix = f".{file_format or _suffix(values[source])}"
                if read:
                    values[source] = _read(values[source], Stream(folder, f"stdin{suffix}"))
                if write and output:
                    values[output] = Stream(folder, f"stdout{suffix}")
                    stack.enter_context(_said_on_stderr(values[output]))
                return body(*args, **values)

        option = click.option(
            "--format",
            "file_format",
            type=click.Choice(FORMATS),
            help=f"The format of - (stdin{' or stdout' if output else ''}).  [default: obj]",
        )
        return option(run)  # type: ignore[return-value]

    return decorate


def _is_dash(value: object) -> bool:
    return value == Path(DASH) or (isinstance(value, tuple) and Path(DASH) in value)


def _suffix(source: object) -> str:
    """Return the format of what goes to stdout: that of the file which comes in, or obj."""
    suffix = source.suffix.lower().lstrip(".") if isinstance(source, Path) else ""
    return suffix if suffix in FORMATS else "obj"


def _read(value: Any, place: Stream) -> Any:
    """Store stdin in a file; return the parameter with that file in it."""
    if isinstance(value, tuple) and value.count(Path(DASH)) > 1:
        raise click.UsageError("Give - only once: stdin can be read once.")
    with open(place, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if isinstance(value, tuple):
        return tuple(place if path == Path(DASH) else path for path in value)
    return place


@contextlib.contextmanager
def _said_on_stderr(result: Stream) -> Iterator[None]:
    """Send what the block prints to stderr, and then the file to stdout."""
    from meshkit.cli.manners import STDOUT

    out = click.get_current_context().meta.get(STDOUT) or sys.stdout
    muted = sys.stdout is not out
    with contextlib.nullcontext() if muted else contextlib.redirect_stdout(sys.stderr):
        yield
    out.flush()
    with open(result, "rb") as file:
        shutil.copyfileobj(file, out.buffer)
    out.buffer.flush()
