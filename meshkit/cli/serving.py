"""Options of the commands that serve a viewer: `meshkit view`, `gan view`."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from meshkit.viewing.server import ViewServer

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        metavar="ADDRESS",
        help="Where to listen. Any other than this machine's own needs the token in the address; "
        "0.0.0.0 is all.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        help="0 is any that is free.  [default: 8080, or the next that is free]",
    ),
    click.option(
        "--token",
        metavar="TEXT",
        help="Ask browsers for it.  [default: a random one beyond this machine, none on it]",
    ),
    click.option(
        "--allow-host",
        "names",
        multiple=True,
        metavar="NAME",
        help="Another name by which browsers call this server, as behind a proxy; may be repeated.",
    ),
    click.option(
        "--open/--no-browser",
        "open_browser",
        default=None,
        help="Open a browser here.  [default: if there is a display, and a person at the terminal]",
    ),
)


def serving_options(command: Command) -> Command:
    """Add the options: ``host, port, token, names`` are `open_server`'s, ``open_browser``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def announce(server: "ViewServer", *, open_browser: bool | None, quiet: bool = False) -> None:
    """Print where the server is, if not quiet, and open a browser if asked or sensible."""
    if not quiet:
        click.echo(f"{server.url}\nCtrl-C ends it.")
    sys.stdout.flush()  # whoever waits for the address in a pipe gets it
    if open_browser is None:
        open_browser = _has_display() and sys.stdout.isatty()
    if open_browser:
        import webbrowser

        if not webbrowser.open(server.url):
            click.echo("warning: no browser could be opened", err=True)


def _has_display() -> bool:
    """Tell whether a browser would be seen: not through ssh, not without a display."""
    import os

    if "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in {"win32", "darwin"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
