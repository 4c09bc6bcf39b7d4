"""Options of the commands that serve a viewer: `meshkit view`, `gan view`."""

import os
import sys
from typing import TYPE_CHECKING

import click

from meshkit.cli.parameters import options

if TYPE_CHECKING:
    from meshkit.viewing.server import ViewServer

TOKEN = "MESHKIT_TOKEN"  # an environment variable


def _token(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Return the token of the environment; all users of a machine can read command lines."""
    if value is not None:
        raise click.UsageError(
            f"Put the token into the environment variable {TOKEN} instead of --token: other users "
            "of this machine can read command lines."
        )
    return os.environ.get(TOKEN) or None


# ``host, port, token, names`` are `open_server`'s.
serving_options = options(
    click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        metavar="ADDRESS",
        help="Listen on this address; 0.0.0.0 stands for all. Browsers on other machines need the "
        f"token: that of the environment variable {TOKEN}, or a random one, which is printed.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        help="Listen on this port; 0 takes any free one.  [default: 8080, or the next free one]",
    ),
    click.option(
        "--token",
        metavar="TEXT",
        callback=_token,
        hidden=True,  # refused: it says what to do instead
    ),
    click.option(
        "--allow-host",
        "names",
        multiple=True,
        metavar="NAME",
        help="Accept another host name for this server, such as that of a proxy; may be repeated.",
    ),
    click.option(
        "--open/--no-browser",
        "open_browser",
        default=None,
        help="Open a browser.  [default: if there is a display and the terminal is interactive]",
    ),
)


def announce(server: "ViewServer", *, open_browser: bool | None, quiet: bool = False) -> None:
    """Print where the server is, if not quiet, and open a browser if asked or sensible."""
    if not quiet:
        click.echo(f"{server.url}\nPress Ctrl-C to stop.")
    sys.stdout.flush()  # whoever waits for the address in a pipe gets it
    if open_browser is None:
        open_browser = _has_display() and sys.stdout.isatty()
    if open_browser:
        import webbrowser

        if not webbrowser.open(server.url):
            click.echo(
                f"warning: open {server.url} yourself: no browser could be started", err=True
            )


def _has_display() -> bool:
    """Tell whether a browser would be seen: not through ssh, not without a display."""
    if "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in {"win32", "darwin"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
