"""The shapes that a face can take, factor by factor: what morph targets and viewers mix."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.evaluation.generated import decode_all
from gan.export.linearisation import Linearisation
from gan.models.contract import FaceGenerator

MAX_CLASSES = 20  # classes: a factor with more (identity) is no set of shapes to mix


class FactorShapes(NamedTuple):
    """What one factor makes of a face.

    Attributes
    ----------
    plus, minus : (k, V, 3), mm
        The ends of the factor's strongest directions, one way and the other.
    sigma : (k,), mm
        The norm, over all coordinates, of one standard deviation along a direction.
    classes : (V, 3), mm
        Each class and its shape; None: the face has that class already.
    """

    factor: str
    plus: Float[np.ndarray, "k V 3"]
    minus: Float[np.ndarray, "k V 3"]
    sigma: Float[np.ndarray, " k"]
    classes: Mapping[str, Float[np.ndarray, "V 3"] | None]


def zero_codes(model: FaceGenerator) -> dict[str, Tensor]:
    """Return the codes (1, d) of the model's mean face."""
    total = sum(f.code_size for f in model.factors) + model.noise_size
    return model.split(model.template.new_zeros(1, total))


def face_shapes(
    model: FaceGenerator,
    base: Mapping[str, Tensor],
    linear: Linearisation,
    *,
    directions: int = 5,
    sigmas: float = 2.0,
    classes: Sequence[str] | None = None,
) -> tuple[Float[np.ndarray, "V 3"], list[FactorShapes]]:
    """Decode a face, and each shape that it takes when one code alone is changed.

    Parameters
    ----------
    base
        Codes (1, d) of the face.
    directions
        Of each factor, at most; fewer where it has fewer.
    sigmas : 1
        How far a direction is gone, in standard deviations of random codes.
    classes
        Factors whose classes become shapes; None: all that have at most `MAX_CLASSES`.

    Returns
    -------
    V, shapes : mm
        The face, and the shapes of every factor, in the model's order.

    Raises
    ------
    ValueError
        The model has no such factor; a number is out of range.
    CheckpointError
        The model generates vertices that are not finite.
    """
    if directions < 0 or not sigmas > 0:
        raise ValueError(
            f"directions must be 0 or more and sigmas positive, got {directions} and {sigmas}"
        )
    if classes is None:
        classes = [f.name for f in model.factors if len(f.classes) <= MAX_CLASSES]
    shown = {model.factor(name).name for name in classes}
    rows = [dict(base)]
    for factor in model.factors:
        for u in _directions(linear, factor.name, directions, like=base[factor.name]):
            for sign in (1, -1):
                code = base[factor.name] + sign * sigmas * u
                rows.append({**base, factor.name: code})
    for name in model.codes:
        if name in shown:
            rows += [{**base, name: code[None]} for code in _other(model, base, name).values()]
    together = {name: torch.cat([row[name] for row in rows]) for name in base}
    X = decode_all(model, together).astype(np.float64)
    return X[0], _apart(model, base, linear, X[1:], directions, shown)


def _apart(
    model: FaceGenerator,
    base: Mapping[str, Tensor],
    linear: Linearisation,
    X: Float[np.ndarray, "n V 3"],
    directions: int,
    shown: set[str],
) -> list[FactorShapes]:
    """Hand the decoded faces out, in the order in which they were asked for."""
    faces = iter(X)
    ends = {}
    for factor in model.factors:
        k = len(linear.parts[factor.name].sigma[:directions])
        pairs = np.array([next(faces) for _ in range(2 * k)]).reshape(k, 2, *X.shape[1:])
        ends[factor.name] = pairs[:, 0], pairs[:, 1]
    own: dict[str, dict[str, np.ndarray | None]] = {name: {} for name in ends}
    for name in model.codes:
        if name in shown:
            other = _other(model, base, name)
            own[name] = {
                label: next(faces) if label in other else None
                for label in model.factor(name).classes
            }
    return [
        FactorShapes(name, plus, minus, linear.parts[name].sigma[: len(plus)], own[name])
        for name, (plus, minus) in ends.items()
    ]


def _directions(
    linear: Linearisation, factor: str, directions: int, *, like: Tensor
) -> Float[Tensor, "k d"]:
    return torch.from_numpy(linear.parts[factor].direction[:directions]).to(like)


def _other(
    model: FaceGenerator, base: Mapping[str, Tensor], factor: str
) -> dict[str, Float[Tensor, " d"]]:
    """Return the codes of the classes that the face does not have already."""
    codes = zip(model.factor(factor).classes, model.codes[factor], strict=True)
    return {label: code for label, code in codes if not bool((code == base[factor][0]).all())}
