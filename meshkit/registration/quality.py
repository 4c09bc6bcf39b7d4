"""How good a fit is: distances both ways, landmarks, faces that fold or cross."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.normals import face_normals, unit
from meshkit.registration.icp import radius
from meshkit.registration.landmarks import Landmarks
from meshkit.registration.target import Target
from meshkit.registration.template_fit import TemplateFit
from meshkit.topology import edge_table

_PERCENTILES = (50, 75, 90, 95, 99, 100)
# From here on a fit is said to be of no use. The bounds are ours: no good fit on the faces at hand
# comes near to them, but they are not calibrated on fits that are known to be good or bad.
_MIN_FOLLOWED = 0.25  # counterparts, as a share of the vertices
_MAX_MEDIAN = 0.1  # distance to the scan over the template's radius
_MAX_LANDMARKS = 0.2  # mean distance of landmarks over that radius
_MAX_CROSSING = 0.05  # share of the faces
_FOLD = 150.0  # degrees between the normals of neighbours from which an edge counts as folded


class Quality(NamedTuple):
    """What a fit is like.

    Attributes
    ----------
    fit_to_scan : length
        Distance of each template vertex to the scan.
    scan_to_fit : length
        Distance of each scan point to the fitted template.
    followed : 1
        The share of template vertices that have a counterpart on the scan.
    landmarks : length
        Distance of each landmark of the template to its place, by name.
    folded
        Edges (vertex pairs) folded by 150° or more, that the template did not fold.
    crossing
        Pairs of faces that cross each other, that did not in the template.
    """

    fit_to_scan: Float[np.ndarray, " n"]
    scan_to_fit: Float[np.ndarray, " p"]
    followed: float
    landmarks: dict[str, float]
    folded: Int[np.ndarray, "k 2"]
    crossing: Int[np.ndarray, "c 2"]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        errors = list(self.landmarks.values())
        return {
            "fit_to_scan": percentiles(self.fit_to_scan),
            "scan_to_fit": percentiles(self.scan_to_fit),
            "followed": self.followed,
            "landmarks": self.landmarks,
            "landmark_mean": float(np.mean(errors)) if errors else None,
            "folded_edges": len(self.folded),
            "crossing_faces": len(self.crossing),
        }

    def problems(
        self, V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], *, rigid: bool = False
    ) -> list[str]:
        """Say in sentences why the fit of the template (V, F), at its size, is of no use.

        A rigid fit, which is no more than a pose, may lie far from the scan.
        """
        size = radius(V[np.unique(F)])
        median, errors = float(np.median(self.fit_to_scan)), [*self.landmarks.values()]
        crossing = len(np.unique(self.crossing)) / len(F)
        reasons = []
        if self.followed < _MIN_FOLLOWED:
            reasons.append(
                f"only {self.followed:.1%} of the vertices have a counterpart on the scan"
            )
        if not rigid and median > _MAX_MEDIAN * size:
            reasons.append(f"half of the vertices are {median:.3g} or more off the scan")
        if errors and np.mean(errors) > _MAX_LANDMARKS * size:
            reasons.append(f"the landmarks are {np.mean(errors):.3g} off, on average")
        if not rigid and crossing > _MAX_CROSSING:
            reasons.append(f"{crossing:.1%} of the faces cross others")
        return reasons


@takes_mesh
def measure_fit(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    fit: TemplateFit,
    target: Target,
    landmarks: Landmarks | None = None,
) -> Quality:
    """Measure a fit of the template (V, F).

    Distances are to the exact surface (of a cloud: to the nearest point); they include the holes,
    where the scan says nothing, and the outliers, so read the percentiles and `followed` together.

    Parameters
    ----------
    V : length
        The template before fitting: its own folds and crossings are not the fit's.
    """
    before = {tuple(pair) for pair in folded_edges(V, F).tolist()}
    folded = [pair for pair in folded_edges(fit.V, F).tolist() if tuple(pair) not in before]
    before = {tuple(pair) for pair in crossing_faces(V, F).tolist()}
    crossing = [pair for pair in crossing_faces(fit.V, F).tolist() if tuple(pair) not in before]
    errors: dict[str, float] = {}
    if landmarks is not None:
        off = np.linalg.norm(landmarks.operator @ fit.V - landmarks.points, axis=1)
        errors = dict(zip(landmarks.names, off.tolist(), strict=True))
    return Quality(
        target.closest(fit.V).distance,
        Target(fit.V, F).closest(target.points()).distance,
        float((fit.weight > 0).mean()),
        errors,
        np.array(folded, dtype=np.int64).reshape(-1, 2),
        np.array(crossing, dtype=np.int64).reshape(-1, 2),
    )


def percentiles(distance: Float[np.ndarray, " n"]) -> dict[str, float]:
    """Return the mean and percentiles as ``mean, p50, … p100``."""
    values = np.percentile(distance, _PERCENTILES)
    named = {f"p{p}": float(x) for p, x in zip(_PERCENTILES, values, strict=True)}
    return {"mean": float(distance.mean()), **named}


def folded_edges(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, "k 2"]:
    """List the edges between two faces that lie nearly on each other, back to back.

    Their normals differ by 150° or more. A face turned over by a bad fit has such edges. Faces
    without area have none.

    Parameters
    ----------
    V : length
    """
    check_mesh(V, F)
    N = unit(face_normals(V, F))
    table = edge_table(F)
    pair = table.uses == 2
    first = table.half_edge[table.start[pair]] // 3
    second = table.half_edge[table.start[pair] + 1] // 3
    cosine = (N[first] * N[second]).sum(axis=1)
    return np.asarray(table.E[pair][cosine <= np.cos(np.deg2rad(_FOLD))])


def crossing_faces(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]
) -> Int[np.ndarray, "c 2"]:
    """List the pairs of faces without a common vertex that meet, by exact predicates (libigl).

    Faces that lie in one plane do not count.

    Parameters
    ----------
    V : length

    Returns
    -------
    pairs : 1
        Smaller index first, sorted.
    """
    from igl.predicates import find_self_intersections

    check_mesh(V, F)
    _, pairs, coplanar = find_self_intersections(
        np.ascontiguousarray(V, dtype=np.float64), np.ascontiguousarray(F, dtype=np.int64)
    )
    pairs = np.sort(pairs.reshape(-1, 2).astype(np.int64), axis=1)[coplanar.ravel() == 0]
    shared = (F[pairs[:, 0], :, None] == F[pairs[:, 1], None, :]).any(axis=(1, 2))
    return np.unique(pairs[~shared], axis=0)
