"""What every source of faces offers: people, and what their muscles do to them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

SIDES = ("L", "R")  # the subject's own left, which is +x, and right


@runtime_checkable
class FaceSource(Protocol):
    """A model of faces with one topology: identity parameters and action units to vertices.

    Lengths are millimetres, y is up, the face looks to +z. Action units are FACS units by name;
    what each half of a face does by itself is sided: "AU12_L", "AU12_R", but "AU26".

    Attributes
    ----------
    template : the mean neutral face.   landmarks : 68 vertices (Multi-PIE / iBUG), or None.
    provenance : JSON values that say where the faces come from.
    controls : the action units that `shape` understands.
    """

    name: str
    template: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "T 3"]
    landmarks: Int[np.ndarray, " 68"] | None
    provenance: dict[str, Any]
    controls: tuple[str, ...]

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw the parameters of a plausible person."""
        ...

    def mean_identity(self) -> Float[np.ndarray, " K"]:
        """Return the parameters of the mean face, whose neutral is the template."""
        ...

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return a person's face with these action units, each in [0, 1]; the rest is 0.

        Raises
        ------
        ValueError
            A unit is not in `controls`, or a value lies outside [0, 1].
        """
        ...

    def modes(self, factor: str) -> Float[np.ndarray, "M V 3"]:
        """Return displacements (mm) that span what "identity" or "expression" can do alone.

        "identity": neutral faces less the template. "expression": a face less its own neutral, by
        the displacements of the action units; exact for a linear source, close for others.
        """
        ...

    def unit_modes(self, units: Sequence[str]) -> Float[np.ndarray, "M V 3"]:
        """Return displacements (mm) that span what these action units do: some of "expression"'s.

        Raises
        ------
        ValueError
            A unit is not in `controls`.
        """
        ...


def check_units(units: Mapping[str, float], controls: Iterable[str]) -> None:
    """Raise ValueError unless every unit is known and every value lies in [0, 1]."""
    known = set(controls)
    for unit, value in units.items():
        if unit not in known:
            raise ValueError(f"unknown action unit {unit!r}; known: {', '.join(sorted(known))}")
        if not 0 <= value <= 1:
            raise ValueError(f"{unit} must be in [0, 1], got {value}")


def translate_units(units: Mapping[str, float], controls: Iterable[str]) -> dict[str, float]:
    """Rewrite action units in the names that a source understands; drop what it has not.

    A sided unit falls back to the whole one (the mean of both sides), a whole one to both sides.
    """
    known, translated = set(controls), dict[str, float]()
    for unit, value in units.items():
        stem, _, side = unit.rpartition("_")
        if unit in known:
            translated[unit] = value
        elif side in SIDES and stem in known:
            translated[stem] = sum(units.get(f"{stem}_{each}", 0.0) for each in SIDES) / len(SIDES)
        elif all(f"{unit}_{each}" in known for each in SIDES):
            translated |= {f"{unit}_{each}": value for each in SIDES}
    return translated
