import itertools
import re

import numpy as np
from hypothesis import given, settings
from numpy.testing import assert_allclose

from meshkit.primitives import grid
from meshkit.registration.landmarks import vertex_landmarks
from meshkit.registration.quality import crossing_faces, folded_edges, measure_fit, percentiles
from meshkit.registration.similarity import identity
from meshkit.registration.target import Target
from meshkit.registration.template_fit import TemplateFit
from meshkit.report.fit import error_colors, report_html
from tests import meshes


def pierces(p: np.ndarray, q: np.ndarray, T: np.ndarray) -> bool:
    """Solve for where the line meets the plane; slow and obvious."""
    system = np.stack([T[1] - T[0], T[2] - T[0], p - q], axis=1)
    if abs(np.linalg.det(system)) < 1e-12:
        return False
    u, v, t = np.linalg.solve(system, p - T[0])
    return bool(u > 0 and v > 0 and u + v < 1 and 0 < t < 1)


@settings(max_examples=10)
@given(meshes.seeds())
def test_crossings_are_those_of_all_pairs(seed):
    """Faces of very different sizes, so that every octave meets every other."""
    rng = np.random.default_rng(seed)
    n = 24
    size = 2.0 ** rng.uniform(-5, 1, size=(n, 1, 1))
    V = (rng.uniform(size=(n, 1, 3)) + size * rng.normal(size=(n, 3, 3))).reshape(-1, 3)
    F = np.arange(3 * n).reshape(n, 3)
    expected = []
    for i, j in itertools.combinations(range(n), 2):
        edges = [
            (V[F[a, k]], V[F[a, k - 1]], V[F[b]]) for a, b in ((i, j), (j, i)) for k in range(3)
        ]
        if any(pierces(*edge) for edge in edges):
            expected.append([i, j])
    np.testing.assert_array_equal(crossing_faces(V, F), np.array(expected).reshape(-1, 2))


def test_neighbours_do_not_cross_and_a_folded_corner_is_one_fold():
    V, F = grid(1, 1)
    assert not len(crossing_faces(V, F))
    assert not len(folded_edges(V, F))
    over = V.copy()
    over[2] = [0.9, 0.1, 0.01]  # a corner laid over the diagonal
    np.testing.assert_array_equal(folded_edges(over, F), [[0, 3]])


def fit_above(height: float) -> tuple[meshes.Arrays, TemplateFit, Target]:
    V, F = grid(4, 4)
    return (
        (V, F),
        TemplateFit(V + np.array([0, 0, height]), identity(), np.ones(len(V))),
        Target(V, F),
    )


def test_distances_and_landmarks_by_hand():
    (V, F), fit, target = fit_above(0.25)
    marks = vertex_landmarks(np.array([3, 5]), V[[3, 5]] + [0, 0, 1], len(V), names=("a", "b"))
    quality = measure_fit(V, F, fit, target, marks)
    assert_allclose(quality.fit_to_scan, 0.25)
    assert_allclose(quality.scan_to_fit, 0.25)
    assert quality.landmarks == {"a": 0.75, "b": 0.75}
    values = quality.to_dict()
    assert values["landmark_mean"] == 0.75
    assert values["followed"] == 1
    assert values["fit_to_scan"] == dict.fromkeys(
        ("mean", "p50", "p75", "p90", "p95", "p99", "p100"), 0.25
    )


def test_only_new_defects_count():
    V, F = grid(4, 4)
    bad = V.copy()
    bad[12] += [0.45, 0.2, 0.01]  # the middle vertex beyond its ring
    target = Target(V, F)
    fit = TemplateFit(bad, identity(), np.ones(len(V)))
    new = measure_fit(V, F, fit, target)
    assert len(new.folded) > 0
    old = measure_fit(bad, F, fit, target)
    assert len(old.folded) == len(old.crossing) == 0


def test_percentiles_are_of_the_distances():
    values = percentiles(np.arange(101.0))
    assert values == {"mean": 50, **{f"p{p}": p for p in (50, 75, 90, 95, 99, 100)}}


def test_the_page_stands_alone_and_escapes_names():
    (V, F), fit, target = fit_above(0.1)
    marks = vertex_landmarks(np.array([3]), V[[3]], len(V), names=("<b>nose</b>",))
    quality = measure_fit(V, F, fit, target, marks)
    page = report_html(
        F, fit, target, quality, title="<script>alert(1)</script>", facts={"<i>": "</td>&"}
    )
    assert not re.search(r"<(script|b|i)\b", page)
    assert "&lt;/td&gt;&amp;" in page
    assert page.count("<img ") == page.count('src="data:image/webp;base64,') == 6
    cloud = report_html(F, fit, Target(V), quality, title="cloud")
    assert cloud.count("<img ") == 4


def test_error_colours_run_from_blue_to_red():
    colors = error_colors(np.array([0.0, 0.5, 1.0, 7.0]), 1.0)
    assert colors[0, 2] > colors[0, 0]
    assert colors[2, 0] > 3 * colors[2, 2]
    assert_allclose(colors[3], colors[2])
    assert_allclose(error_colors(np.array([1.0]), 2.0)[0], colors[1])
