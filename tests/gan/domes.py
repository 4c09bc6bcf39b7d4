"""Sources of faces in a few lines: identity stretches a dome, each action unit lifts a spot."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan.datasets.source import check_units
from meshkit.primitives import hemisphere

V, F = hemisphere(8)


class Dome:
    name, template, faces, landmarks = "dome", 100.0 * V, F, None
    provenance: dict[str, Any] = {"kind": "test"}  # noqa: RUF012
    controls: tuple[str, ...] = ()

    def sample_identity(self, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=3)

    def mean_identity(self) -> np.ndarray:
        return np.zeros(3)

    def shape(self, identity: np.ndarray, units: Mapping[str, float]) -> np.ndarray:
        check_units(units, self.controls)
        moved = sum(weight * self.lift(unit) for unit, weight in units.items())
        return self.template * (1 + 0.1 * identity) + moved

    def modes(self, factor: str) -> np.ndarray:
        if factor == "identity":
            return np.stack([0.1 * self.template * axis for axis in np.eye(3)])
        return self.unit_modes(self.controls)

    def unit_modes(self, units: Sequence[str]) -> np.ndarray:
        return np.stack([self.lift(unit) for unit in units])

    def lift(self, unit: str) -> np.ndarray:
        lift = np.zeros_like(self.template)
        lift[3 * self.controls.index(unit)] = (0, 0, 10)
        return lift
