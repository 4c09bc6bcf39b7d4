"""The font of what is written into pictures."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

# The first and last characters of what `tools/make_font.py` keeps: Latin, Greek and Cyrillic;
# punctuation, raised and lowered digits; arrows and mathematics; U+FFFD.
RANGES = ((0x20, 0x24F), (0x370, 0x4FF), (0x2000, 0x209F), (0x2190, 0x22FF), (0xFFFD, 0xFFFD))


@cache
def caption_font(size: int) -> "FreeTypeFont":
    """Return DejaVu Sans: Pillow's own font has no accents, no Greek and no ²."""
    from PIL import ImageFont

    return ImageFont.truetype(Path(__file__).with_name("DejaVuSans.ttf"), size)


def drawable(text: str) -> str:
    """Return a text with U+FFFD for each character that the font lacks, where it draws a box."""
    return "".join(
        c if c == "\n" or any(low <= ord(c) <= high for low, high in RANGES) else "\ufffd"
        for c in text
    )
