"""Expressions that depend on whose face they are on, by as much as is asked for.

    V(person, units) = neutral + D(units) + X I(person, units)

D is the displacement of the mean face and X in [0, 1] the dial: at 0 identity and expression add
up, exactly. I is a function of the person's own neutral face, of nothing that is drawn:

1. *surface*: skin moves in the frame of the person's surface, turned and stretched as the patch is
   against the mean face (the local form of deformation transfer, Sumner and Popović 2004);
2. *mobility*: it follows the muscles more here and less there, by a field that goes with the build;
3. *saturation*: it approaches a limit that goes with the build, so that people differ most at the
   apex;
4. *jaw*: it turns about the person's hinge (`jaw`);
5. *folds*: where skin is compressed, full faces bulge and lean ones fold;
6. *contact*: lids and lips meet and do not cross (`openings`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from gan.datasets.benchmark import jaw as jaws
from gan.datasets.benchmark.openings import (
    closing_lids,
    find_openings,
    meeting_lips,
    share_left,
)
from gan.datasets.benchmark.population import sample_coefficients
from gan.datasets.benchmark.tissue import Person, Tissue, fold, saturate
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style
from gan.datasets.skinned import SkinnedFace
from gan.datasets.source import FaceSource, check_units, translate_units

SHUT = {"AU43_L": 1.0, "AU43_R": 1.0}
SHUT_EYES = 0.4  # of the mean eye: a unit that leaves more open does not shut it
SHARE = 0.2  # of the squared displacements that is interaction, the dial at 1
CALIBRATORS = 200  # people on whom the strength is set
HINGE = 0.7  # of the way up from the lips to the eyes
LIPS = 10.0  # mm around openings, where compression is contact and no fold


def interaction_share(
    people: Iterable[Float[np.ndarray, "U V 3"]],
) -> float:
    """Return the share of squared displacements that is interaction of person and expression.

    Each person's displacements in the same performances, mm, less their means over people: what no
    displacement that is everybody's explains.
    """
    n, total, squares = 0, np.zeros(()), 0.0
    for moved in people:
        n, total, squares = n + 1, total + moved, squares + float((moved**2).sum())
    return float(1 - (total**2).sum() / n / squares) if squares > 0 else 0.0


@final
class InteractingFace:
    """People of the benchmark on a face model: a `FaceSource` with the dial `interaction`."""

    def __init__(self, model: FaceSource, interaction: float = 1.0) -> None:
        if not 0 <= interaction <= 1:
            raise ValueError(f"interaction must be in [0, 1], got {interaction}")
        self.model, self.interaction = model, interaction
        self.name = model.name
        self.template, self.faces, self.landmarks = model.template, model.faces, model.landmarks
        self.controls = model.controls
        self.provenance: dict[str, Any] = {**model.provenance, "interaction": interaction}
        self._mean = model.mean_identity()
        self._rest = model.shape(self._mean, {})  # the template, to rounding
        self.tissue = Tissue(
            self.template, self.faces, lambda rng: model.shape(self.sample_identity(rng), {})
        )
        self._openings = find_openings(self.template, self.faces)
        self._jaw = self._find_jaw()
        self._prepare_lids()
        self._last: tuple[bytes, Person] | None = None
        if interaction > 0:
            self._calibrate()

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw a person of the benchmark's population."""
        if isinstance(self.model, SkinnedFace):  # sliders have rules of their own
            return self.model.sample_identity(rng)
        return sample_coefficients(len(self._mean), rng)

    def mean_identity(self) -> Float[np.ndarray, " K"]:
        """Return the parameters of the mean face, whose neutral is the template."""
        return self._mean

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return this person's face with these action units, mm."""
        check_units(units, self.controls)
        key = identity.tobytes()
        if self._last is None or self._last[0] != key:
            # The last one is kept, since faces come person by person.
            self._last = (key, self.tissue.meet(self.model.shape(identity, {})))
        return self.perform(self._last[1], units)

    def perform(self, person: Person, units: Mapping[str, float]) -> Float[np.ndarray, "V 3"]:
        """Return a person's face with these action units, mm."""
        moved = self._moved(units)
        if self.interaction == 0 or not moved.any():
            return np.asarray(person.neutral + moved)
        own = self._own_way(person, units, moved)
        return np.asarray(person.neutral + moved + self.interaction * (own - moved))

    def modes(self, factor: str) -> Float[np.ndarray, "M V 3"]:
        """Return the model's own modes, mm: exact for "identity", near for "expression"."""
        return self.model.modes(factor)

    def unit_modes(self, units: Sequence[str]) -> Float[np.ndarray, "M V 3"]:
        """Return the model's own modes of these action units, mm."""
        return self.model.unit_modes(units)

    def _moved(self, units: Mapping[str, float]) -> np.ndarray:
        """Return the displacement of the mean face, mm."""
        return np.asarray(self.model.shape(self._mean, units) - self._rest)

    def _own_way(self, person: Person, units: Mapping[str, float], moved: np.ndarray) -> np.ndarray:
        """Return the displacement of the person at full interaction, mm."""
        bone = np.zeros_like(moved)
        if self._jaw is not None and (open_jaw := {u: units[u] for u in jaws.UNITS if u in units}):
            bone = self._moved(open_jaw)
        skin = np.einsum("vij,vj->vi", person.frame, moved - bone)
        own = person.mobility[:, None] * skin
        if self._jaw is not None and bone.any():
            own += self._swing(person, bone)
        own = saturate(own, person.limit)
        bulge = person.fullness * self._away_from_openings * fold(self.tissue.compression(moved))
        V = person.neutral + own + bulge[:, None] * person.normals
        mean = (self.template, self.template + moved)
        for eye, closed in zip(self._openings.eyes, self._closed, strict=True):
            closing_lids(eye, V, person.neutral, mean, closed)
        if self._openings.mouth is not None:
            meeting_lips(self._openings.mouth, V, person.neutral, mean)
        return np.asarray(V - person.neutral)

    def _swing(self, person: Person, bone: np.ndarray) -> np.ndarray:
        """Return how the person's jaw moves when the mean face's moves by `bone`."""
        assert self._jaw is not None
        opening = self._jaw.opening(bone)
        hinge = self._jaw.own_hinge(person.neutral - self.template)
        reach = person.mobility[self._jaw.chin]  # a bone is rigid: one factor for all of it
        own = self._jaw.swing(person.neutral, hinge, reach * opening)
        usual = self._jaw.swing(self.template, self._jaw.hinge, opening)
        return np.asarray(reach * (bone - usual) + own)

    def _find_jaw(self) -> jaws.Jaw | None:
        """Put the hinge before the ears: at the back of the face, between eyes and mouth."""
        eyes, mouth = self._openings.eyes, self._openings.mouth
        if mouth is None or not eyes:
            return None
        V = self.template
        low = (mouth.upper @ V[:, 1]).mean()
        high = np.mean([eye.lower @ V[:, 1] for eye in eyes])
        hinge = np.array([low + HINGE * (high - low), V[:, 2].min()])
        return jaws.find_jaw(V, self._moved(translate_units({"AU27": 1.0}, self.controls)), hinge)

    def _calibrate(self) -> None:
        """Choose the strength at which the share of the interaction is `SHARE`, the dial at 1.

        Mobility and saturation of the skin, which make nearly all of it, are quick to work out for
        many people; what the rest changes is found for fewer. Equal models, equal strength.
        """
        rng = np.random.default_rng(1)
        shown = [
            emotion_units(emotion, float(rng.uniform(0.4, 1)), sample_style(rng))
            for emotion in EMOTIONS[1:]
        ]
        performances = [translate_units(units, self.controls) for units in shown]
        usual = np.stack([self._moved(units) for units in performances])
        faces = [self.model.shape(self.sample_identity(rng), {}) for _ in range(CALIBRATORS)]

        def skin(some: list[np.ndarray]) -> float:
            ways = (self.tissue.ways(face) for face in some)
            return interaction_share(
                np.stack([saturate(mobility[:, None] * moved, limit) for moved in usual])
                for mobility, limit in ways
            )

        def whole(some: list[np.ndarray]) -> float:
            people = (self.tissue.meet(face) for face in some)
            return interaction_share(
                np.stack(
                    [
                        self._own_way(person, units, moved)
                        for units, moved in zip(performances, usual, strict=True)
                    ]
                )
                for person in people
            )

        if not usual.any():
            return
        aim = SHARE
        for part in (faces, faces, faces[: CALIBRATORS // 5], faces):
            share = skin(part)
            if len(part) < CALIBRATORS:
                aim *= share / whole(part)  # skin is quick, and close
                share = skin(faces)
            factor = np.clip(np.sqrt(aim / share), 0.5, 2)
            self.tissue.strength = float(min(factor * self.tissue.strength, 4.0))

    def _prepare_lids(self) -> None:
        """Find how far the mean face shuts its eyes, and where compression is no fold."""
        shut = self.template + self._moved(translate_units(SHUT, self.controls))
        left = [share_left(eye, self.template, shut) for eye in self._openings.eyes]
        if any(np.median(share) > SHUT_EYES for share in left):
            left, self._openings = [], self._openings._replace(eyes=())
        self._closed = [share.clip(-SHUT_EYES, SHUT_EYES) for share in left]
        openings = [*self._openings.eyes, *filter(None, [self._openings.mouth])]
        edges = [side @ self.template for each in openings for side in (each.upper, each.lower)]
        self._away_from_openings = np.ones(len(self.template))
        if edges:
            gap, _ = cKDTree(np.concatenate(edges)).query(self.template)
            self._away_from_openings = 1 - np.exp(-((gap / LIPS) ** 2))
