"""The shapes that a face can take, factor by factor: what morph targets and viewers mix."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.evaluation.generated import decode_all
from gan.export.linearisation import Linearisation
from gan.models.contract import FaceGenerator, Factor

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
    labelled = {model.factor(name).name for name in classes}
    codes: dict[tuple[str, object], Tensor] = {}  # of one factor, by factor and what they show
    for factor in model.factors:
        at = base[factor.name]
        for k, u in enumerate(_directions(linear, factor.name, directions, like=at)):
            codes |= {(factor.name, (k, sign)): at + sign * sigmas * u for sign in (1, -1)}
        if factor.name in labelled:
            other = _other(model, base, factor.name)
            codes |= {(factor.name, label): code[None] for label, code in other.items()}
    rows = [base, *({**base, factor: code} for (factor, _), code in codes.items())]
    X = decode_all(model, {name: torch.cat([row[name] for row in rows]) for name in base})
    X = X.astype(np.float64)
    faces = dict(zip(codes, X[1:], strict=True))
    return X[0], [
        _of_factor(factor, faces, linear.parts[factor.name].sigma[:directions], labelled, len(X[0]))
        for factor in model.factors
    ]


def _of_factor(
    factor: Factor,
    faces: Mapping[tuple[str, object], np.ndarray],
    sigma: Float[np.ndarray, " k"],
    labelled: set[str],
    n: int,
) -> FactorShapes:
    """Pick the shapes of one factor; a class without a face is that of the face at rest."""
    name = factor.name
    ends = {sign: [faces[name, (k, sign)] for k in range(len(sigma))] for sign in (1, -1)}
    plus, minus = (np.array(ends[sign]).reshape(-1, n, 3) for sign in (1, -1))
    classes = factor.classes if name in labelled else ()
    return FactorShapes(
        name, plus, minus, sigma, {label: faces.get((name, label)) for label in classes}
    )


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
