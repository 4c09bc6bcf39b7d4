"""Text files as numbered lines, and tables of numbers in them; errors name file and line."""

import re
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from meshkit.errors import FileFormatError

Number = TypeVar("Number", int, float)
_DECIMAL = r"[-+]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+"
_CHUNK = 50_000  # rows split into words at a time: bounds the memory of a large file


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, without line ends (any of the three kinds).

    Decoded as Latin-1, which cannot fail: what meshkit reads is ASCII, what it skips (names,
    comments) may be in any encoding.

    Raises
    ------
    FileFormatError
        The file is empty or holds a zero byte.
    """
    data = path.read_bytes()
    if not data.strip():
        raise FileFormatError(f"{path} is empty")
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise FileFormatError(f"{path}:{line}: a zero byte: this is no text file")
    return data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").split("\n")


def parse_table(
    path: Path,
    rows: Sequence[str],
    lines: Sequence[int],
    *,
    what: str,
    widths: Collection[int],
    pad: str | None = None,
) -> Float[np.ndarray, "n k"]:
    """Parse rows of numbers, all of one width out of `widths`; `lines` are their line numbers.

    With `pad`, rows may be of several of these widths: the shorter ones end in that number.
    Not-a-number and infinity are numbers here: the doctor reports them with their index.

    Raises
    ------
    FileFormatError
        A row has another count of numbers, or a word that is no number.
    """
    if not rows:
        return np.zeros((0, min(widths)))
    widths = set(widths)
    if (table := _plain_table(rows, widths)) is not None:
        return table
    width = len(rows[0].split())
    if pad is not None:
        width = max((n for row in rows if (n := len(row.split())) in widths), default=width)
    blocks = []
    for start in range(0, len(rows), _CHUNK):
        words = list(map(str.split, rows[start : start + _CHUNK]))
        if pad is not None and widths.issuperset(map(len, words)):
            words = [row + [pad] * (width - len(row)) for row in words]
        if set(map(len, words)) != {width} or width not in widths:
            _refuse_width(path, words, lines[start:], what, width, widths)
        blocks.append(_convert(path, words, lines[start:], what))
    return np.concatenate(blocks).reshape(-1, width)


def _plain_table(rows: Sequence[str], widths: Collection[int]) -> Float[np.ndarray, "n k"] | None:
    """Parse decimal numbers, all rows as wide as the first; None for anything else.

    Five times as fast as word by word, and the case of nearly every file.
    """
    width = len(rows[0].split())
    if width not in widths:
        return None
    form = re.compile(rf"(?: *+{_DECIMAL}(?: ++{_DECIMAL}){{{width - 1}}} *+\n)*+")
    blocks = []
    for start in range(0, len(rows), _CHUNK):
        text = "\n".join(rows[start : start + _CHUNK]) + "\n"
        if not form.fullmatch(text):
            return None
        blocks.append(np.fromstring(text, dtype=np.float64, sep=" "))
    return np.concatenate(blocks).reshape(-1, width)


def parse_number(word: str, dtype: Callable[[str], Number]) -> Number:
    """Convert one word; Python's digit groups (``1_000``) are no number in a mesh file."""
    if "_" in word:
        raise ValueError(word)
    return dtype(word)


def _refuse_width(
    path: Path,
    words: list[list[str]],
    lines: Sequence[int],
    what: str,
    width: int,
    widths: Collection[int],
) -> None:
    for row, line in zip(words, lines, strict=False):
        if len(row) not in widths:
            wanted = " or ".join(map(str, sorted(widths)))
            raise FileFormatError(f"{path}:{line}: {what} needs {wanted} numbers, found {len(row)}")
        if len(row) != width:
            raise FileFormatError(
                f"{path}:{line}: {what} with {len(row)} numbers after others with {width}"
            )


def _convert(
    path: Path, words: list[list[str]], lines: Sequence[int], what: str
) -> Float[np.ndarray, " k"]:
    try:
        if not any("_" in "".join(row) for row in words):
            return np.fromiter(map(float, chain.from_iterable(words)), np.float64)
    except ValueError:
        pass  # comes again below, with its line
    for row, line in zip(words, lines, strict=False):
        for word in row:
            try:
                parse_number(word, float)
            except ValueError:
                problem = f"{what}: {shorten(word)} is not a number"
                raise FileFormatError(f"{path}:{line}: {problem}") from None
    raise AssertionError("a word failed in the block and passes alone")


def shorten(word: str, limit: int = 40) -> str:
    """Quote a word of a file for a message, cut to `limit` characters, control bytes escaped."""
    return repr(word if len(word) <= limit else word[:limit] + "…")
