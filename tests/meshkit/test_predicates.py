from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from meshkit.predicates import orientation, turn
from tests import meshes

NUMBERS = st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, 0.1, 0.2, 0.3, 5e-324, 1e-200, 1e300])
POINTS = st.tuples(NUMBERS, NUMBERS)


def exact(a: tuple, b: tuple, c: tuple) -> int:
    x, y, z, w = (Fraction(s[k]) - Fraction(c[k]) for s in (a, b) for k in (0, 1))
    return (x * w > y * z) - (x * w < y * z)


@given(POINTS, POINTS, POINTS)
@example((0.0, 0.0), (5e-324, 0.0), (0.0, 5e-324))
@example((1e-200, 0.0), (0.0, 1e-200), (0.0, 0.0))
@example((1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
@example((0.0, 1.0), (1.0, 0.0), (0.0, 0.0))
def test_signs_are_exact(a, b, c):
    sign = orientation(*(np.array([p]) for p in (a, b, c)))
    assert sign.tolist() == [exact(a, b, c)]
    assert turn(a, b, c) == exact(a, b, c)


@given(meshes.seeds())
def test_signs_are_exact_within_rounding_of_a_line(seed):
    """Points computed to lie on a line miss it by rounding: the float determinant is wrong."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(size=(2, 50, 2))
    c = a + rng.uniform(size=(50, 1)) * (b - a)
    expected = [exact(*triple) for triple in zip(a, b, c, strict=True)]
    assert orientation(a, b, c).tolist() == expected
    assert [turn(*triple) for triple in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)] == (
        expected
    )
