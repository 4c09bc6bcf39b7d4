"""What a browser may send: known kinds of messages, whole and of bounded size.

The server's library looks up the class of a message by its name and sets what it is told to set;
here a message is read first, and one that no page of ours would send ends its connection.
"""

from typing import Any

import msgspec
from viser import _messages as messages

MAX_MESSAGE = 16 * 2**20  # bytes: a picture of the canvas is the largest thing a page sends
MAX_OTHER = 2**20  # bytes of a message that carries neither a picture nor a part of a file
MAX_TRANSFERS = 4  # uploads under way on one connection
MAX_NAME = 255  # characters of an uploaded file's name

# Requests for a public tunnel (ShareUrl…) and all that only servers send are missing on purpose.
KINDS: dict[str, type[messages.Message]] = {
    kind.__name__: kind
    for kind in (
        messages.CommandTriggerMessage,
        messages.FileTransferPart,
        messages.FileTransferPartAck,
        messages.FileTransferStartUpload,
        messages.GetRenderResponseMessage,
        messages.GuiButtonHoldMessage,
        messages.GuiFormDirtyMessage,
        messages.GuiFormSubmitMessage,
        messages.GuiUpdateMessage,
        messages.LocalStorageGetItemResponseMessage,
        messages.SceneNodeClickMessage,
        messages.SceneNodeDragMessage,
        messages.ScenePointerMessage,
        messages.TransformControlsDragEndMessage,
        messages.TransformControlsDragStartMessage,
        messages.TransformControlsUpdateMessage,
        messages.ViewerCameraMessage,
    )
}


class RefusedMessageError(ValueError):
    """A message that no page of this server sends; the text says why."""


class Inbox:
    """Judge the messages of one connection; knows how much it has uploaded.

    Parameters
    ----------
    max_upload : bytes
        The largest file that the page may send; with 0 it may send none.
    """

    def __init__(self, max_upload: int) -> None:
        self.max_upload = max_upload
        self.awaited: dict[str, _Upload] = {}

    def check(self, raw: str | bytes) -> None:
        """Raise unless the message is one that a page may send now.

        Raises
        ------
        RefusedMessageError
            Text instead of bytes, not msgpack, an unknown kind, missing, further or wrongly
            typed fields, or more than the limits allow.
        """
        fields = _decode(raw)
        name = fields.pop("type", None)
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise RefusedMessageError("unknown kind of message")
        try:
            message = msgspec.convert(fields, kind)
        except msgspec.ValidationError as error:
            raise RefusedMessageError(f"{name}: {error}") from error
        if further := fields.keys() - kind.__dataclass_fields__.keys():  # type: ignore[attr-defined]
            raise RefusedMessageError(f"{name} has no field {sorted(further)[0][:40]!r}")
        self._limit(message, len(raw))

    def _limit(self, message: messages.Message, size: int) -> None:
        if isinstance(message, messages.FileTransferStartUpload):
            self._begin(message)
        elif isinstance(message, messages.FileTransferPart):
            self._take(message)
        elif isinstance(message, messages.GetRenderResponseMessage):
            return
        elif size > MAX_OTHER:
            raise RefusedMessageError(f"more than {MAX_OTHER} bytes")
        elif isinstance(message, messages.GuiUpdateMessage) and message.updates.keys() != {"value"}:
            raise RefusedMessageError("a page changes the values of controls, nothing else")

    def _begin(self, start: messages.FileTransferStartUpload) -> None:
        if not 0 <= start.size_bytes <= self.max_upload:
            raise RefusedMessageError(f"uploads are limited to {self.max_upload} bytes")
        empty = start.size_bytes == 0
        if empty != (start.part_count == 0) or not 0 <= start.part_count <= start.size_bytes:
            raise RefusedMessageError("an upload of impossible form")
        if len(start.filename) > MAX_NAME or start.transfer_uuid in self.awaited:
            raise RefusedMessageError("an upload of impossible name")
        if len(self.awaited) >= MAX_TRANSFERS:
            raise RefusedMessageError("too many uploads at once")
        if not empty:
            self.awaited[start.transfer_uuid] = _Upload(start.size_bytes, start.part_count)

    def _take(self, part: messages.FileTransferPart) -> None:
        upload = self.awaited.get(part.transfer_uuid)
        if upload is None or not upload.fits(part.part_index, len(part.content)):
            raise RefusedMessageError("a part of no upload, or more than was announced")
        if upload.size == 0:
            del self.awaited[part.transfer_uuid]


class _Upload:
    """What is still to come of one file: bytes, and which parts."""

    def __init__(self, size: int, parts: int) -> None:
        self.size = size
        self.parts = parts
        self.seen: set[int] = set()

    def fits(self, index: int, size: int) -> bool:
        """Take a part; the last byte comes with the last part, or it would be kept for ever."""
        self.size -= size
        if size == 0 or index in self.seen or not 0 <= index < self.parts:
            return False
        self.seen.add(index)
        return self.size >= 0 and (self.size == 0) == (len(self.seen) == self.parts)


def _decode(raw: str | bytes) -> dict[str, Any]:
    if isinstance(raw, str):
        raise RefusedMessageError("text instead of msgpack")
    try:
        return msgspec.msgpack.decode(raw, type=dict[str, Any])
    except (ValueError, RecursionError) as error:  # its own DecodeError, and UnicodeDecodeError
        raise RefusedMessageError(f"not a message: {error}") from error
