"""How much memory a file may ask for: a small file can promise, or unfold to, any size."""

import os
from pathlib import Path

from meshkit.errors import FileFormatError

VARIABLE = "MESHKIT_MAX_BYTES"
_DEFAULT = 1 << 29
_RATIO = 16  # what is packed at most so much is no bomb, whatever its size


def check_size(path: Path, size: int) -> None:
    """Raise FileFormatError if `size` bytes, to be taken for a file, are past the limit.

    The limit is 512 MiB, or 16 times the size of the file where that is more. The environment
    variable ``MESHKIT_MAX_BYTES`` replaces the first of these.
    """
    text = os.environ.get(VARIABLE, "")
    allowed = int(text) if text.isascii() and text.isdigit() else _DEFAULT
    allowed = max(allowed, _RATIO * path.stat().st_size)
    if size > allowed:
        raise FileFormatError(
            f"{path} unfolds to more than {allowed} bytes; if you trust it, set {VARIABLE} higher"
        )
