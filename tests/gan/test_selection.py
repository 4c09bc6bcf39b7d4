"""What a data set keeps of every mesh: the same vertices of each, a surface with a border."""

import json

import numpy as np
import pytest

from gan.datasets.importing.selection import Wanted, select, why_untrainable
from gan.errors import DatasetError
from meshkit.flattening.disk import disk_loops
from meshkit.topology import count_parts
from tests.gan.whole_heads import head

HEAD = head()
V, F = HEAD.V, HEAD.F


def listed(tmp_path, vertices: np.ndarray):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(vertices.tolist()))
    return path


def test_a_whole_head_says_what_keeps_it_from_training():
    assert why_untrainable(V, F).remedy == "keep-component"
    (_, eye) = (select(V, F, Wanted(component=k)) for k in (0, 1))
    assert why_untrainable(V[eye.vertices], eye.F).remedy == "open-surface"


@pytest.mark.parametrize("part", ["component", "mask", "crop", "cut"])
def test_what_is_kept_can_be_flattened(tmp_path, part):
    face = np.flatnonzero((V[:, 2] > 20) & (np.arange(len(V)) < len(V) - 84))
    wanted = {
        "component": Wanted(component="largest"),
        "mask": Wanted(mask=listed(tmp_path, face), component="largest"),
        "crop": Wanted(crop=listed(tmp_path, face[abs(V[face, 0]) < 40])),
        "cut": Wanted(component=1, cut=True),
    }[part]
    kept = select(V, F, wanted)
    assert why_untrainable(V[kept.vertices], kept.F) is None
    assert count_parts(kept.F, len(kept.vertices)) == 1
    # Every face that is kept is one of the mesh, corner by corner.
    ours = {tuple(row) for row in kept.vertices[kept.F].tolist()}
    assert ours <= {tuple(row) for row in F.tolist()}
    assert len(ours) == len(kept.F)
    where = kept.of(kept.vertices[:5], "marks")
    np.testing.assert_array_equal(kept.vertices[where], kept.vertices[:5])


def test_the_border_is_the_longest_on_the_surface_not_the_one_with_most_vertices():
    kept = select(V, F, Wanted(component="largest"))
    X, T = V[kept.vertices], kept.F
    crown = (T == 0).any(axis=1)  # a small hole of as many vertices as the neck
    loops = disk_loops(*_without_unused(X, T[~crown]))
    assert len(loops) == 2
    assert len(loops[0]) == len(loops[1])
    below = _without_unused(X, T[~crown])[0][loops[0], 1].mean()
    assert below < -80, "the neck"


def _without_unused(X: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used = np.unique(T)
    return X[used], np.searchsorted(used, T)


def test_what_leaves_nothing_or_lies_outside_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no face is left"):
        select(V, F, Wanted(mask=listed(tmp_path, np.arange(2))))
    with pytest.raises(ValueError, match="component 7 does not exist"):
        select(V, F, Wanted(component=7))
    kept = select(V, F, Wanted(component="largest"))
    with pytest.raises(DatasetError, match=r"marks: vertex \d+ is not among those that are kept"):
        kept.of(np.array([len(V) - 1]), "marks")
