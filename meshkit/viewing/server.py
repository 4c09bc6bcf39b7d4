"""Open the viewer's server: viser behind a guard, on loopback unless told otherwise."""

import contextlib
import errno
import io
import ipaddress
import re
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import viser

    from meshkit.viewing.guard import Guard

PORT = 8080
PORTS_TRIED = 100
TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")  # what an address and a cookie hold unquoted
_hook = threading.Lock()


class ViewServer:
    """A server that runs in a thread of its own; `open_server` makes one.

    Attributes
    ----------
    viser
        What to show: give each browser its own state, in `viser.on_client_connect`, by the
        `scene` and `gui` of its client. What a control says is what the browser sent: a number
        may lie outside of the slider, a choice outside of the list. Markdown and HTML are shown
        as they are: escape names that come from files.
    url
        The address for a browser, with the token if there is one.
    """

    def __init__(self, viser: "viser.ViserServer", guard: "Guard", host: str) -> None:
        self.viser = viser
        self.guard = guard
        self.host = host
        self.port = viser.get_port()
        self._closed = False

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        name = socket.gethostname() if self.host in {"0.0.0.0", "::"} else _bracketed(self.host)
        query = f"?token={self.guard.token}" if self.guard.token else ""
        return f"http://{name}:{self.port}/{query}"

    def wait(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until Ctrl-C or SIGTERM, then close; for the main thread of a command.

        Parameters
        ----------
        ready
            Called when both signals are heard: tells the address, which someone may use and end
            at once.
        """
        end = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            end.set()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            ready()
            while not end.wait(0.5):  # in steps: on Windows a wait without end hears no Ctrl-C
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close()

    def close(self) -> None:
        """Stop the server and free its port; closing twice does nothing."""
        if not self._closed:
            self._closed = True
            with _quiet():
                self.viser.stop()

    def __enter__(self) -> "ViewServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_server(
    host: str = "127.0.0.1",
    port: int | None = None,
    *,
    token: str | None = None,
    names: Iterable[str] = (),
    max_clients: int = 16,
    max_upload: int = 0,
    title: str | None = None,
) -> ViewServer:
    """Start a viewer's server and return when it listens.

    It answers browsers that call it by a loopback name, by `host` or by one of `names`, so that
    it works through a forwarded port. Everything the page needs comes from it.

    Parameters
    ----------
    host
        The address to listen on; beyond loopback a token is required. ``0.0.0.0`` listens on
        every address of the machine.
    port
        None takes 8080 or the next that is free, 0 any, another number that one or none.
    token
        8 to 128 letters, digits, ``-`` and ``_``, asked for in the address (``?token=…``). None is
        a random one, or none on loopback, where every user of this machine can then connect.
    names
        Further host names by which browsers call this server, as behind a proxy.
    max_clients
        Browsers that may be connected at once.
    max_upload : bytes
        The largest file that a page may upload.
    title
        What the page and its panel of controls are called.

    Raises
    ------
    ModuleNotFoundError
        The extra ``[view]`` is not installed.
    OSError
        The port is taken, or the address is not one of this machine.
    ValueError
        The token is too short or has other characters; the port is not one.
    RuntimeError
        This version of viser cannot be guarded.
    """
    local = _is_loopback(host)
    if token is None and not local:
        token = secrets.token_urlsafe(24)
    if token is not None and not TOKEN.fullmatch(token):
        raise ValueError("a token is 8 to 128 letters, digits, - and _")
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"a port is 0 to 65535, got {port}")
    page = _find_page()
    from meshkit.viewing.guard import Guard
    from meshkit.viewing.page import Page

    known = {_bracketed(host), *names}
    wildcard = host in {"0.0.0.0", "::"}
    if wildcard:
        known.add(socket.gethostname())
    guard = Guard(
        {name.lower() for name in known},
        token=token,
        page=Page(page.read_text(encoding="utf-8"), title or "viewer"),
        any_address=wildcard,
        max_clients=max_clients,
        max_upload=max_upload,
    )
    return ViewServer(_start(guard, _listen(host, port), title), guard, host)


def _find_page() -> Path:
    try:
        import viser
    except ModuleNotFoundError as error:
        text = f"{error.name} is not installed: pip install 'meshkit-gan[view]'"
        raise ModuleNotFoundError(text, name=error.name) from error
    assert viser.__file__ is not None
    return Path(viser.__file__).parent / "client" / "build" / "index.html"


def _start(guard: "Guard", listener: socket.socket, title: str | None) -> "viser.ViserServer":
    """Let viser serve on the listener through the guard; stop it if it goes another way."""
    import viser
    from viser.infra import _infra

    def serve(handler: Any, host: str, port: int, *, process_request: Any, **options: Any) -> Any:
        return guard.serve(handler, listener, **options)  # its files are not asked for

    names = vars(_infra)
    real = names["websockets"]
    server = _with(real.asyncio.server, serve=serve)
    instead = _with(real, asyncio=_with(real.asyncio, server=server))
    with _hook, _quiet():
        # viser has no hook: for the start alone, and in its module alone, `serve` is ours.
        names["websockets"] = instead
        try:
            started = viser.ViserServer(host="127.0.0.1", port=0, label=title, verbose=False)
        finally:
            names["websockets"] = real
        if not guard.installed:
            started.stop()
            listener.close()
            version = viser.__version__
            raise RuntimeError(f"viser {version} cannot be guarded: pip install 'viser<1.2'")
    started.gui.configure_theme(show_logo=False, show_share_button=False)
    return started


def _with(module: ModuleType, **names: Any) -> SimpleNamespace:
    """Return a module with some of its names replaced."""
    return SimpleNamespace(**{**vars(module), **names})


def _listen(host: str, port: int | None) -> socket.socket:
    """Bind the port, or the first free one from 8080 on; nobody can take it in between."""
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise OSError(f"{host} is no address of this machine: {error.strerror}") from error
    ports = range(PORT, PORT + PORTS_TRIED) if port is None else [port]
    for number in ports:
        try:
            return socket.create_server((str(address[0]), number), family=family)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = error.strerror or str(error)
                raise OSError(f"cannot listen on {host}, port {number}: {reason}") from error
    if port is None:
        last = PORT + PORTS_TRIED - 1
        raise OSError(f"the ports {PORT} to {last} of {host} are taken: name another")
    raise OSError(f"port {port} of {host} is taken: name another, or none for one that is free")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep viser's banners off stdout, which is the command's."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
