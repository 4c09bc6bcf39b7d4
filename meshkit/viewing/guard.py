"""Who may connect to the viewer, and with what: Host, Origin, token, paths, sizes, numbers.

A page of another site can make a browser open `http://localhost:8080` or a websocket to it. So:

* the Host that the browser names must be ours, or a name that was rebound to this machine could
  stand for it; through a forwarded port it is a loopback name with another number;
* a websocket's Origin must be that same Host: only the page that we served opens one;
* beyond this machine a token is asked for, in the address once, then another secret in a cookie.
"""

import asyncio
import contextlib
import hashlib
import hmac
import http
import ipaddress
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets import Headers
from websockets.asyncio import server as sockets
from websockets.http11 import Request, Response

from meshkit.viewing.incoming import MAX_MESSAGE, Inbox, RefusedMessageError
from meshkit.viewing.page import Page

Handler = Callable[[sockets.ServerConnection], Awaitable[None]]
Process = Callable[[sockets.ServerConnection, Request], Response | None]

HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SOCKETS_PER_CLIENT = 8  # connections that may be open, per client that may stay
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
MESSAGES = 4  # reports of errors in what a browser asked for, until silence


class Guard:
    """Judge requests and messages before viser sees them.

    Parameters
    ----------
    names
        Under which a browser may know this server, lower case, beside the loopback names; IPv6
        addresses in brackets.
    any_address
        Accept every numeric address as Host: the server listens on all of the machine's.
    page
        The only one that is served.
    """

    def __init__(
        self,
        names: set[str],
        *,
        token: str | None,
        page: Page,
        any_address: bool = False,
        max_clients: int = 16,
        max_upload: int = 0,
    ) -> None:
        self.names = names | LOOPBACK
        self.token = token
        # Another for each server: browsers send cookies to all ports of a host.
        self.secret = secrets.token_urlsafe(24)
        self.page = page
        self.any_address = any_address
        self.max_clients = max_clients
        self.max_upload = max_upload
        self.clients = 0  # websockets that are open
        self.sockets = 0  # connections of any kind
        self.refused = 0  # messages, each of which ended its connection
        self.installed = False

    def serve(self, handler: Handler, sock: Any, **options: Any) -> Any:
        """Serve as websockets' `serve` would, behind this guard, on a socket that listens.

        Runs in the server's event loop.
        """
        asyncio.get_running_loop().set_exception_handler(_reports())
        self.installed = True
        options |= {
            "max_size": MAX_MESSAGE,
            "close_timeout": 2,
            "server_header": None,
            "logger": _logger(),
            "process_request": self._process,
            "create_connection": lambda *args, **more: GuardedConnection(self, *args, **more),
        }
        return sockets.serve(self._counted(handler), sock=sock, **options)

    def _counted(self, handler: Handler) -> Handler:
        async def handle(connection: sockets.ServerConnection) -> None:
            self.clients += 1
            try:
                await handler(connection)
            finally:
                self.clients -= 1

        return handle

    def _process(self, connection: sockets.ServerConnection, request: Request) -> Response | None:
        if refusal := self.refusal(request):
            response = connection.respond(*refusal)
            response.headers.update(HEADERS)
            return response
        if _is_websocket(request):
            return None
        host, accepted = request.headers["Host"], request.headers.get_all("Accept-Encoding")
        packed = any("gzip" in line for line in accepted)
        headers = Headers(HEADERS)
        headers["Content-Type"] = "text/html; charset=utf-8"
        headers["Content-Encoding"] = "gzip" if packed else "identity"
        headers["Content-Security-Policy"] = self.page.policy(host)
        if self.token is not None:
            cookie = f"{self.cookie}={self.secret}; Path=/; HttpOnly; SameSite=Strict"
            headers["Set-Cookie"] = cookie
        body = self.page.packed if packed else self.page.body
        headers["Content-Length"] = str(len(body))
        headers["Connection"] = "close"
        return Response(http.HTTPStatus.OK.value, http.HTTPStatus.OK.phrase, headers, body)

    def refusal(self, request: Request) -> tuple[http.HTTPStatus, str] | None:
        """Say why a request is not served; None if it is."""
        host = _single(request, "Host")
        if not self.knows(host):
            return (
                http.HTTPStatus.FORBIDDEN,
                "Ask whoever started this server to allow this host name: it is not known here.",
            )
        if request.path.partition("?")[0] != "/":
            return http.HTTPStatus.NOT_FOUND, "Open /: this server has no other page."
        if not self._has_token(request):
            text = "Open the address that the command printed: it holds the token."
            return http.HTTPStatus.FORBIDDEN, text
        if not _is_websocket(request):
            return None
        if not _same_origin(_single(request, "Origin"), host):
            return (
                http.HTTPStatus.FORBIDDEN,
                "Connect from the page of this server: other pages may not.",
            )
        if self.clients >= self.max_clients:
            return (
                http.HTTPStatus.SERVICE_UNAVAILABLE,
                "Close a browser window and try again: too many are connected.",
            )
        return None

    def knows(self, host: str | None) -> bool:
        """Tell whether a browser may name this server `host` (``name`` or ``name:port``)."""
        match = HOST.fullmatch(host or "")
        if match is None:
            return False
        name = match["name"].lower()
        return name in self.names or (self.any_address and is_address(name))

    @property
    def cookie(self) -> str:
        """The cookie's name: its own for each server, since cookies do not tell ports apart."""
        return f"meshkit-{hashlib.sha256(self.secret.encode()).hexdigest()[:8]}"

    def _has_token(self, request: Request) -> bool:
        if self.token is None:
            return True
        tokens, cookies = list[str](), list[str]()
        with contextlib.suppress(ValueError):  # more fields than any address of ours has
            tokens = parse_qs(request.path.partition("?")[2], max_num_fields=32).get("token", [])
        for line in request.headers.get_all("Cookie"):
            pairs = (pair.strip().partition("=") for pair in line.split(";"))
            cookies += [value for name, _, value in pairs if name == self.cookie]
        # All are compared, each in constant time.
        pairs_given = [(text, self.token) for text in tokens]
        pairs_given += [(text, self.secret) for text in cookies]
        same = [
            hmac.compare_digest(text.encode(errors="replace"), right.encode())
            for text, right in pairs_given
        ]
        return any(same)


class GuardedConnection(sockets.ServerConnection):
    """A connection whose messages are judged before viser reads them."""

    def __init__(self, guard: Guard, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.guard = guard
        self.inbox = Inbox(guard.max_upload)
        self.admitted = False

    def connection_made(self, transport: Any) -> None:
        """Drop the connection at once if too many are open."""
        if self.guard.sockets >= SOCKETS_PER_CLIENT * self.guard.max_clients:
            transport.abort()
            return
        self.admitted = True
        self.guard.sockets += 1
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it as gone."""
        if self.admitted:
            self.guard.sockets -= 1
            super().connection_lost(exc)

    async def recv(self, decode: bool | None = None) -> Any:
        """Return the next message; end the connection at the first that no page of ours sends."""
        raw = await super().recv(decode)
        try:
            self.inbox.check(raw)
        except RefusedMessageError as error:
            self.guard.refused += 1
            await self.close(1008, str(error).encode()[:120].decode(errors="ignore"))
            raise self.protocol.close_exc from error
        return raw


def is_address(name: str) -> bool:
    """Tell whether a host's name is a number: those cannot be rebound by a name server."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_websocket(request: Request) -> bool:
    return (_single(request, "Upgrade") or "").lower() == "websocket"


def _single(request: Request, name: str) -> str | None:
    values = request.headers.get_all(name)
    return values[0] if len(values) == 1 else None


def _same_origin(origin: str | None, host: str | None) -> bool:
    """Tell whether a page of `origin` came from `host`, which has been judged already."""
    if origin is None or host is None:
        return False
    with contextlib.suppress(ValueError):
        parts = urlsplit(origin)
        return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()
    return False


def _logger() -> logging.Logger:
    """Return where the library writes: refused and broken requests are no news."""
    logger = logging.getLogger("meshkit.viewing.connections")
    logger.setLevel(logging.ERROR)
    logger.filters = [lambda record: record.getMessage() != "opening handshake failed"]
    return logger


def _reports() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Report errors raised by what browsers ask for, but not a thousand times."""
    logger = logging.getLogger("meshkit.viewing")
    seen = 0

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen <= MESSAGES:
            logger.error(context["message"], exc_info=context.get("exception"))

    return report
