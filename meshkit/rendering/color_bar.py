"""The scale beside a picture of a field."""

import math

import numpy as np
from jaxtyping import UInt8

from meshkit.rendering.colormaps import apply_colormap
from meshkit.rendering.fonts import caption_font
from meshkit.rendering.sheets import INK, PAPER


def color_bar(
    height: int, limits: tuple[float, float], colormap: str = "viridis", *, label: str = ""
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw a vertical scale from the lower limit (bottom) to the upper one, with numbers.

    The ends are labelled, and round numbers between them where there is room.

    Parameters
    ----------
    height : pixel
        Of the picture that it stands beside.

    Raises
    ------
    ValueError
        The limits are not finite and rising; the height is not positive; no such colour map.
    """
    from PIL import Image, ImageDraw

    check_limits(limits)
    if height < 1:
        raise ValueError(f"a colour bar needs a positive height, got {height}")
    font_size = max(9, height // 30)
    font = caption_font(font_size)
    top = font_size * (3 if label else 1)
    bar = max(1, height - top - font_size)  # rows from the upper to the lower end
    across, gap = font_size, font_size // 2
    ticks = bar_ticks(limits, max(1, bar // (3 * font_size)))
    widest = max(font.getlength(text) for _, text in ticks)
    width = math.ceil(max(3 * gap + across + widest, font.getlength(label) + 2 * gap) + gap)
    picture = np.full((height, width, 3), PAPER, dtype=np.uint8)
    t = 1 - (np.arange(bar) / (bar - 1) if bar > 1 else np.zeros(1))
    colors = np.rint(apply_colormap(t, colormap) * 255).astype(np.uint8)
    picture[top : top + bar, gap : gap + across] = colors[: height - top, None]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.text((gap, font_size), label, fill=INK, font=font, anchor="lm")
    for share, text in ticks:
        y = top + (1 - share) * (bar - 1)
        draw.line([(gap + across, y), (gap + across + gap // 2, y)], fill=INK)
        draw.text((2 * gap + across, y), text, fill=INK, font=font, anchor="lm")
    return np.asarray(image).copy()


def beside(
    image: UInt8[np.ndarray, "h w 3"], bar: UInt8[np.ndarray, "h v 3"]
) -> UInt8[np.ndarray, "h t 3"]:
    """Put a colour bar to the right of a picture."""
    return np.concatenate([image, bar], axis=1)


def bar_ticks(limits: tuple[float, float], most: int) -> list[tuple[float, str]]:
    """Return (share of the bar, number) for both ends and the round numbers well between them."""
    low, high = limits
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(k for k in (1, 2, 5, 10) if k * power >= rough * (1 - 1e-9))
    inner = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    shares = [((value - low) / (high - low), value) for value in inner]
    room = 0.5 / most
    kept = [(share, value) for share, value in shares if room < share < 1 - room]
    return [(s, f"{v:.4g}") for s, v in [(0.0, low), *kept, (1.0, high)]]


def check_limits(limits: tuple[float, float]) -> None:
    """Raise ValueError unless the limits are finite and rising."""
    low, high = limits
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"the limits of a colour scale must be finite and rise, got {low}, {high}")
