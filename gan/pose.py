"""Where a mesh lies, and in which unit: found by correspondence, never assumed.

A mesh of a model's topology may be moved, turned, and in any unit of length. Its pose is found
together with its codes, so that it does not depend on how the mesh came: the rigid motion M and the
codes z that minimise ``‖M⁻¹x − x̄ − J z‖² + λ ‖z‖²``, J the model's modes about its mean face. Plain
Procrustes alignment with the template would take a dropped jaw for a motion of the head.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from gan.datasets.importing.reading import (
    LARGEST_SIZE_RATIO,
    Reference,
    check_correspondence,
    check_finite,
)
from gan.datasets.model_file import UNITS
from gan.models.contract import PRIOR, FaceGenerator
from meshkit.errors import MeshError
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity
from meshkit.topology import edges

STEPS = 20  # of Gauss-Newton; three are usual
SETTLED = 1e-6  # mm
BATCH = 32  # faces decoded at once
# Smaller motions are not told. The bounds are ours.
NOTED_MM, NOTED_DEGREES = 5.0, 2.0


class Pose(NamedTuple):
    """From a model's frame to a mesh's own.

    Attributes
    ----------
    motion : mm
        Rigid, from the model's frame to the mesh's.
    unit
        Of the mesh's own lengths.
    """

    motion: Similarity
    unit: str

    @property
    def into_unit(self) -> Similarity:
        """The motion into the mesh's frame and unit, of vertices in mm."""
        R, t, scale = self.motion
        return Similarity(R, t / UNITS[self.unit], scale / UNITS[self.unit])

    def to_dict(self) -> dict[str, object]:
        """Return plain values, for JSON; `t` in mm."""
        return {"R": self.motion.R.tolist(), "t": self.motion.t.tolist(), "unit": self.unit}

    def describe(self, center: Float[np.ndarray, "3"]) -> str:
        """Say how a mesh lies, where that is worth a word; `center` is the model's, mm."""
        shift = np.linalg.norm(self.motion.apply(center) - center)
        angle = np.degrees(Rotation.from_matrix(self.motion.R).magnitude())
        words = [] if self.unit == "mm" else [f"lengths are {self.unit}"]
        if shift > NOTED_MM or angle > NOTED_DEGREES:
            words.append(f"{shift:.0f} mm away from the model, turned by {angle:.0f}°")
        return ", ".join(words)


IN_PLACE = Pose(Similarity(np.eye(3), np.zeros(3), 1.0), "mm")


class Placer:
    """Finds the poses of meshes that have a model's topology; what that needs is computed once."""

    def __init__(self, model: FaceGenerator) -> None:
        self.model = model
        V, F = model.template.double().cpu().numpy(), model.faces.cpu().numpy().astype(np.int64)
        self._reference = Reference("the model's template", V, F, edges(F), 1.0, np.eye(3))

    def place(self, V: Float[np.ndarray, "V 3"]) -> tuple[Float[Tensor, "V 3"], Pose]:
        """Move a mesh into the model's frame; return it in mm, and the pose that undoes it.

        Parameters
        ----------
        V : length
            In the template's order.

        Raises
        ------
        MeshError
            A vertex is not finite; the size is that of a face in no unit; the vertices are in
            another order; left and right are swapped.
        """
        check_finite(V)
        template = self._reference.V
        unit = find_unit(radius(template) / radius(V), "the mesh")
        X = V.astype(np.float64) * UNITS[unit]
        check_correspondence(X, self._reference)
        back = procrustes(X, template)
        for _ in range(STEPS):
            placed = back.apply(X)
            step = self._step(placed)
            back = step.after(back)
            if np.abs(step.apply(placed) - placed).max() < SETTLED:
                break
        moved = torch.from_numpy(back.apply(X)).to(self.model.template)
        return moved, Pose(back.inverse(), unit)

    def _step(self, X: Float[np.ndarray, "V 3"]) -> Similarity:
        """Return the motion of a placed mesh that lets the modes explain it best."""
        mean, J, inverse = self._modes
        center = X.mean(axis=0)
        moves = np.concatenate(
            [np.cross(axis, X - center)[None] for axis in np.eye(3)]
            + [np.broadcast_to(axis, X.shape)[None] for axis in np.eye(3)]
        ).reshape(6, -1)
        r = (X - mean).ravel()
        # The codes are eliminated: what is left of both sides is what no code explains.
        crossed = J @ moves.T
        explained = inverse @ np.column_stack([crossed, J @ r])
        H = moves @ moves.T - crossed.T @ explained[:, :6]
        x = -np.linalg.solve(H, moves @ r - crossed.T @ explained[:, 6])
        R = Rotation.from_rotvec(x[:3]).as_matrix()
        return Similarity(R, center + x[3:] - R @ center, 1.0)

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean face (V, 3), its modes J (Z, 3V), and (J Jᵀ + λ)⁻¹ (Z, Z), in mm."""
        model = self.model
        size = model.join(model.sample_codes(1, rng=torch.Generator())).shape[1]
        unit = torch.eye(size).to(model.template)
        with torch.no_grad():
            mean = model.decode(model.split(torch.zeros_like(unit[:1])))[0]
            J = torch.cat(
                [  # central differences: a LeakyReLU may have its kink at the mean face
                    (model.decode(model.split(z)) - model.decode(model.split(-z))).flatten(1) / 2
                    for z in unit.split(BATCH)
                ]
            )
        flat = J.double().cpu().numpy()
        inverse = np.linalg.inv(flat @ flat.T + PRIOR * np.eye(size))
        return mean.double().cpu().numpy(), flat, inverse


def find_unit(
    mm: float, what: str, sizes: tuple[float, float] = (1 / LARGEST_SIZE_RATIO, LARGEST_SIZE_RATIO)
) -> str:
    """Return the unit in which something has the model's size.

    Parameters
    ----------
    mm : mm
        What one unit of length is if it has exactly that size.
    sizes : 1
        How many times as large as the model it may be.

    Raises
    ------
    MeshError
        There is no such unit; the message begins with `what`.
    """
    unit = min(UNITS, key=lambda name: abs(np.log(UNITS[name] / mm)))
    if not sizes[0] <= UNITS[unit] / mm <= sizes[1]:
        raise MeshError(
            f"{what} has the model's size in no unit of {', '.join(UNITS)}: in {unit} it would be "
            f"{UNITS[unit] / mm:.2g} times as large",
            remedy="scale-mesh",
        )
    return unit


def rms(D: Float[np.ndarray, "n 3"]) -> float:
    """Return the root mean square length of vectors."""
    return float(np.sqrt((D**2).sum(axis=1).mean()))


def radius(P: Float[np.ndarray, "n 3"]) -> float:
    """Return the root mean square distance of points from their centre."""
    size = rms(P - P.mean(axis=0))
    if not size > 0:
        raise MeshError("all points lie in one place")
    return size
