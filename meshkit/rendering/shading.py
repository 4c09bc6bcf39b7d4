"""Light for pictures of meshes: skin-grey clay under a key, a fill and a rim light."""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float


def _rgb(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def _unit(*direction: float) -> np.ndarray:
    return np.array(direction, dtype=np.float32) / np.float32(np.linalg.norm(direction))


CLAY = _rgb(0.78, 0.685, 0.635)  # sRGB albedo
INSIDE = _rgb(0.36, 0.42, 0.50)  # what is seen from behind
GAMMA = 2.2


# Directions towards the lights (x right, y up, z to the viewer) and their linear RGB intensities.
_LIGHTS = (
    (_unit(-0.58, 0.66, 0.48), _rgb(0.98, 0.94, 0.89)),  # key
    (_unit(0.85, 0.02, 0.52), _rgb(0.15, 0.165, 0.19)),  # fill
)
_RIM, _RIM_COLOR = _unit(0.72, 0.45, -0.53), _rgb(0.33, 0.34, 0.36)
_HALFWAY = _unit(*(_LIGHTS[0][0] + (0, 0, 1)))
_SKY, _GROUND = _rgb(0.20, 0.21, 0.225), _rgb(0.085, 0.075, 0.07)
_WRAP = 0.15  # light reaches a little past the terminator, as it does under skin


def clay(
    N: Float[np.ndarray, "s 3"],
    behind: Bool[np.ndarray, " s"],
    albedo: Float[np.ndarray, "s 3"] | None = None,
) -> Float[np.ndarray, "s 3"]:
    """Light samples with unit view-space normals N; return sRGB in [0, 255].

    Parameters
    ----------
    behind
        Seen from the back: lit on the viewer's side, `INSIDE` in colour whatever the albedo, dull.
    albedo : 1
        sRGB in [0, 1]; default clay.
    """
    N = N.astype(np.float32)  # eight bits come out: half the time
    N[behind] *= -1
    base = np.broadcast_to(CLAY, N.shape) if albedo is None else albedo.astype(np.float32)
    base = np.where(behind[:, None], INSIDE, base) ** np.float32(GAMMA)
    light = _GROUND + np.multiply.outer((N[:, 1] + 1) / 2, _SKY - _GROUND)
    for direction, intensity in _LIGHTS:
        cosine = (N @ direction + _WRAP) / (1 + _WRAP)
        light += np.multiply.outer(cosine.clip(0), intensity)
    linear = base * light
    rim = (N @ _RIM).clip(0) * (1 - N[:, 2].clip(0, 1)) ** 3
    shine = 0.05 * (N @ _HALFWAY).clip(0) ** 24
    rim[behind], shine[behind] = 0, 0
    linear += np.multiply.outer(rim, _RIM_COLOR) + shine[:, None]
    return np.asarray(255 * linear.clip(0, 1).astype(np.float32) ** np.float32(1 / GAMMA))


def headlight(
    color: Float[np.ndarray, "s 3"], N: Float[np.ndarray, "s 3"], behind: Bool[np.ndarray, " s"]
) -> Float[np.ndarray, "s 3"]:
    """Shade colours that mean something: by a fifth at most, so that they still can be read off.

    Parameters
    ----------
    color : 1
        sRGB in [0, 1]; what faces the viewer keeps it. Returned in [0, 255].
    """
    slant = 1 - 0.2 * (1 - np.abs(N[:, 2]).clip(0, 1))
    return np.asarray(255 * np.where(behind[:, None], INSIDE, color) * slant[:, None])


@lru_cache(maxsize=8)
def gradient(height: int, width: int) -> Float[np.ndarray, "height width 3"]:
    """Paint a soft studio background, lighter behind the upper middle; sRGB, read-only."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    glow = np.exp(-(x**2 + (y + 0.15) ** 2) / 1.3)[..., None]
    image = _rgb(188.0, 193.0, 200.0) + glow * _rgb(46.0, 45.0, 42.0)
    image.flags.writeable = False
    return np.asarray(image)
