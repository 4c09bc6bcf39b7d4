"""Tables of numbers as text for a page: small, and read by tools/viewer/packed.js.

Whole numbers as differences along the rows, zigzag (0, −1, 1, −2, …), seven bits to a byte with the
lowest first (LEB128), deflated, base64.
"""

import base64
import zlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int, UInt8

LARGEST = 2**30 - 1  # the reader computes in 32 bits, differences are twice as large


def pack(tables: Iterable[Int[np.ndarray, "_ _"]]) -> str:
    """Return tables as text, one after the other; the reader knows their sizes.

    Raises
    ------
    ValueError
        A number is beyond ±(2³⁰ − 1).
    """
    packed = zlib.compressobj(9)
    parts = []
    for table in tables:
        if table.size and max(int(table.max()), -int(table.min())) > LARGEST:
            raise ValueError(f"{int(np.abs(table).max())} is too large a number to be packed")
        difference = table.astype(np.int64)
        difference[1:] -= table[:-1]
        zigzag = (difference << 1) ^ (difference >> 63)
        parts.append(packed.compress(leb128(zigzag.reshape(-1)).tobytes()))
    return base64.b64encode(b"".join([*parts, packed.flush()])).decode("ascii")


def leb128(values: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, " bytes"]:
    """Write numbers from 0 to 2³⁵ − 1, seven bits to a byte; all but the last have the high bit."""
    length = 1 + (values[:, None] >= 1 << 7 * np.arange(1, 5)).sum(axis=1)
    end = np.cumsum(length)
    start = end - length
    out = np.empty(int(end[-1]) if len(end) else 0, dtype=np.uint8)
    for k in range(5):
        has = length > k
        more = length[has] > k + 1
        out[start[has] + k] = ((values[has] >> 7 * k) & 127) | (more.astype(np.int64) << 7)
    return out
