"""Messages from browsers: whole ones pass, and what passes viser can read."""

import dataclasses
import random
from typing import Any

import msgspec
import pytest
from viser import _messages as messages

from meshkit.viewing.incoming import KINDS, Inbox, RefusedMessageError
from tests.viewer_clients import CAMERA, pack

WHOLE = {"str": "s", "float": 1.0, "int": 3, "bytes": b"abc"}
TUPLES = {
    "Tuple[float, float, float, float]": [1.0, 0.0, 0.0, 0.0],
    "Tuple[float, float, float]": [1.0, 0.0, 0.0],
    "Tuple[Tuple[float, float], ...]": [[1.0, 2.0]],
    "Tuple[float, float]": [1.0, 2.0],
    "Dict[str, Any]": {"value": [1, "x", None]},
    "ScenePointerEventType": "click",
    "_DragPhase": "start",
    "Literal['left', 'middle', 'right']": "left",
    'Literal["left", "middle", "right"]': "left",
}


def whole(kind: str) -> dict[str, Any]:
    """A message of a kind as a page may send it."""
    values = {**WHOLE, **TUPLES}
    fields = {f.name: values.get(str(f.type)) for f in dataclasses.fields(KINDS[kind])}  # type: ignore[arg-type]
    return {"type": kind, **fields}


@pytest.mark.parametrize("kind", sorted(k for k in KINDS if not k.startswith("FileTransfer")))
def test_whole_messages_pass(kind):
    Inbox(0).check(pack(**whole(kind)))


def test_what_passes_viser_can_read():
    """Two thousand damaged messages: each is refused here, or none of viser's business breaks."""
    chance = random.Random(0)
    strange = [None, True, -(2**63), 2.5, float("nan"), "", b"y", [1.0] * 3, {}, {"value": 0}, [[]]]
    passed = 0
    for _ in range(2000):
        message = whole(chance.choice(sorted(KINDS)))
        for name in message:
            if chance.random() < 0.1:
                message[name] = chance.choice(strange)
        raw = bytearray(pack(**message))
        if chance.random() < 0.3:
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            Inbox(100).check(bytes(raw))
        except RefusedMessageError:
            continue
        messages.Message.deserialize(bytes(raw))
        passed += 1
    assert 200 < passed < 1800


def begin(size: int, parts: int, transfer: str = "t", name: str = "f") -> bytes:
    return pack(
        type="FileTransferStartUpload",
        source_component_uuid="button",
        transfer_uuid=transfer,
        filename=name,
        mime_type="",
        part_count=parts,
        size_bytes=size,
    )


def part(index: int, size: int, transfer: str = "t") -> bytes:
    return pack(
        type="FileTransferPart",
        source_component_uuid="button",
        transfer_uuid=transfer,
        part_index=index,
        content=bytes(size),
    )


@pytest.mark.parametrize(
    "upload",
    [
        [begin(0, 0)],
        [begin(100, 1), part(0, 100)],
        [begin(100, 2), part(1, 60), part(0, 40)],
        [begin(100, 1), part(0, 100), begin(100, 1), part(0, 100)],
        [begin(10, 1, "a"), begin(10, 1, "b"), part(0, 10, "b"), part(0, 10, "a")],
    ],
)
def test_uploads_within_the_limit_pass(upload):
    inbox = Inbox(100)
    for raw in upload:
        inbox.check(raw)
    assert not inbox.awaited


@pytest.mark.parametrize(
    ("upload", "says"),
    [
        ([begin(101, 1)], "limited to 100 bytes"),
        ([begin(-1, 1)], "limited to 100 bytes"),
        ([begin(10, 11)], "impossible form"),
        ([begin(10, 0)], "impossible form"),
        ([begin(0, 1)], "impossible form"),
        ([begin(1, 1, name="x" * 256)], "impossible name"),
        ([begin(1, 1), begin(1, 1)], "impossible name"),
        ([begin(1, 1, str(k)) for k in range(5)], "too many uploads"),
        ([part(0, 1)], "a part of no upload"),
        ([begin(10, 1), part(0, 11)], "more than was announced"),
        ([begin(10, 2), part(0, 10)], "more than was announced"),  # the second would be empty
        ([begin(10, 2), part(0, 5), part(0, 5)], "more than was announced"),
        ([begin(10, 2), part(0, 5), part(2, 5)], "more than was announced"),
        ([begin(10, 1), part(0, 9)], "more than was announced"),
        ([begin(10, 1), part(0, 0)], "more than was announced"),
    ],
)
def test_uploads_beyond_it_are_refused_before_they_are_kept(upload, says):
    inbox = Inbox(100)
    for raw in upload[:-1]:
        inbox.check(raw)
    with pytest.raises(RefusedMessageError, match=says):
        inbox.check(upload[-1])


def test_long_messages_are_pictures_or_files():
    picture = pack(type="GetRenderResponseMessage", payload=bytes(2**21), render_uuid="x")
    Inbox(0).check(picture)
    text = pack(type="GuiUpdateMessage", uuid="x", updates={"value": "x" * 2**21})
    with pytest.raises(RefusedMessageError, match="more than 1048576 bytes"):
        Inbox(0).check(text)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("text", "text instead of msgpack"),
        (b"\xdd\xff\xff\xff\xff", "not a message: .*truncated|Expected `object`"),
        (pack(type="ShareUrlRequest"), "unknown kind"),  # opens a tunnel to the world
        (pack(type="RunJavascriptMessage", source="x"), "unknown kind"),
        (pack(**{**CAMERA, "fov": "wide"}), "ViewerCameraMessage: Expected `float`"),
        (pack(**CAMERA, excluded_self_client=0), "no field 'excluded_self_client'"),
        (pack(type="GuiUpdateMessage", uuid="x", updates={"update_cb": 0}), "nothing else"),
        (msgspec.msgpack.encode([1]), "not a message"),
    ],
)
def test_refusals_say_why(raw, says):
    with pytest.raises(RefusedMessageError, match=says):
        Inbox(0).check(raw)
