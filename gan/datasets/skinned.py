"""Faces whose expressions turn bones: joints move with the identity, so the two interact.

X = mean + sum_k a_k id_modes[k] + sum_{r,u} race_r e_u exp_modes[r,u]
J = joint_mean + sum_k a_k joint_id_modes[k]
R_b = rotation of axis-angle  sum_p c_p pose_rotvec[p,b]        (mesh axes)
A_b = A_parent(b) o (turn by R_b about the point J_b),  A_root = identity
V = sum_b skin_weights[:,b] A_b(X)                              (linear blend skinning)
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from gan.datasets.checks import check_range
from gan.datasets.controls import load_table, own_table
from gan.datasets.model_file import FaceModelFile
from gan.datasets.sliders import Sliders
from gan.datasets.source import check_units
from gan.errors import DatasetError


class Neutral(NamedTuple):
    """What a person is before the face moves."""

    key: bytes
    V: np.ndarray  # (V, 3)
    joints: np.ndarray  # (B, 3)
    races: np.ndarray  # (R,) shares of the ancestries, by which expression targets are mixed


@final
class SkinnedFace:
    """Bones turned by pose units about joints that move with the identity, plus targets."""

    def __init__(self, model: FaceModelFile) -> None:
        _check(model)
        fields = model.fields
        self.name = model.path.stem
        self.template: np.ndarray = fields["mean"]
        self.faces: Int[np.ndarray, "T 3"] = fields["faces"]
        self.landmarks: Int[np.ndarray, " 68"] | None = model.landmarks
        self.provenance: dict[str, Any] = model.provenance
        self._f = fields
        self._poses = {str(name): p for p, name in enumerate(fields["pose_names"])}
        self._targets = {str(name): u for u, name in enumerate(fields["exp_names"])}
        known = self._poses.keys() | self._targets.keys()
        self._table = (
            load_table("makehuman", known, model.path)
            if model.action_units is None
            else own_table(model.action_units, known, model.path)
        )
        self.controls = tuple(sorted(self._table.units))
        self._sliders = Sliders(fields, model.path)
        self._last: Neutral | None = None

    def sample_identity(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw the sliders of a plausible person: ancestry, gender, age, weight, details."""
        return self._sliders.sample(rng)

    def mean_identity(self) -> Float[np.ndarray, " K"]:
        """Return the parameters of the mean face, whose neutral is the template."""
        return self._sliders.average()

    def shape(
        self, identity: Float[np.ndarray, " K"], units: Mapping[str, float]
    ) -> Float[np.ndarray, "V 3"]:
        """Return the face of these sliders with these action units, mm."""
        check_units(units, self.controls)
        neutral = self._neutral(identity)
        weights = self._table.weights(units)
        X = neutral.V
        for name in weights.keys() & self._targets.keys():
            mode = np.tensordot(neutral.races, self._f["exp_modes"][:, self._targets[name]], axes=1)
            X = X + weights[name] * mode
        c = np.zeros(len(self._poses))
        for name in weights.keys() & self._poses.keys():
            c[self._poses[name]] = weights[name]
        turns = np.tensordot(c, self._f["pose_rotvec"], axes=1)
        return self._skin(X, neutral.joints, turns)

    def modes(self, factor: str) -> Float[np.ndarray, "M V 3"]:
        """Return the identity modes, or what each action unit at 1 does to the mean face, mm."""
        if factor == "identity":
            return np.asarray(self._f["id_modes"])
        if factor == "expression":
            return self.unit_modes(self._table.of_expressions)
        raise ValueError(f'factor must be "identity" or "expression", got {factor!r}')

    def unit_modes(self, units: Sequence[str]) -> Float[np.ndarray, "M V 3"]:
        """Return what each of these action units at 1 does to the mean face, mm."""
        mean = self._sliders.average()
        rest = self.shape(mean, {})
        moved = [self.shape(mean, {unit: 1.0}) - rest for unit in units]
        return np.stack(moved) if moved else np.zeros((0, *rest.shape))

    def _neutral(self, identity: np.ndarray) -> Neutral:
        """Return the person at rest; the last one is kept, since faces come person by person."""
        key = identity.tobytes()
        if self._last is None or self._last.key != key:
            f = self._f
            self._last = Neutral(
                key,
                f["mean"] + np.tensordot(identity, f["id_modes"], axes=1),
                f["joint_mean"] + np.tensordot(identity, f["joint_id_modes"], axes=1),
                self._sliders.ancestry(identity),
            )
        return self._last

    def _skin(self, X: np.ndarray, joints: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """Turn the bones by axis-angle vectors, parents first, and blend their motions."""
        R = Rotation.from_rotvec(turns).as_matrix()
        G, t = np.empty_like(R), np.empty_like(joints)
        for b, parent in enumerate(self._f["bone_parent"]):
            if parent < 0:
                G[b], t[b] = np.eye(3), 0.0
            else:
                G[b] = G[parent] @ R[b]
                t[b] = G[parent] @ (joints[b] - R[b] @ joints[b]) + t[parent]
        blend = self._f["skin_weights"] @ np.concatenate([G.reshape(-1, 9), t], axis=1)
        V = np.einsum("vij,vj->vi", blend[:, :9].reshape(-1, 3, 3), X) + blend[:, 9:]
        return np.asarray(V)


def _check(model: FaceModelFile) -> None:
    """Raise DatasetError unless the fields of a skinned model fit together."""
    f, path = model.fields, model.path
    parents = f["bone_parent"]
    late = parents >= np.arange(len(parents))
    if parents[0] != -1 or late.any() or (parents[1:] < 0).any():
        raise DatasetError(f"{path}: bone_parent must list the root (-1) first, then parents first")
    total = f["skin_weights"].sum(axis=1)
    if (bad := abs(total - 1) > 1e-3).any():
        v = int(bad.argmax())
        raise DatasetError(f"{path}: skin_weights[{v}] sum to {total[v]:.4g}, expected 1")
    for name in ("id_opposite", "id_mirror"):
        check_range(f"{path}: {name}", f[name], -1, len(f["id_modes"]))
