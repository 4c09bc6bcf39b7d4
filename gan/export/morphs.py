"""A model as one mesh with morph targets: what viewers and game engines can move."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from unicodedata import combining

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gan.export.linearisation import Linearisation
from gan.export.shapes import face_shapes
from gan.models.contract import FaceGenerator
from meshkit.formats.gltf_morph import MorphTarget, WeightAnimation, save_morphs
from meshkit.mesh import Mesh

MILLIMETRE = 1e-3  # m


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

    For each factor the strongest directions, both ways, as "identity 1 +" and "identity 1 -": two
    targets, as viewers offer weights from 0 to 1 and the two ways differ in a model that is not
    linear. Then the classes of factors: "expression happy".

    The class that the face has already is left out. Parameters and errors are those of
    `gan.export.shapes.face_shapes`; lengths are mm.
    """
    V, shapes = face_shapes(
        model, base, linear, directions=directions, sigmas=sigmas, classes=classes
    )
    targets = []
    for factor, plus, minus, _, _ in shapes:
        for k, ends in enumerate(zip(plus, minus, strict=True)):
            targets += [
                MorphTarget(f"{factor} {k + 1} {way}", X) for way, X in zip("+-", ends, strict=True)
            ]
    for factor, _, _, _, labelled in shapes:
        targets += [
            MorphTarget(f"{factor} {label}", X) for label, X in labelled.items() if X is not None
        ]
    names = ascii_names([target.name for target in targets])
    return V, [target._replace(name=name) for name, target in zip(names, targets, strict=True)]


def ascii_names(names: Sequence[str]) -> list[str]:
    """Write names in ASCII, each another: accents go, what is left over becomes "_".

    Game engines and exchange formats drop or mangle other characters.
    """
    done: list[str] = []
    for name in names:
        plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not combining(c))
        plain = re.sub(r"[^\x20-\x7e]", "_", plain)
        free, k = plain, 2
        while free in done:
            free, k = f"{plain} {k}", k + 1
        done.append(free)
    return done


def save_morph_face(
    path: Path,
    model: FaceGenerator,
    V: Float[np.ndarray, "V 3"],
    targets: Sequence[MorphTarget],
    *,
    name: str = "face",
    animation: WeightAnimation | None = None,
) -> None:
    """Write a face and its targets as glTF, with the template's UVs, in true size: mm to metres."""
    mesh = Mesh(V, model.faces.cpu().numpy(), UV=model.UV.double().cpu().numpy())
    save_morphs(path, mesh, targets, name=name, animation=animation, meters=MILLIMETRE)
