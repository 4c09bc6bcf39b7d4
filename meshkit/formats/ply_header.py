"""The header of a PLY file: which elements follow, of which properties, in which encoding."""

from dataclasses import dataclass, field
from pathlib import Path

from meshkit.errors import FileFormatError
from meshkit.formats.text import shorten

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"int64": "i8", "uint64": "u8"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_ENCODINGS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER = 1 << 20  # bytes


@dataclass(frozen=True)
class Property:
    """One column; `count_type` is set for a list. Types are numpy's, without byte order."""

    name: str
    type: str
    count_type: str | None = None


@dataclass(frozen=True)
class Element:
    """A table of `count` rows."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


@dataclass(frozen=True)
class Header:
    """What follows; `order`: of bytes, empty for ASCII; `lines`, `size`: where the data starts."""

    order: str
    elements: list[Element]
    lines: int
    size: int


def read_header(path: Path, data: bytes) -> Header:
    """Parse the header.

    Raises
    ------
    FileFormatError
        The file does not start with "ply"; a line of the header is unknown or malformed.
    """
    if not data.strip():
        raise FileFormatError(f"{path} is empty")
    if data[:4].rstrip() != b"ply":
        raise FileFormatError(f"{path}:1: a PLY file starts with the line 'ply'")
    end = data.find(b"end_header", 0, _MAX_HEADER)
    newline = data.find(b"\n", end) if end >= 0 else -1
    if newline < 0:
        # Old Macintosh files end lines with a carriage return alone.
        newline = data.find(b"\r", end) if end >= 0 else -1
    if newline < 0:
        raise FileFormatError(f"{path}: the header has no line 'end_header'")
    text = data[:newline].replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    order: str | None = None
    elements: list[Element] = []
    lines = text.rstrip("\n").split("\n")
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        where = f"{path}:{number}"
        match words:
            case [] | ["comment", *_] | ["obj_info", *_] | ["end_header"]:
                pass
            case ["format", encoding, "1.0"] if encoding in _ENCODINGS:
                order = _ENCODINGS[encoding]
            case ["element", name, count] if count.isascii() and count.isdigit():
                if any(element.name == name for element in elements):
                    raise FileFormatError(f"{where}: element {shorten(name)} is declared twice")
                elements.append(Element(name, int(count[:19])))
            case ["property", *declaration] if elements:
                _add_property(where, elements[-1], declaration)
            case _:
                raise FileFormatError(f"{where}: not a header line of PLY 1.0: {shorten(line)}")
    if order is None:
        raise FileFormatError(f"{path}: the header has no line 'format'")
    return Header(order, elements, len(lines), newline + 1)


def _add_property(where: str, element: Element, words: list[str]) -> None:
    match words:
        case [kind, name] if kind in _TYPES:
            added = Property(name.lower(), _TYPES[kind])
        case ["list", count_kind, kind, name] if (
            kind in _TYPES and _TYPES.get(count_kind, "f")[0] in "iu"
        ):
            added = Property(name.lower(), _TYPES[kind], _TYPES[count_kind])
        case _:
            raise FileFormatError(f"{where}: not a property of PLY 1.0: {shorten(' '.join(words))}")
    if any(known.name == added.name for known in element.properties):
        raise FileFormatError(f"{where}: property {shorten(added.name)} is declared twice")
    element.properties.append(added)
