"""Faces from a face model file: linear (identity and expression add up) or skinned (bones turn)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int

from gan.datasets.controls import load_table, own_table
from gan.datasets.model_file import FaceModelFile, read_face_model
from gan.datasets.skinned import SkinnedFace
from gan.datasets.source import FaceSource, check_units


def load_face_model(path: Path | str) -> FaceSource:
    """Load a face model file; the fields say whether it is linear or skinned.

    Raises
    ------
    DatasetError
        The file is damaged, lacks a field, or holds values that do not fit together.
    OSError
        The file does not exist or cannot be read.
    """
    model = read_face_model(path)
    return SkinnedFace(model) if model.kind == "skinned" else LinearFace(model)


@final
class LinearFace:
    """``V = mean + sum_k a_k id_modes[k] + sum_j w_j exp_modes[j]``, a ~ N(0, 1), w in [0, 1]."""

    def __init__(self, model: FaceModelFile) -> None:
        fields = model.fields
        self.name = model.path.stem
        self.template: np.ndarray = fields["mean"]
        self.faces: Int[np.ndarray, "T 3"] = fields["faces"]
        self.landmarks: Int[np.ndarray, " 68"] | None = model.landmarks
        self.provenance: dict[str, Any] = model.provenance
        names = [str(name) for name in fields["exp_names"]]
        self._index = {name: j for j, name in enumerate(names)}
        self._table = (
            load_table("arkit", names, model.path)
            if model.action_units is None
            else own_table(model.action_units, names, model.path)
        )
        self.controls = tuple(sorted(self._table.units))
        self._id_modes: np.ndarray = fields["id_modes"]
        self._exp_modes: np.ndarray = fields["exp_modes"]
        self._last = (b"", self.template)

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw coefficients of the modes, which are in units of their deviations: N(0, 1)."""
        return rng.standard_normal(len(self._id_modes))

    def mean_identity(self) -> Float[np.ndarray, " K"]:
        """Return the parameters of the mean face, whose neutral is the template."""
        return np.zeros(len(self._id_modes))

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return the face of these coefficients with these action units, mm."""
        check_units(units, self.controls)
        V = self._neutral(identity).copy()
        for name, weight in self._table.weights(units).items():
            V += weight * self._exp_modes[self._index[name]]
        return V

    def modes(self, factor: str) -> Float[np.ndarray, "M V 3"]:
        """Return the identity modes, or the modes of the controls that action units move, mm."""
        if factor == "identity":
            return self._id_modes
        if factor == "expression":
            return self.unit_modes(self._table.of_expressions)
        raise ValueError(f'factor must be "identity" or "expression", got {factor!r}')

    def unit_modes(self, units: Sequence[str]) -> Float[np.ndarray, "M V 3"]:
        """Return the modes of the controls that these action units move, mm."""
        check_units(dict.fromkeys(units, 0.0), self.controls)
        return self._exp_modes[[self._index[name] for name in self._table.controls(units)]]

    def _neutral(self, identity: np.ndarray) -> np.ndarray:
        """Return the neutral face; the last one is kept, since faces come person by person."""
        if self._last[0] != identity.tobytes():
            neutral = self.template + np.tensordot(identity, self._id_modes, axes=1)
            self._last = (identity.tobytes(), neutral)
        return self._last[1]
