"""One voice for the processes that torchrun started: progress and results come from the first."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout

import click


@contextmanager
def together(device: str) -> Iterator[str]:
    """Join the other processes, if torchrun started some; yield this one's device.

    Only process 0 is heard. An error that all have is said once; an error that one has, by that
    one; those that it leaves alone end silently, process 0 with a line that says so.
    """
    from gan import parallel
    from gan.errors import PeerLost

    with parallel.processes(device) as own:
        mute = parallel.rank() > 0
        try:
            with (
                redirect_stdout(io.StringIO()) if mute else nullcontext(),
                redirect_stderr(io.StringIO()) if mute else nullcontext(),
            ):
                yield own
        except PeerLost:
            if not mute:
                click.echo("stopped: another process of this training has ended", err=True)
            sys.exit(1)
        except (click.ClickException, ValueError, OSError, RuntimeError) as error:
            if not parallel.first_to_say(str(error)):
                sys.exit(1)
            raise
