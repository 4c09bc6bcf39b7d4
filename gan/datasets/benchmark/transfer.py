"""Expressions that a linear face model cannot add up: carried by deformation transfer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float

from gan.datasets.morphable import LinearFace
from gan.datasets.source import check_units
from meshkit.registration.deformation_transfer import DeformationTransfer

STILL = 1.0  # mm: a vertex that the source moves by less holds the face in place


class _Person(NamedTuple):
    key: bytes
    neutral: np.ndarray
    transfer: DeformationTransfer


@final
class TransferredFace:
    """A linear face model whose people perform the mean face's expressions on their own faces.

    Each face of the mesh deforms as it does on the mean face, turned and stretched alike, not moved
    alike: a cheek twice as large bulges twice as far, a slanted brow rises along its slant. So
    identity and expression interact, though the model's own sum has no interaction at all. One
    factorisation serves all expressions of a person. The result is put where those vertices stay
    that do not move in the source.
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
        self._last: _Person | None = None

    def __reduce__(self) -> tuple[type["TransferredFace"], tuple[LinearFace]]:
        """Send the model to another process without the factorisation, which cannot travel."""
        return TransferredFace, (self._model,)

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw coefficients of the identity modes: N(0, 1)."""
        return self._model.sample_identity(rng)

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return this person's face with these action units, mm."""
        check_units(units, self.controls)
        if not any(units.values()):
            return self._model.shape(identity, {})
        pose = self._model.shape(self._mean, units)
        moved = pose - self.template
        if not moved.any():  # a limit of the table undid the units
            return self._model.shape(identity, {})
        person = self._meet(identity)
        V = person.transfer.transfer(pose)
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
            neutral = self._model.shape(identity, {})
            transfer = DeformationTransfer(self.template, self.faces, neutral, self.faces)
            self._last = _Person(key, neutral, transfer)
        return self._last
