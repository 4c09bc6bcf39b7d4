import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.evaluation import nearest, pairs
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.nearest import NearestMesh, halve
from gan.evaluation.pairs import TorchPairs
from tests.meshes import seeds
from tests.reference import distances as slow

SEVERAL_BLOCKS = {"_BLOCK_BYTES": 4 * 3 * 40 * 5, "_BLOCK_PAIRS": 1 << 7}


def collection(rng: np.random.Generator, n: int, V: int, noise: float) -> np.ndarray:
    """Smooth variations of a random cloud, with noise on every vertex."""
    template = 50 * rng.normal(size=(V, 3))
    modes = np.sin(template @ rng.normal(size=(3, 4 * 3)) / 50).reshape(V, 4, 3) * 5
    smooth = np.einsum("nk,vkc->nvc", rng.normal(size=(n, 4)), modes)
    return (template + smooth + noise * rng.normal(size=(n, V, 3))).astype(np.float32)


def test_distance_against_the_definition():
    X, Y = np.random.default_rng(0).normal(size=(2, 4, 7, 3))
    expected = [[slow.mean_vertex_distance(x, y) for y in Y] for x in X]
    np.testing.assert_allclose(mean_vertex_distance(X[:, None], Y), expected, rtol=1e-13)


@given(seeds(), st.integers(2, 30), st.integers(1, 300), st.sampled_from([0.0, 1e-3, 0.5, 40.0]))
def test_equal_to_brute_force(seed, n, V, noise):
    """Whatever the bounds spare, the number is that of comparing with every mesh."""
    rng = np.random.default_rng(seed)
    X = collection(rng, n + 6, V, noise)
    meshes, queries = X[:n], np.concatenate([X[n:], X[:2]])  # two lie in the collection
    groups, group = rng.integers(0, 3, n), rng.integers(0, 3, len(queries))
    groups[0], groups[1] = 0, 1  # so that nobody is left without a mesh
    allowed = group[:, None] != groups
    found = NearestMesh(meshes.__getitem__, n, X.mean(axis=0)).query(
        queries, group=group, groups=groups
    )
    expected = [slow.least_distance(x, meshes, ok) for x, ok in zip(queries, allowed, strict=True)]
    np.testing.assert_allclose(found.distance, expected, rtol=1e-6, atol=1e-7)
    at = mean_vertex_distance(queries, meshes[found.mesh])
    np.testing.assert_allclose(found.distance, at, rtol=1e-6)
    assert allowed[np.arange(len(queries)), found.mesh].all()


def test_a_tight_bound_is_still_a_bound():
    """The looser bound promises more, the tight one is right to the last digit."""
    template = np.random.default_rng(4).normal(size=(64, 3)).astype(np.float32)
    moved = template + np.float32([1, 0, 0])  # all bounds are exact
    shaken = template + np.float32(1.0001) * np.float32([1, 0, 0]) * np.resize([1, -1], (64, 1))
    found = NearestMesh(np.stack([shaken, moved]).__getitem__, 2, template).query(template[None])
    assert found.mesh.tolist() == [1]
    np.testing.assert_allclose(found.distance, 1, rtol=1e-6)


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
def test_where_every_bound_is_zero_every_distance_counts(kind):
    """The two vertices of each cell move apart: means over cells see nothing of it."""
    rng = np.random.default_rng(6)
    template = rng.normal(size=(256, 3)).astype(np.float32)
    order = np.argsort(halve(template, 7), kind="stable").reshape(128, 2)
    apart = np.zeros_like(template)
    apart[order[:, 0]], apart[order[:, 1]] = [0, 1, 0], [0, -1, 0]
    amount = rng.permutation(40)
    meshes = template + amount[:, None, None] * apart
    search = {"arrays": NearestMesh, "tensors": OnTensors}[kind](meshes.__getitem__, 40, template)
    wanted = np.array([0.0, 17.3, 38.6])
    found = search.query(template + wanted.astype(np.float32)[:, None, None] * apart)
    np.testing.assert_array_equal(amount[found.mesh], [0, 17, 39])
    np.testing.assert_allclose(found.distance, abs(wanted - [0, 17, 39]), atol=1e-5)


def test_blocks_do_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(1)
    X = collection(rng, 60, 40, 0.1)
    whole = NearestMesh(X[:50].__getitem__, 50, X[0]).query(X[50:])
    for name, size in SEVERAL_BLOCKS.items():
        monkeypatch.setattr(nearest, name, size)
    search = NearestMesh(X[:50].__getitem__, 50, X[0])
    assert len(search._blocks(np.arange(50))) > 5
    monkeypatch.setattr(pairs, "BLOCK_BYTES", 4 * 3 * 40 * 5)
    for kind in (NearestMesh, OnTensors):
        parts = kind(X[:50].__getitem__, 50, X[0]).query(X[50:])
        np.testing.assert_array_equal(whole.mesh, parts.mesh)
        np.testing.assert_array_equal(whole.distance, parts.distance)


def test_spares_almost_all_distances(monkeypatch):
    """On smooth differences a query needs a few of the 2,000 distances."""
    rng = np.random.default_rng(2)
    X = collection(rng, 2040, 200, 0.0)
    search = NearestMesh(X[40:].__getitem__, 2000, X[0])
    measured = 0

    def count(self, X, query, mesh, best, honest=NearestMesh._measure):
        nonlocal measured
        measured += len(query)
        honest(self, X, query, mesh, best)

    monkeypatch.setattr(NearestMesh, "_measure", count)
    search.query(X[:40])
    assert 40 <= measured <= 40 * 4


class OnTensors(NearestMesh):
    """The path of a GPU, on tensors of the processor."""

    def _arithmetic(self, device):
        return TorchPairs(self._cells, self._coarse(self._cells), device)


@given(seeds(), st.integers(2, 30), st.integers(1, 300), st.sampled_from([0.0, 1e-3, 0.5, 40.0]))
def test_tensors_find_what_arrays_find(seed, n, V, noise):
    rng = np.random.default_rng(seed)
    X = collection(rng, n + 6, V, noise)
    meshes, queries = X[:n], np.concatenate([X[n:], X[:2]])
    group, groups = rng.integers(0, 3, len(queries)), np.arange(n) % 3
    barred = {"group": group, "groups": groups} if n >= 3 else {}
    by_array, by_tensor = (
        kind(meshes.__getitem__, n, X.mean(axis=0)).query(queries, **barred)
        for kind in (NearestMesh, OnTensors)
    )
    np.testing.assert_allclose(by_tensor.distance, by_array.distance, rtol=1e-6, atol=1e-7)
    same = by_tensor.mesh == by_array.mesh  # but for ties to the last digit
    np.testing.assert_array_equal(by_tensor.distance[same], by_array.distance[same])
    at = mean_vertex_distance(queries, meshes[by_tensor.mesh])
    np.testing.assert_allclose(by_tensor.distance, at, rtol=1e-6)


def test_a_gpu_finds_what_arrays_find(cuda):
    X = collection(np.random.default_rng(5), 2040, 700, 0.05)
    meshes, queries = X[40:], X[:40]
    here, there = (
        NearestMesh(meshes.__getitem__, len(meshes), X[0], device=device).query(queries)
        for device in (torch.device("cpu"), cuda)
    )
    np.testing.assert_array_equal(there.mesh, here.mesh)
    np.testing.assert_array_equal(there.distance, here.distance)


def test_halve_makes_equal_cells_that_nest():
    P = np.random.default_rng(3).normal(size=(1000, 3)).astype(np.float32)
    fine = halve(P, 5)
    assert set(np.bincount(fine, minlength=32)) <= {31, 32}
    np.testing.assert_array_equal(fine >> 2, halve(P, 3))


def test_refuses_what_has_no_nearest():
    X = np.zeros((3, 4, 3), np.float32)
    with pytest.raises(ValueError, match="the collection is empty"):
        NearestMesh(X[:0].__getitem__, 0, X[0])
    search = NearestMesh(X.__getitem__, 3, X[0])
    broken = X.copy()
    broken[1, 2] = np.nan
    with pytest.raises(ValueError, match="query 1 has a vertex that is not finite"):
        search.query(broken)
    with pytest.raises(ValueError, match="query 2 has no mesh outside its group 7"):
        search.query(X, group=np.array([0, 0, 7]), groups=np.array([7, 7, 7]))
