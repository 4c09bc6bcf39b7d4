"""The tables of a PLY file, as columns: an array for a scalar, a `Lists` for a list property."""

import struct
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from meshkit.errors import FileFormatError
from meshkit.formats.ply_header import Element, Header, Property
from meshkit.formats.text import parse_number, parse_table, shorten

_Rows = list[tuple[int, str]]  # with their line numbers
# The codes of struct: of standard size behind a byte order.
_CODES = {
    **{"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"},
    **{"f4": "f", "f8": "d"},
}


class Lists(NamedTuple):
    """A list in each row: how long each is, and their values one after the other."""

    sizes: Int[np.ndarray, " n"]
    values: Shaped[np.ndarray, " k"]


Column = np.ndarray | Lists
Table = dict[str, Column]


def read_body(path: Path, data: bytes, header: Header) -> dict[str, Table]:
    """Read every element after the header.

    Raises
    ------
    FileFormatError
        The data is shorter than the header says, or holds what is no number.
    """
    if header.order:
        return _read_binary(path, data, header)
    return _read_ascii(path, data, header)


def _read_ascii(path: Path, data: bytes, header: Header) -> dict[str, Table]:
    text = data[header.size :].replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    numbered = [
        (number, line)
        for number, line in enumerate(text.split("\n"), header.lines + 1)
        if line and not line.isspace()
    ]
    elements = [element for element in header.elements if element.properties]
    if len(numbered) > sum(element.count for element in elements):
        numbered = _join_lines(elements, numbered) or numbered
    tables, start = {}, 0
    for element in elements:
        rows = numbered[start : start + element.count]
        if len(rows) < element.count:
            raise FileFormatError(
                f"{path}: {element.count} rows of {element.name} promised, {len(rows)} found"
            )
        tables[element.name] = _parse_rows(path, element, rows)
        start += element.count
    if start < len(numbered):
        _warn_rest(path, f"line {numbered[start][0]}")
    return tables


def _warn_rest(path: Path, where: str) -> None:
    warnings.warn(f"{path}: skipped what follows the last element, from {where} on", stacklevel=6)


def _join_lines(elements: list[Element], numbered: _Rows) -> _Rows | None:
    """Join the lines of rows that go on over several; None if the file has others.

    The words must be as many as the header says: this file has no other sign of damage.
    """
    words = [(number, word) for number, line in numbered for word in line.split()]
    rows: _Rows = []
    at = 0
    for element in elements:
        for _ in range(element.count):
            end = at
            for p in element.properties:
                size = words[end][1] if p.count_type and end < len(words) else "0"
                if not (size.isascii() and size.isdigit()):
                    return None
                end += 1 + int(size[:9]) if p.count_type else 1
            if end > len(words):
                return None
            rows.append((words[at][0], " ".join(word for _, word in words[at:end])))
            at = end
    return rows if at == len(words) else None


def _parse_rows(path: Path, element: Element, rows: _Rows) -> Table:
    """Parse the rows of one element of an ASCII file."""
    names = [p.name for p in element.properties]
    if all(p.count_type is None for p in element.properties):
        lines, texts = [number for number, _ in rows], [text for _, text in rows]
        table = parse_table(path, texts, lines, what=element.name, widths={len(names)})
        return {name: table[:, k] for k, name in enumerate(names)}
    sizes: dict[str, list[int]] = {name: [] for name in names}
    values: dict[str, list[float | int]] = {name: [] for name in names}
    for number, text in rows:
        words, at = text.split(), 0
        try:
            for p in element.properties:
                size = 1
                if p.count_type is not None:
                    size, at = parse_number(words[at], int), at + 1
                if not 0 <= size <= len(words) - at:
                    raise IndexError
                own = words[at : at + size]
                if p.type[0] == "f":
                    values[p.name] += [parse_number(word, float) for word in own]
                else:
                    values[p.name] += [parse_number(word, int) for word in own]
                sizes[p.name].append(size)
                at += size
        except (ValueError, IndexError):
            at = -1
        if at != len(words):
            raise FileFormatError(f"{path}:{number}: not a row of {element.name}: {shorten(text)}")
    return {p.name: _column(path, p, sizes[p.name], values[p.name]) for p in element.properties}


def _column(path: Path, p: Property, sizes: list[int], values: list[float | int]) -> Column:
    try:
        array = np.array(values, dtype=np.float64 if p.type[0] == "f" else np.int64)
    except OverflowError:
        raise FileFormatError(f"{path}: an integer of {p.name} is too large") from None
    return array if p.count_type is None else Lists(np.array(sizes, dtype=np.int64), array)


def _read_binary(path: Path, data: bytes, header: Header) -> dict[str, Table]:
    tables, start = {}, header.size
    for element in header.elements:
        if element.properties:
            tables[element.name], start = _read_table(path, data, start, element, header.order)
    if start < len(data):
        _warn_rest(path, f"byte {start}")
    return tables


def _read_table(
    path: Path, data: bytes, start: int, element: Element, order: str
) -> tuple[Table, int]:
    """Read one element of a binary file; return it and where it ends."""
    short = FileFormatError(
        f"{path}: {element.count} rows of {element.name} promised, the file ends before"
    )
    ragged = [p for p in element.properties if p.count_type is not None]
    lengths = _first_row(data, start, element, order) if element.count else {}
    dtype = np.dtype(
        [
            field
            for p in element.properties
            for field in (
                [(p.name, order + p.type)]
                if p.count_type is None
                else [
                    (p.name + " size", order + p.count_type),
                    (p.name, order + p.type, (lengths.get(p.name, 0),)),
                ]
            )
        ]
    )
    if element.count * dtype.itemsize <= len(data) - start:  # before anything is allocated
        rows = np.frombuffer(data, dtype, element.count, start)
        if all((rows[p.name + " size"] == lengths.get(p.name, 0)).all() for p in ragged):
            end = start + element.count * dtype.itemsize
            return {p.name: _field(rows, p) for p in element.properties}, end
    elif not ragged:
        raise short
    try:
        return _walk_rows(path, data, start, element, order)
    except (struct.error, IndexError):
        raise short from None


def _field(rows: np.ndarray, p: Property) -> Column:
    if p.count_type is None:
        return _widen(rows[p.name])
    return Lists(rows[p.name + " size"].astype(np.int64), _widen(rows[p.name].reshape(-1)))


def _widen(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)


def _first_row(data: bytes, at: int, element: Element, order: str) -> dict[str, int]:
    """Return the length of each list in the first row, as a guess for all rows."""
    lengths = {}
    for p in element.properties:
        size = 1
        if p.count_type is not None:
            counter = np.dtype(order + p.count_type)
            if at + counter.itemsize > len(data):
                return {}
            size = max(int(np.frombuffer(data, counter, 1, at)[0]), 0)
            if size > len(data):
                return {}
            lengths[p.name] = size
            at += counter.itemsize
        at += size * np.dtype(p.type).itemsize
    return lengths


def _walk_rows(path: Path, data: bytes, at: int, element: Element, order: str) -> tuple[Table, int]:
    """Read rows whose lists differ in length (triangles among quads), one by one."""
    sizes: dict[str, list[int]] = {p.name: [] for p in element.properties}
    values: dict[str, list[float | int]] = {p.name: [] for p in element.properties}
    codes = [
        (p, np.dtype(p.type), struct.Struct(order + _CODES[p.count_type or p.type]))
        for p in element.properties
    ]
    for _ in range(element.count):
        for p, dtype, single in codes:
            if p.count_type is None:
                values[p.name] += single.unpack_from(data, at)
                at += single.size
                continue
            (size,) = single.unpack_from(data, at)
            at += single.size
            if not 0 <= size * dtype.itemsize <= len(data) - at:
                raise IndexError
            values[p.name] += struct.unpack_from(f"{order}{size}{_CODES[p.type]}", data, at)
            sizes[p.name].append(size)
            at += size * dtype.itemsize
    return {p.name: _column(path, p, sizes[p.name], values[p.name]) for p, _, _ in codes}, at
