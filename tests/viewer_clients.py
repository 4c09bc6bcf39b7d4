"""Talk to a viewer's server as no browser would: bytes on a socket, websockets with any header."""

import contextlib
import socket
from typing import Any

import msgspec
import viser
import zstandard
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect

PROTOCOL = f"viser-v{viser.__version__}"
CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": [1.0, 0.0, 0.0, 0.0],
    "position": [0.0, 0.0, 3.0],
    "fov": 0.5,
    "near": 0.01,
    "far": 1000.0,
    "image_height": 480,
    "image_width": 640,
    "look_at": [0.0, 0.0, 0.0],
    "up_direction": [0.0, 1.0, 0.0],
}
_UPGRADE = """\
GET / HTTP/1.1\r
Host: localhost:{port}\r
Origin: http://localhost:{port}\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Protocol: {protocol}\r
\r
"""


def ask(port: int, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send one GET; return status, headers in lower case, body. `path` goes out as it is."""
    fields = {"Host": f"localhost:{port}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in rest)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body


def join(
    port: int,
    *,
    host: str | None = None,
    origin: str | None = "",
    path: str = "/",
    cookie: str = "",
) -> ClientConnection:
    """Open a websocket as the page of `host` does; its Origin is that host unless given."""
    host = host or f"localhost:{port}"
    headers = {"Cookie": cookie} if cookie else {}
    sock = socket.create_connection(("127.0.0.1", port))  # with a timeout it would end when idle
    return connect(
        f"ws://{host}{path}",
        sock=sock,
        origin=f"http://{host}" if origin == "" else origin,  # type: ignore[arg-type]
        subprotocols=[PROTOCOL],  # type: ignore[list-item]
        additional_headers=headers,
        compression=None,
        max_size=None,
        close_timeout=1,
    )


def fling(port: int, message: str | bytes) -> int:
    """Open a websocket, send one message, read to the end; return the code it is closed with."""
    payload = message.encode() if isinstance(message, str) else message
    n = len(payload)
    if n < 126:
        length = bytes([128 | n])
    elif n < 1 << 16:
        length = bytes([254]) + n.to_bytes(2, "big")
    else:
        length = bytes([255]) + n.to_bytes(8, "big")
    frame = bytes([129 if isinstance(message, str) else 130]) + length + bytes(4) + payload
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(_UPGRADE.format(port=port, protocol=PROTOCOL).encode() + frame)
        stream = raw.makefile("rb")
        assert b" 101 " in stream.readline()
        while stream.readline() != b"\r\n":
            pass
        while True:
            kind, size = stream.read(2)
            if size > 125:
                size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
            body = stream.read(size)
            if kind == 0x88:
                return int.from_bytes(body[:2], "big")


def refused(port: int, **how: Any) -> int:
    """Try to open a websocket, which must fail; return the HTTP status."""
    try:
        join(port, **how).close()
    except InvalidStatus as error:
        return error.response.status_code
    raise AssertionError("the server let a websocket in that it should have refused")


def close_of(page: ClientConnection) -> Close:
    """Read until the server closes; return code and reason."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            page.recv(timeout=10)
    assert page.protocol.close_rcvd is not None
    return page.protocol.close_rcvd


def pack(**fields: Any) -> bytes:
    """Return a message as a page would send it."""
    return msgspec.msgpack.encode(fields)


def unpack(frame: str | bytes) -> str:
    """Return the text in what the server sends: msgpack, compressed, after two lengths."""
    assert isinstance(frame, bytes)
    size = int.from_bytes(frame[8:16], "little")
    plain = zstandard.ZstdDecompressor().decompress(frame[16 : 16 + size])
    return plain.decode(errors="replace")
