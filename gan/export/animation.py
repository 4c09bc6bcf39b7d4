"""Faces in time: keys for the codes of factors, curves between them, and frames as few targets."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from gan.models.contract import FaceGenerator
from meshkit.formats.gltf_morph import MorphTarget, WeightAnimation

CURVES = ("smooth", "linear", "ease", "ease-in", "ease-out", "hold")
MAX_LOSS = 0.05  # mm: what a frame may lose where it is mixed of targets


class Key(NamedTuple):
    """The code of one factor at one time."""

    seconds: float
    factor: str
    code: Float[Tensor, " d"]


def codes_in_time(
    base: Mapping[str, Tensor],
    keys: Sequence[Key],
    *,
    fps: int,
    seconds: float | None = None,
    curve: str = "smooth",
    loop: bool = False,
) -> tuple[Float[np.ndarray, " t"], dict[str, Tensor]]:
    """Return the times of the frames, and the codes (t, d) of every factor.

    A factor without a key stays that of `base`; before its first key and after its last it rests.

    Parameters
    ----------
    base
        A face (1, d).
    seconds : s
        Of the animation; default to the last key, and with `loop` one mean step more.
    curve : one of `CURVES`
        "smooth" goes through all keys without a stop, but does not overshoot (PCHIP); "ease" stops
        at each; "ease-in" begins slowly, "ease-out" ends slowly; "hold" jumps.
    loop
        End where it began, so that it can be repeated: each factor goes back to its first key.

    Raises
    ------
    ValueError
        There is no key; a factor has two at one time; a time is negative or after the end.
    """
    if curve not in CURVES:
        raise ValueError(f"curve must be one of {', '.join(CURVES)}, got {curve!r}")
    if not keys:
        raise ValueError("an animation needs a key")
    places = sorted({key.seconds for key in keys})
    last = places[-1]
    if seconds is None:
        seconds = last + (last - places[0]) / max(len(places) - 1, 1) * loop
    if not seconds > 0:
        raise ValueError("keys at 0 s alone make no animation: give a later one, or its length")
    if places[0] < 0 or last > seconds:
        raise ValueError(f"keys from {places[0]:g} to {last:g} s in an animation of {seconds:g} s")
    t = np.arange(round(seconds * fps) + 1) / fps
    codes = {name: code.expand(len(t), -1).clone() for name, code in base.items()}
    for factor in dict.fromkeys(key.factor for key in keys):
        own = sorted((key for key in keys if key.factor == factor), key=lambda key: key.seconds)
        at = [key.seconds for key in own]
        if len(set(at)) < len(at):
            raise ValueError(f"{factor} has two keys at one time")
        values = [key.code.double().cpu().numpy() for key in own]
        if loop and at[-1] < seconds:
            at, values = [*at, seconds], [*values, values[0]]
        track = _track(np.array(at), np.stack(values), np.clip(t, at[0], at[-1]), curve)
        codes[factor] = torch.from_numpy(track).to(codes[factor])
    return t, codes


def _track(at: np.ndarray, values: np.ndarray, t: np.ndarray, curve: str) -> np.ndarray:
    if len(at) == 1:
        return np.repeat(values, len(t), axis=0)
    if curve == "smooth" and len(at) > 2:
        return np.asarray(PchipInterpolator(at, values, axis=0)(t))
    k = np.clip(np.searchsorted(at, t, side="right") - 1, 0, len(at) - 2)
    s = (t - at[k]) / (at[k + 1] - at[k])
    eased = {
        "linear": s,
        "smooth": s * s * (3 - 2 * s),
        "ease": s * s * (3 - 2 * s),
        "ease-in": s * s,
        "ease-out": s * (2 - s),
        "hold": np.floor(s),
    }[curve][:, None]
    return np.asarray((1 - eased) * values[k] + eased * values[k + 1])


def frames_as_targets(
    X: Float[np.ndarray, "t V 3"], times: Float[np.ndarray, " t"]
) -> tuple[list[MorphTarget], WeightAnimation]:
    """Write frames as mixtures of the fewest targets that lose no more than `MAX_LOSS` anywhere.

    The targets are the principal displacements from the first frame, at the size of their
    strongest weight, so that weights are within −1 and 1.
    """
    D = (X - X[0]).reshape(len(X), -1)
    U, sigma, Vt = np.linalg.svd(D, full_matrices=False)
    k, rest = 0, D.copy()
    while k < len(sigma) and _furthest(rest) > MAX_LOSS:
        rest -= sigma[k] * np.outer(U[:, k], Vt[k])
        k += 1
    k = max(k, 1)
    weights = U[:, :k] * sigma[:k]
    size = np.abs(weights).max(axis=0)
    size[size == 0] = 1.0
    targets = [
        MorphTarget(f"motion {j + 1}", X[0] + (size[j] * Vt[j]).reshape(-1, 3)) for j in range(k)
    ]
    return targets, WeightAnimation(times, weights / size)


def _furthest(D: np.ndarray) -> float:
    return float(np.linalg.norm(D.reshape(len(D), -1, 3), axis=2).max())


def class_code(model: FaceGenerator, factor: str, label: str) -> Float[Tensor, " d"]:
    """Return the code of a class."""
    return model.codes[model.factor(factor).name][model.label_index(factor, label)]
