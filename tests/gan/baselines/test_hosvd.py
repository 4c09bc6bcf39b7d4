"""The tensor of persons and expressions."""

import numpy as np
import pytest

from gan.baselines.hosvd import decompose, fill_missing


def multilinear(rng: np.random.Generator, K=30, P=9, E=6, i=3, j=2) -> np.ndarray:
    core = rng.normal(size=(K, i, j))
    return np.einsum("kij,pi,ej->kpe", core, rng.normal(size=(P, i)), rng.normal(size=(E, j)))


def rebuild(found) -> np.ndarray:
    return np.einsum("kij,pi,ej->kpe", found.core, found.persons, found.expressions)


def test_exact_where_the_data_are_multilinear():
    T = multilinear(np.random.default_rng(0))
    found = decompose(T, 3, 2)
    assert found.core.shape == (30, 3, 2)
    np.testing.assert_allclose(rebuild(found), T, atol=1e-10)


def test_codes_are_orthogonal_and_of_unit_mean_square():
    found = decompose(np.random.default_rng(1).normal(size=(20, 9, 6)), 4, 6)
    np.testing.assert_allclose(found.persons.T @ found.persons / 9, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(found.expressions.T @ found.expressions / 6, np.eye(6), atol=1e-10)


def test_truncation_keeps_the_largest_part_of_each_mode():
    """Against the singular values of the unfoldings: what is lost is at most their tails."""
    T = np.random.default_rng(2).normal(size=(20, 9, 6))
    lost = np.square(T - rebuild(decompose(T, 5, 3))).sum()
    tails = [
        np.square(
            np.linalg.svd(
                np.moveaxis(T, axis, 0).reshape(len(T[0]) if axis == 1 else 6, -1), compute_uv=False
            )[rank:]
        ).sum()
        for axis, rank in ((1, 5), (2, 3))
    ]
    assert max(tails) <= lost <= sum(tails)


def test_no_more_columns_than_entries():
    found = decompose(np.ones((4, 3, 2)), 7, 7)
    assert found.core.shape == (4, 3, 2)


def test_unknown_cells_of_additive_data_are_found():
    rng = np.random.default_rng(3)
    T = rng.normal(size=(8, 7, 1)) + rng.normal(size=(8, 1, 5))
    known = rng.random((7, 5)) < 0.6
    known[:, 0] = known[0] = True
    holed = np.where(known, T, np.nan)
    np.testing.assert_allclose(fill_missing(holed, known), T, atol=1e-10)


def test_known_cells_stay():
    T = np.random.default_rng(4).normal(size=(3, 4, 5))
    known = np.ones((4, 5), dtype=bool)
    known[2, 3] = False
    np.testing.assert_array_equal(fill_missing(T, known)[:, known], T[:, known])


@pytest.mark.parametrize(("axis", "who"), [(0, "person 1"), (1, "expression 1")])
def test_an_empty_row_or_column_is_named(axis, who):
    known = np.ones((3, 3), dtype=bool)
    known[(1, slice(None)) if axis == 0 else (slice(None), 1)] = False
    with pytest.raises(ValueError, match=f"{who} has no known cell"):
        fill_missing(np.zeros((2, 3, 3)), known)
