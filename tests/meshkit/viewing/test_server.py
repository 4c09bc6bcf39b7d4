"""The guarded server from outside, over real sockets: who gets in, what is answered."""

import contextlib
import logging
import random
import socket
import threading

import numpy as np
import pytest
import viser
from viser import infra

from meshkit.viewing import server as subject
from meshkit.viewing.server import ViewServer, open_server
from tests.viewer_clients import CAMERA, ask, close_of, fling, join, pack, refused, unpack

UPLOAD = 1000  # bytes that a page may upload in these tests


@pytest.fixture(scope="module")
def server():
    with open_server(port=0, max_upload=UPLOAD, max_clients=4) as running:
        yield running


@pytest.fixture(scope="module")
def secret():
    with open_server(port=0, token="the-right-token") as running:
        yield running


def greets(server: ViewServer, **how: object) -> bool:
    """Tell whether a websocket is let in and gets what a page gets first."""
    with join(server.port, **how) as page:  # type: ignore[arg-type]
        return len(page.recv(timeout=10)) > 0


def test_listens_on_loopback_alone(server):
    assert server.url == f"http://127.0.0.1:{server.port}/"
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((own, server.port), timeout=5)


def test_page_comes_with_a_policy_and_from_here(server):
    status, headers, body = ask(server.port)
    assert status == 200
    assert b'<div id="root">' in body
    policy = headers["content-security-policy"]
    assert f"connect-src ws://localhost:{server.port} " in policy
    assert "default-src 'none'" in policy
    assert "http:" not in policy.replace("ws:", "")
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/./etc/passwd",
        "/index.html/../../../_viser.py",
        "/assets",
        "/index.html",
        "/\x00",
        "http://localhost/etc/passwd",
    ],
)
def test_no_other_file_is_served(server, path):
    status, _, body = ask(server.port, path)
    assert status in {400, 404}
    assert b"root:" not in body
    assert b"import" not in body
    assert b"<html" not in body


def test_websockets_are_opened_at_the_page_alone(server):
    assert refused(server.port, path="/other") == 404


@pytest.mark.parametrize(
    "host", ["localhost:1234", "127.0.0.1:1234", "[::1]:1234", "LOCALHOST", "localhost"]
)
def test_forwarded_port_works(server, host):
    """`ssh -L 1234:localhost:8080`: the browser says localhost:1234, and the page's origin too."""
    assert ask(server.port, Host=host)[0] == 200
    assert greets(server, host=host.lower())


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "10.0.0.7", "a b"])
def test_rebound_name_is_refused(server, host):
    """A name server of theirs may say that their name is this machine: the Host gives it away."""
    assert ask(server.port, Host=host)[0] == 403
    if " " not in host:
        assert refused(server.port, host=host) == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:1", "null", "file://", "http://[", None, "https://x"],
)
def test_page_of_another_origin_is_refused(server, origin):
    assert refused(server.port, origin=origin) == 403


def test_own_page_is_let_in_through_tls_too(server):
    assert greets(server)
    assert greets(server, origin=f"https://localhost:{server.port}")


def test_doubled_headers_are_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert raw.recv(100).split()[1] == b"403"


@pytest.mark.parametrize("path", ["/", "/?token=wrong-token", "/?token=", "/?token=the-right-toke"])
def test_without_the_token_nothing_is_served(secret, path):
    status, headers, body = ask(secret.port, path)
    assert status == 403
    assert b"root" not in body
    assert "set-cookie" not in headers
    assert refused(secret.port, path=path) == 403


def test_token_opens_the_page_and_its_cookie_the_websocket(secret):
    status, headers, _ = ask(secret.port, "/?token=the-right-token")
    cookie = headers["set-cookie"]
    assert status == 200
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    pair = cookie.partition(";")[0]
    assert greets(secret, cookie=f"other=1; {pair}")
    assert "the-right-token" not in cookie
    with open_server(port=0, token="the-right-token") as other:
        assert refused(other.port, cookie=pair) == 403, "that of another server, or port"
    assert refused(secret.port, cookie=f"{pair[:-1]}x") == 403
    assert ask(secret.port, Cookie=pair)[0] == 200
    assert refused(secret.port, cookie=pair, origin="http://evil.example") == 403


def test_tokens_with_strange_bytes_are_just_wrong(secret):
    assert ask(secret.port, Cookie=f"{secret.guard.cookie}=\xff\xfe")[0] == 403
    assert ask(secret.port, "/?" + "&".join(["token=x"] * 100))[0] == 403


def malformed() -> list[str | bytes]:
    """A thousand messages that no page sends, of many kinds."""
    chance = random.Random(0)
    whole = pack(**CAMERA)
    kinds: list[str | bytes] = ["", "text", "x" * 100_000, b"", b"\xc1", b"\x80", b"\x90", b"\xc0"]
    kinds += [bytes([lead]) + b"\xff\xff\xff\xff" for lead in (0xC6, 0xDB, 0xDD, 0xDF)]  # lengths
    kinds += [b"\x91" * 100_000, b"\x81\xa4type" * 10_000]  # depth
    kinds += [whole[:k] for k in range(1, len(whole), 5)]
    kinds += [pack(type=name) for name in ("GuiUpdateMessage", "Message", "object", "", None, 1)]
    kinds += [pack(type=name) for name in ("ShareUrlRequest", "RunJavascriptMessage")]
    kinds += [
        pack(**{**CAMERA, name: value})
        for name in CAMERA
        for value in (None, "x", [], {}, [1, 2], 2**63)
        if not (name == "type" or value == 2**63)
    ]
    kinds += [pack(**CAMERA, further=1), pack(**CAMERA, __class__="x")]
    kinds += [
        pack(type="GuiUpdateMessage", uuid="x", updates={"update_cb": []}),
        pack(type="GuiUpdateMessage", uuid="x", updates={"value": 1, "removed": True}),
    ]
    return [*kinds, *(chance.randbytes(chance.randrange(1, 400)) for _ in range(1000 - len(kinds)))]


def test_a_thousand_malformed_messages_change_nothing(server, caplog, capfd):
    """Each ends its own connection; a browser beside them does not notice."""
    before = server.guard.refused
    messages = malformed()
    assert len(messages) == 1000
    with join(server.port) as witness, caplog.at_level(logging.DEBUG, "asyncio"):
        witness.recv(timeout=10)
        witness.send(pack(**CAMERA))
        assert {fling(server.port, message) for message in messages} == {1008}
        (client,) = server.viser.get_clients().values()
        client.gui.add_markdown("still there")
        assert _received(witness, "still there")
    assert server.guard.refused == before + 1000
    assert "Traceback" not in capfd.readouterr().err


def _received(page, word: str) -> str:
    """Wait for a message with a word in it."""
    while word not in (text := unpack(page.recv(timeout=10))):
        pass
    return text


def test_messages_that_are_too_long_end_the_connection(server):
    with join(server.port) as page:
        page.send(b"\xc6\x02\x00\x00\x00" + bytes(17 * 2**20))
        assert close_of(page).code == 1009
    assert greets(server)


def test_bytes_that_are_no_http_are_dropped(server, capfd):
    chance = random.Random(1)
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            raw.sendall(chance.randbytes(200) + b"\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):  # closed before all was read
                while raw.recv(1000):
                    pass
    _await(lambda: server.guard.sockets == 0)
    assert greets(server)
    assert capfd.readouterr().err == ""


def test_number_of_browsers_is_limited(server):
    pages = [join(server.port) for _ in range(4)]
    try:
        for page in pages:
            page.recv(timeout=10)
        assert refused(server.port) == 503
    finally:
        for page in pages:
            page.close()
    _await(lambda: server.guard.clients == 0)
    assert greets(server)


def test_number_of_connections_is_limited(server):
    """Those that say nothing take places for a while; beyond eight per browser none is let in."""
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(32)]
    try:
        _await(lambda: server.guard.sockets == 32)
        with pytest.raises((ConnectionResetError, BrokenPipeError, IndexError)):
            ask(server.port)
    finally:
        for connection in idle:
            connection.close()
    _await(lambda: server.guard.sockets == 0)
    assert greets(server)


def _await(condition) -> None:
    event = threading.Event()
    for _ in range(200):
        if condition():
            return
        event.wait(0.05)
    raise AssertionError("waited 10 s in vain")


def test_upload_arrives_and_a_larger_one_does_not(server):
    got = threading.Event()

    @server.viser.on_client_connect
    def _(client: viser.ClientHandle) -> None:
        button = client.gui.add_upload_button("load")
        button.on_upload(lambda _: got.set() if button.value.content == b"abcdef" else None)
        client.gui.add_markdown(f"uuid={button._impl.uuid};")

    def start(uuid: str, size: int, parts: int) -> bytes:
        return pack(
            type="FileTransferStartUpload",
            source_component_uuid=uuid,
            transfer_uuid="t",
            filename="codes.npz",
            mime_type="x",
            part_count=parts,
            size_bytes=size,
        )

    def part(uuid: str, index: int, content: bytes) -> bytes:
        return pack(
            type="FileTransferPart",
            source_component_uuid=uuid,
            transfer_uuid="t",
            part_index=index,
            content=content,
        )

    with join(server.port) as page:
        page.send(pack(**CAMERA))
        text = _received(page, "uuid=")
        uuid = text.partition("uuid=")[2].partition(";")[0]
        page.send(start(uuid, 6, 2))
        page.send(part(uuid, 1, b"def"))
        page.send(part(uuid, 0, b"abc"))
        assert got.wait(10)
        page.send(start(uuid, UPLOAD + 1, 1))
        end = close_of(page)
    assert end.code == 1008
    assert "limited to 1000 bytes" in end.reason


def test_taken_port_is_an_error_if_asked_for_and_else_the_next_is_taken(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 is taken"):
            open_server(port=port)
        monkeypatch.setattr(subject, "PORT", port)
        with open_server() as other:
            assert port < other.port < port + 100
        monkeypatch.setattr(subject, "PORTS_TRIED", 1)
        with pytest.raises(OSError, match="are taken"):
            open_server()


def test_beyond_this_machine_a_token_is_made():
    with open_server("0.0.0.0", 0) as running:
        token = running.guard.token
        assert len(token) >= 32
        assert running.url.endswith(f":{running.port}/?token={token}")
        assert ask(running.port, Host=f"192.0.2.7:{running.port}")[0] == 403
        assert ask(running.port, f"/?token={token}", Host="192.0.2.7:99")[0] == 200
        assert ask(running.port, f"/?token={token}", Host=socket.gethostname())[0] == 200
        assert ask(running.port, f"/?token={token}", Host="evil.example")[0] == 403


def test_allowed_names_are_known():
    with open_server(port=0, names=["Viewer.Example"]) as running:
        assert ask(running.port, Host="viewer.example")[0] == 200
        assert greets(running, host="viewer.example")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"token": "short"}, ValueError, "a token is 8 to 128"),
        ({"token": "with space and ;"}, ValueError, "a token is 8 to 128"),
        ({"port": 70000}, ValueError, "a port is 0 to 65535, got 70000"),
        ({"host": "192.0.2.1"}, OSError, "cannot listen on 192.0.2.1"),
        ({"host": "no such name"}, OSError, "no such name is no address of this machine"),
    ],
)
def test_impossible_options(options, error, says):
    with pytest.raises(error, match=says):
        open_server(**{"port": 0, **options})


def test_closing_frees_the_port_and_says_nothing(capfd):
    running = open_server(port=0)
    running.close()
    running.close()
    with open_server(port=running.port) as again:
        assert again.port == running.port
    assert capfd.readouterr() == ("", "")


def test_a_version_of_viser_that_serves_in_another_way_is_noticed(monkeypatch):
    """The guard replaces what viser starts its server with; if viser calls something else, stop."""
    plain = infra._infra.websockets.asyncio.server.serve
    worker = infra.WebsockServer._background_worker

    def other(self, ready):
        code = {**worker.__globals__, "websockets": real}
        return type(worker)(worker.__code__, code)(self, ready)

    real = infra._infra.websockets
    assert real.asyncio.server.serve is plain
    monkeypatch.setattr(infra.WebsockServer, "_background_worker", other)
    with pytest.raises(RuntimeError, match="cannot be guarded"):
        open_server(port=0)


def test_missing_package_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "viser", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'meshkit-gan\[view\]'"):
        open_server(port=0)


def test_errors_in_what_a_browser_asks_for_are_reported_four_times(server, caplog):
    """As when a control gets a value of another type: viser's handler raises in its loop."""

    @server.viser.on_client_connect
    def _(client: viser.ClientHandle) -> None:
        slider = client.gui.add_slider("size", 0, 1, 0.1, 0.5)
        client.gui.add_markdown(f"slider={slider._impl.uuid};")

    with join(server.port) as page:
        page.send(pack(**CAMERA))
        text = _received(page, "slider=")
        uuid = text.partition("slider=")[2].partition(";")[0]
        for _ in range(20):
            page.send(pack(type="GuiUpdateMessage", uuid=uuid, updates={"value": "no number"}))
        page.send(pack(type="GuiUpdateMessage", uuid=uuid, updates={"value": 0.7}))
        values = []
        _await(lambda: values.append(_slider(server)) or values[-1] == pytest.approx(0.7))
    assert len([r for r in caplog.records if r.name == "meshkit.viewing"]) <= 4


def _slider(server: ViewServer) -> float:
    clients = server.viser.get_clients().values()
    handles = [h for c in clients for h in c.gui._gui_input_handle_from_uuid.values()]
    return next((float(h.value) for h in handles if isinstance(h.value, float)), np.nan)
