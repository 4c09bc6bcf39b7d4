"""A model as one mesh with morph targets: what viewers and game engines can move."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.evaluation.generated import decode_all
from gan.export.linearisation import Linearisation
from gan.models.contract import FaceGenerator
from meshkit.formats.gltf_morph import MorphTarget, save_morphs
from meshkit.mesh import Mesh

FEW = 20  # classes: a factor with more (identity) is no set of shapes to mix
MILLIMETRE = 1e-3  # m


def zero_codes(model: FaceGenerator) -> dict[str, Tensor]:
    """Return the codes (1, d) of the model's mean face."""
    total = sum(f.code_size for f in model.factors) + model.noise_size
    return model.split(model.template.new_zeros(1, total))


def morph_targets(
    model: FaceGenerator,
    base: Mapping[str, Tensor],
    linear: Linearisation,
    *,
    directions: int = 5,
    sigmas: float = 2.0,
    classes: Sequence[str] | None = None,
) -> tuple[Float[np.ndarray, "V 3"], list[MorphTarget]]:
    """Decode a face and the shapes it can take: each target is exact by itself, mixtures add up.

    For each factor the strongest directions, both ways, as "identity 1 +" and "identity 1 −": two
    targets, as viewers offer weights from 0 to 1 and the two ways differ in a model that is not
    linear. Then the classes of factors: "expression happy".

    Parameters
    ----------
    base
        Codes (1, d) of the face where all weights are 0.
    directions
        Of each factor, at most; fewer where it has fewer.
    sigmas : 1
        How far a direction is gone, in standard deviations of random codes.
    classes
        Factors whose classes become targets; None: all that have at most `FEW`. The class that the
        face has already is left out.

    Returns
    -------
    V, targets : mm

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
        classes = [f.name for f in model.factors if len(f.classes) <= FEW]
    shown = [model.factor(name) for name in dict.fromkeys(classes)]
    names, rows = [""], [dict(base)]
    for factor in model.factors:
        found = linear.parts[factor.name].direction[:directions]
        for k, u in enumerate(torch.from_numpy(found).to(base[factor.name])):
            for sign, way in ((1, "+"), (-1, "−")):
                names.append(f"{factor.name} {k + 1} {way}")
                code = base[factor.name] + sign * sigmas * u
                rows.append({**base, factor.name: code})
    for factor in shown:
        for label, code in zip(factor.classes, model.codes[factor.name], strict=True):
            if bool((code == base[factor.name][0]).all()):
                continue
            names.append(f"{factor.name} {label}")
            rows.append({**base, factor.name: code[None]})
    together = {name: torch.cat([row[name] for row in rows]) for name in base}
    X = decode_all(model, together).astype(np.float64)
    targets = [MorphTarget(name, V) for name, V in zip(names[1:], X[1:], strict=True)]
    return X[0], targets


def save_morph_face(
    path: Path,
    model: FaceGenerator,
    V: Float[np.ndarray, "V 3"],
    targets: Sequence[MorphTarget],
    *,
    name: str = "face",
) -> None:
    """Write a face and its targets as glTF, with the template's UVs, in true size: mm to metres."""
    mesh = Mesh(V, model.faces.cpu().numpy(), UV=model.UV.double().cpu().numpy())
    save_morphs(path, mesh, targets, name=name, meters=MILLIMETRE)
