"""Scales and ticks of charts."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

LOG_RATIO = 30.0  # a positive curve that spans more than this gets a logarithmic scale


class Axis(NamedTuple):
    """Where values lie: 0 at the low end, 1 at the high end, clipped to both."""

    place: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]
    ticks: tuple[float, ...]
    logarithmic: bool


def value_axis(values: Float[np.ndarray, " n"]) -> Axis:
    """Choose a scale for a curve's values; a few wild ones do not flatten the rest."""
    low, high = (float(q) for q in np.quantile(values, [0.005, 0.995]))
    if low > 0 and high / low > LOG_RATIO:
        return _logarithmic(low, high)
    if 0 < low < high / 2:
        low = 0.0
    elif high < 0 and high > low / 2:
        high = 0.0
    return linear_axis(low, high)


def linear_axis(low: float, high: float) -> Axis:
    """Span a range from a round number to a round number; a single value gets room around it."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = abs(high) / 2 or 1.0
        low, high = low - margin, high + margin
    ticks = nice_ticks(low, high)
    return Axis(_linear(min(low, ticks[0]), max(high, ticks[-1])), ticks, False)


def step_axis(steps: Float[np.ndarray, " n"]) -> Axis:
    """Span the steps exactly, marked at both ends."""
    low, high = float(steps.min()), float(steps.max())
    return Axis(_linear(low, high), (low, high) if high > low else (low,), False)


def nice_ticks(low: float, high: float) -> tuple[float, ...]:
    """Return three to six multiples of 1, 2 or 5 times a power of ten, the range within them.

    The outer two may lie a little outside the range.
    """
    raw = (high - low) / 3
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(k * step for k in range(first, last + 1))


def number(value: float) -> str:
    """Write a number in as few characters as tell its size."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}"


def _linear(low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    width = (high - low) or 1.0
    return lambda x: np.asarray(((x - low) / width).clip(0, 1))


def _logarithmic(low: float, high: float) -> Axis:
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    every = max(1, -(-(last - first) // 4))
    ticks = tuple(10.0**k for k in range(first, last + 1, every))
    exponent = _linear(float(first), float(max(last, first + 1)))
    return Axis(lambda x: exponent(np.log10(np.maximum(x, 10.0**first))), ticks, True)
