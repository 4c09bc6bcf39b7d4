"""Expressions that a linear face model cannot add up: carried by deformation transfer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float

from gan.datasets.morphable import LinearFace
from gan.datasets.source import check_units
from meshkit.registration.deformation_transfer import DeformationTransfer

STILL = 1.0  # mm: a vertex that the source moves by less holds the face in place
MOBILITY = (
    0.15  # deviation of the logarithm of how far a person's skin follows, from place to place
)
MOBILITY_REACH = 40.0  # mm: over which it varies
WAVES = 32  # of which its field is the sum


class _Person(NamedTuple):
    key: bytes
    neutral: np.ndarray
    mobility: np.ndarray  # (V, 1)
    transfer: DeformationTransfer


@final
class TransferredFace:
    """A linear face model whose people perform the mean face's expressions on their own faces.

    Each face of the mesh deforms as it does on the mean face, turned and stretched alike, not moved
    alike: a cheek twice as large bulges twice as far, a slanted brow rises along its slant. So
    identity and expression interact, though the model's own sum has no interaction at all. One
    factorisation serves all expressions of a person. The result is put where those vertices stay
    that do not move in the source.

    Besides, a person's skin follows the muscles more in some places and less in others, left and
    right apart: displacements are multiplied by ``exp(MOBILITY g)`` before they are carried, with a
    Gaussian field g of unit variance and covariance about ``exp(-r² / (2 MOBILITY_REACH²))``, a sum
    of waves (Rahimi & Recht, NIPS 2007). An identity is the model's K coefficients, then the
    2 WAVES of the field; with these at 0 the mean face performs as the model does.
    """

    def __init__(self, model: LinearFace) -> None:
        self._model = model
        self.name = model.name
        self.template: np.ndarray = model.template
        self.faces = model.faces
        self.landmarks = model.landmarks
        self.controls = model.controls
        self.provenance: dict[str, Any] = {
            **model.provenance,
            "expressions": "carried to each person by deformation transfer from the mean face",
        }
        self._mean = np.zeros(model.modes("identity").shape[0])
        waves = np.random.default_rng(0).normal(0, 1 / MOBILITY_REACH, (3, WAVES))
        angle = model.template @ waves
        self._field = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) / np.sqrt(WAVES)
        self._last: _Person | None = None

    def __reduce__(self) -> tuple[type["TransferredFace"], tuple[LinearFace]]:
        """Send the model to another process without the factorisation, which cannot travel."""
        return TransferredFace, (self._model,)

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw coefficients of the identity modes, then those of the mobility: all N(0, 1)."""
        shape = self._model.sample_identity(rng)
        return np.concatenate([shape, rng.standard_normal(2 * WAVES)])

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return this person's face with these action units, mm."""
        check_units(units, self.controls)
        person = self._meet(identity)
        moved = (self._model.shape(self._mean, units) - self.template) * person.mobility
        if not moved.any():
            return person.neutral.copy()
        V = person.transfer.transfer(self.template + moved)
        weight = 1 / (1 + (moved**2).sum(axis=1) / STILL**2)
        return np.asarray(V + weight @ (person.neutral + moved - V) / weight.sum())

    def modes(self, factor: str) -> Float[np.ndarray, "M V 3"]:
        """Return the model's own modes, mm: exact for "identity", near for "expression"."""
        return self._model.modes(factor)

    def unit_modes(self, units: Sequence[str]) -> Float[np.ndarray, "M V 3"]:
        """Return the model's own modes of these action units, mm."""
        return self._model.unit_modes(units)

    def _meet(self, identity: np.ndarray) -> _Person:
        """Return the person; the last one is kept, since faces come person by person."""
        key = identity.tobytes()
        if self._last is None or self._last.key != key:
            a, waves = np.split(identity, [len(self._mean)])
            neutral = self._model.shape(a, {})
            mobility = np.exp(MOBILITY * self._field @ waves)[:, None]
            transfer = DeformationTransfer(self.template, self.faces, neutral, self.faces)
            self._last = _Person(key, neutral, mobility, transfer)
        return self._last
