"""The embedded source of faces: people and expressions from formulas alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from gan.datasets.procedural.identity import build_fields, restrain
from gan.datasets.procedural.landmarks import find_landmarks
from gan.datasets.procedural.muscles import CONTROLS, SPEECH, pose_face
from gan.datasets.procedural.rig import build_rig
from gan.datasets.source import check_units

VERSION = 1  # of the formulas: raise it when a face changes
_MODE_SHARE = 0.999  # of the variance of sampled displacements that the expression modes keep


class ProceduralHead:
    """Faces from formulas: a `FaceSource` without data, hence without a licence.

    Identities are linear in `restrain(identity)`; expressions are not linear in anything: the jaw
    turns about a hinge, lips slide on the dental arch, brows over the brow ridge and lids over the
    eyeballs, and all of these differ between people.
    """

    def __init__(self) -> None:
        self._rig = build_rig()
        fields = build_fields()
        self.identity_names = tuple(fields)
        self._fields = np.stack(list(fields.values()))  # (K, n, 3)
        self.name = "procedural"
        self.template: Float[np.ndarray, "V 3"] = self._rig.template.V.copy()
        self.faces: Int[np.ndarray, "T 3"] = self._rig.template.F.copy()
        self.landmarks: Int[np.ndarray, " 68"] | None = find_landmarks(self._rig.template)
        self.controls = CONTROLS
        self.provenance: dict[str, Any] = {
            "source": "procedural head of meshkit-gan",
            "version": VERSION,
            "licence": "MIT",
        }

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw the parameters of a person from the standard normal distribution."""
        return rng.standard_normal(len(self._fields))

    def mean_identity(self) -> Float[np.ndarray, " K"]:
        """Return the parameters of the mean face, whose neutral is the template."""
        return np.zeros(len(self._fields))

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return a person's face (mm) with action units in [0, 1].

        Raises
        ------
        ValueError
            The identity has another length or is not finite; a unit is unknown or out of range.
        """
        check_units(units, self.controls)
        return pose_face(self._rig, self._neutral(identity), units)

    def modes(self, factor: str) -> Float[np.ndarray, "M V 3"]:
        """Return displacements (mm) that span what identity or expression can do alone.

        "identity": the fields of the parameters; exact. "expression": the principal components, at
        one deviation, of faces less their own neutral, over sampled people and action units.

        Raises
        ------
        ValueError
            The factor is another one.
        """
        if factor == "identity":
            return self._fields.copy()
        if factor == "expression":
            return self.unit_modes([unit for unit in self.controls if unit not in SPEECH])
        raise ValueError(f'factor must be "identity" or "expression", got {factor!r}')

    def _neutral(self, identity: Float[np.ndarray, " K"]) -> np.ndarray:
        identity = np.asarray(identity, dtype=np.float64)
        if identity.shape != (len(self._fields),) or not np.isfinite(identity).all():
            raise ValueError(
                f"identity must be {len(self._fields)} finite numbers, got shape {identity.shape}"
            )
        offset = restrain(identity) @ self._fields.reshape(len(self._fields), -1)
        return np.asarray(self.template + offset.reshape(self.template.shape))

    def unit_modes(self, units: Sequence[str]) -> Float[np.ndarray, "M V 3"]:
        """Return the principal components (mm) of what these action units do to sampled people."""
        check_units(dict.fromkeys(units, 0.0), self.controls)
        if not units:
            return np.zeros((0, *self.template.shape))
        rng = np.random.default_rng(0)
        samples = [self._displacement(rng, [unit]) for unit in units for _ in range(2)]
        for _ in range(260):
            count = int(rng.integers(2, 9))
            samples.append(self._displacement(rng, rng.choice(list(units), count).tolist()))
        X = np.stack(samples).reshape(len(samples), -1)
        _, deviation, axes = np.linalg.svd(X / np.sqrt(len(X)), full_matrices=False)
        share = np.cumsum(deviation**2) / (deviation**2).sum()
        keep = int(np.searchsorted(share, _MODE_SHARE)) + 1
        return np.asarray((deviation[:keep, None] * axes[:keep]).reshape(keep, -1, 3))

    def _displacement(self, rng: np.random.Generator, units: list[str]) -> np.ndarray:
        neutral = self._neutral(self.sample_identity(rng))
        weights = dict(zip(units, rng.uniform(0.4, 1, len(units)).tolist(), strict=True))
        return np.asarray(pose_face(self._rig, neutral, weights) - neutral)
