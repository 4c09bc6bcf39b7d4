"""Data sets joined: every mesh keeps its shape and its labels by name; people stay apart."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gan.datasets.contract import UNLABELLED
from gan.datasets.merging import merge_datasets
from gan.datasets.store import check_dataset, load_dataset
from gan.errors import DatasetError
from meshkit.primitives import hemisphere
from tests.gan.conftest import SUBJECTS, blobs


@pytest.fixture
def pair(tmp_path):
    """Two files with the same people, expressions in another order, sequences in the second."""
    n = SUBJECTS * 12
    first = blobs(tmp_path / "a.h5")
    with load_dataset(first) as dataset:
        turned = 2 - dataset.labels["expression"]
        changes = {
            "labels": {
                "identity": dataset.labels["identity"],
                "expression": np.where(dataset.labels["expression"] < 0, UNLABELLED, turned),
                "viseme": np.arange(n) % 2,
            },
            "names": {
                "identity": dataset.names["identity"],
                "expression": ["down", "left", "neutral"],
                "viseme": ["rest", "PP"],
            },
            "sequence": np.where(np.arange(n) % 12 < 4, dataset.subject, -1),
            "frame": np.arange(n),
            "vertices": [dataset.vertices(np.arange(n)) * 0.9],
        }
    with load_dataset(first) as a, load_dataset(blobs(tmp_path / "b.h5", **changes)) as b:
        yield [a, b]


def names_of(dataset, factor):
    label = dataset.labels.get(factor, np.full(dataset.n, UNLABELLED))
    return [None if c == UNLABELLED else dataset.names[factor][c] for c in label]


def test_meshes_and_labels_by_name_are_those_of_the_inputs(pair, tmp_path):
    notes = merge_datasets(pair, tmp_path / "out.h5")
    assert notes == []
    with load_dataset(tmp_path / "out.h5") as out:
        check_dataset(out)
        expected = np.concatenate([d.vertices(np.arange(d.n)) for d in pair])
        np.testing.assert_array_equal(out.vertices(np.arange(out.n)), expected)
        for factor in ("expression", "viseme"):
            assert names_of(out, factor) == names_of(pair[0], factor) + names_of(pair[1], factor)
        np.testing.assert_array_equal(out.split, np.concatenate([d.split for d in pair]))
        np.testing.assert_array_equal(out.frame, np.concatenate([d.frame for d in pair]))
        assert out.names["expression"] == ("neutral", "left", "up", "down")
        inputs = [entry["fingerprint"] for entry in out.provenance["inputs"]]
        assert inputs == [d.fingerprint for d in pair]
        np.testing.assert_array_equal(out.template, pair[0].template)


def test_people_are_kept_apart_or_joined(pair, tmp_path):
    merge_datasets(pair, tmp_path / "apart.h5")
    merge_datasets(pair, tmp_path / "joined.h5", same_subjects=True)
    n = pair[0].n
    with load_dataset(tmp_path / "apart.h5") as out:
        assert not set(out.subject[:n]) & set(out.subject[n:])
        assert out.names["identity"][0] == "a/subject 0"
        assert out.names["identity"][SUBJECTS] == "b/subject 0"
    with load_dataset(tmp_path / "joined.h5") as out:
        np.testing.assert_array_equal(out.subject[:n], out.subject[n:])
        assert out.names["identity"] == pair[0].names["identity"]
        moving = out.sequence >= 0
        assert not moving[:n].any()
        assert len(set(out.sequence[moving])) == SUBJECTS


def test_sequences_stay_apart(pair, tmp_path):
    """Twice the second file's meshes: equal numbers of sequences, different sequences."""
    (tmp_path / "c.h5").write_bytes((tmp_path / "b.h5").read_bytes())
    with load_dataset(tmp_path / "c.h5") as c:
        merge_datasets([pair[1], c], tmp_path / "out.h5")
    with load_dataset(tmp_path / "out.h5") as out:
        n, moving = pair[1].n, out.sequence >= 0
        a, b = out.sequence[:n][moving[:n]], out.sequence[n:][moving[n:]]
        assert len(set(a)) == len(set(b)) == SUBJECTS
        assert not set(a) & set(b)


def test_a_person_in_two_splits_is_refused(pair, tmp_path):
    other = blobs(tmp_path / "c.h5", split=np.zeros(pair[0].n, dtype=int))
    with load_dataset(other) as c:
        with pytest.raises(DatasetError, match=r"'subject 5' is in test in .* but in train in"):
            merge_datasets([pair[0], c], tmp_path / "out.h5", same_subjects=True)
        merge_datasets([pair[0], c], tmp_path / "out.h5")


def test_another_frame_is_noticed_and_undone(pair, tmp_path):
    turn = Rotation.from_euler("xyz", [20, -30, 10], degrees=True).as_matrix().T
    X = pair[0].vertices(np.arange(pair[0].n)) @ turn + (5, -20, 80)
    template = pair[0].template @ turn + (5, -20, 80)
    moved = blobs(tmp_path / "moved.h5", template=template, vertices=[X])
    with load_dataset(moved) as c:
        (note,) = merge_datasets([pair[0], c], tmp_path / "out.h5")
        assert (note.text[-8:], note.remedy) == ("if moved", "align-data-sets")
        (note,) = merge_datasets([pair[0], c], tmp_path / "out.h5", align=True)
        assert "now 0.00 mm" in note.text
    with load_dataset(tmp_path / "out.h5") as out:
        a, b = (out.vertices(np.arange(k, k + out.n // 2)) for k in (0, out.n // 2))
        np.testing.assert_allclose(b, a, atol=1e-3)


def test_modes_and_landmarks_survive_where_they_agree(tmp_path):
    marks, modes = np.arange(68), {"identity": np.ones((2, *hemisphere(8)[0].shape))}
    files = [
        blobs(tmp_path / "a.h5", landmarks=marks, modes=modes),
        blobs(tmp_path / "b.h5", modes=modes),
        blobs(tmp_path / "c.h5", landmarks=marks[::-1].copy()),
    ]
    with load_dataset(files[0]) as a, load_dataset(files[1]) as b, load_dataset(files[2]) as c:
        assert merge_datasets([a, b], tmp_path / "out.h5") == []
        with load_dataset(tmp_path / "out.h5") as out:
            np.testing.assert_array_equal(out.landmarks, marks)
            np.testing.assert_array_equal(out.modes["identity"], modes["identity"])
        notes = merge_datasets([a, b, c], tmp_path / "out.h5")
        with load_dataset(tmp_path / "out.h5") as out:
            assert out.landmarks is None
            assert out.modes == {}
    assert [note.text.split(" are")[0] for note in notes] == [
        "the modes of identity",
        "the landmarks",
    ]


def test_what_cannot_be_joined(pair, tmp_path):
    with pytest.raises(DatasetError, match="two data sets or more"):
        merge_datasets(pair[:1], tmp_path / "out.h5")
    with pytest.raises(DatasetError, match="is one of the inputs"):
        merge_datasets(pair, pair[0].path)
    with pytest.raises(DatasetError, match="given twice"):
        merge_datasets([pair[0], pair[0]], tmp_path / "out.h5")
    other = hemisphere(8)[1].copy()
    other[3] = other[3, [1, 2, 0]]
    with (
        load_dataset(blobs(tmp_path / "c.h5", faces=other)) as c,
        pytest.raises(DatasetError, match=r"c\.h5: other topology: /faces\[3\]"),
    ):
        merge_datasets([pair[0], c], tmp_path / "out.h5")
