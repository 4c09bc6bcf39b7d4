"""Data sets from a source: equal commands, labels, splits, sequences, noise."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.contract import SPLITS
from gan.datasets.inspection import describe, find_oddities
from gan.datasets.make import (
    SIZES,
    Size,
    default_dataset,
    make_dataset,
    named_size,
    split_subjects,
)
from gan.datasets.preview import preview_sheet
from gan.datasets.recipes import EMOTIONS
from gan.datasets.store import check_dataset, load_dataset, write_dataset
from tests.gan.domes import Dome, F, V

SMALL = Size(subjects=6, stills=7, sequences=2, frames=9)


class StandIn(Dome):
    name = "stand-in"
    controls = ("AU12_L", "AU12_R", "AU1", "AU15_L", "AU15_R", "AU26", "AU4_L", "AU4_R", "AU9")


def made(path: Path, **changes) -> Path:
    make_dataset(StandIn(), path, **({"size": SMALL, "seed": 0} | changes))
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    with load_dataset(made(tmp_path_factory.mktemp("make") / "set.h5")) as opened:
        yield opened


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_equal_commands_give_equal_bytes_and_other_seeds_do_not(tmp_path):
    for noise in (0.0, 0.3):
        first = digest(made(tmp_path / "first.h5", noise=noise))
        assert first == digest(made(tmp_path / "again.h5", noise=noise))
        assert first != digest(made(tmp_path / "other.h5", noise=noise, seed=1))


def test_a_person_does_not_depend_on_how_many_there_are(tmp_path, dataset):
    more = Size(subjects=9, stills=7, sequences=2, frames=9)
    with load_dataset(made(tmp_path / "more.h5", size=more)) as other:
        for subject in range(6):
            mine, theirs = (
                x.vertices(np.flatnonzero(x.subject == subject)) for x in (dataset, other)
            )
            np.testing.assert_array_equal(mine, theirs)


def test_identities_are_always_labelled_expressions_sparsely(dataset):
    np.testing.assert_array_equal(dataset.labels["identity"], dataset.subject)
    assert len(dataset.names["identity"]) == 6
    assert dataset.names["expression"] == EMOTIONS
    label = dataset.labels["expression"]
    assert (label[dataset.sequence == -1] >= 0).all()
    for s in range(6 * 2):
        course = label[dataset.sequence == s]
        assert len(course) == 9
        assert course[0] == course[-1] == EMOTIONS.index("neutral")
        apexes = course[1:-1][course[1:-1] >= 0]
        assert len(apexes) == 1
        assert apexes[0] != EMOTIONS.index("neutral")


def test_every_person_shows_every_expression_in_seven_stills(dataset):
    for subject in range(6):
        stills = (dataset.subject == subject) & (dataset.sequence == -1)
        assert sorted(dataset.labels["expression"][stills]) == list(range(7))


def test_a_persons_sequences_show_different_emotions(tmp_path):
    size = Size(subjects=4, stills=0, sequences=6, frames=3)
    with load_dataset(made(tmp_path / "set.h5", size=size)) as dataset:
        for subject in range(4):
            label = dataset.labels["expression"][dataset.subject == subject]
            assert sorted(label[label > 0]) == list(range(1, 7))


def test_sequences_run_from_the_neutral_over_the_extremum_to_the_neutral(dataset):
    for s in range(12):
        rows = np.flatnonzero(dataset.sequence == s)
        np.testing.assert_array_equal(dataset.frame[rows], np.arange(9))
        frames = dataset.vertices(rows)
        identity = StandIn().sample_identity(
            np.random.default_rng([0, int(dataset.subject[rows[0]]), 1])
        )
        neutral = StandIn().shape(identity, {}).astype(np.float32)
        np.testing.assert_array_equal(frames[0], neutral)
        np.testing.assert_array_equal(frames[-1], neutral)
        distance = np.linalg.norm(frames - neutral, axis=(1, 2))
        apex = int(distance.argmax())
        assert distance[apex] > 3  # mm
        assert dataset.labels["expression"][rows[apex]] > 0
        assert (np.diff(distance[: apex + 1]) >= 0).all()
        assert (np.diff(distance[apex:]) <= 0).all()


@pytest.mark.parametrize("n", [4, 5, 8, 20, 100, 150])
def test_the_split_is_by_person_and_training_comes_first(n):
    split = split_subjects(n)
    assert len(split) == n
    assert (np.diff(split) >= 0).all()
    counts = np.bincount(split, minlength=3)
    assert counts[1] == counts[2] >= 1
    assert counts[1] == pytest.approx(0.1 * n, abs=1)


def test_training_classes_of_identity_are_a_prefix(dataset):
    classes = np.unique(dataset.labels["identity"][dataset.indices("train")])
    np.testing.assert_array_equal(classes, np.arange(len(classes)))
    subjects = [set(dataset.subject[dataset.indices(name)]) for name in SPLITS]
    assert sum(map(len, subjects)) == len(set.union(*subjects)) == 6


def test_noise_is_along_the_normals_and_as_large_as_said(tmp_path, dataset):
    with load_dataset(made(tmp_path / "noisy.h5", noise=0.5)) as noisy:
        clean = dataset.vertices(range(dataset.n)).astype(float)
        offset = noisy.vertices(range(dataset.n)) - clean
        assert np.sqrt((offset**2).sum(axis=2).mean()) == pytest.approx(0.5, rel=0.05)
        # The dome is convex and nearly round, so its normals point away from its centre.
        outward = clean / np.linalg.norm(clean, axis=2, keepdims=True)
        along = (offset * outward).sum(axis=2)
        assert (along**2).sum() > 0.9 * (offset**2).sum()
        assert abs(along.mean()) < 0.02


def test_a_seed_keeps_its_noise(tmp_path, dataset):
    """Earlier data sets are made again bit for bit: no purpose takes the draws of another."""
    with load_dataset(made(tmp_path / "noisy.h5", noise=0.5)) as noisy:
        person = np.flatnonzero(dataset.subject == 3)
        offset = np.linalg.norm(noisy.vertices(person) - dataset.vertices(person), axis=2)
    drawn = np.random.default_rng([0, 3, 2]).normal(0, 0.5, offset.shape)
    np.testing.assert_allclose(offset, abs(drawn), atol=1e-4)


def test_units_that_a_source_lacks_are_named(dataset):
    ignored = dataset.provenance["ignored_units"]
    assert "AU5_L" in ignored
    assert "AU1_L" not in ignored  # falls back to the whole AU1
    assert "AU9_R" not in ignored
    parameters = dataset.provenance["parameters"]
    assert parameters == {
        "subjects": 6,
        "stills": 7,
        "sequences": 2,
        "frames": 9,
        "seed": 0,
        "noise_mm": 0.0,
    }


def test_modes_span_the_displacements(dataset):
    offset = (dataset.vertices(range(dataset.n)) - dataset.template).reshape(dataset.n, -1)
    modes = np.concatenate([m.reshape(len(m), -1) for m in dataset.modes.values()]).astype(float)
    left = offset.T - modes.T @ np.linalg.lstsq(modes.T, offset.T, rcond=None)[0]
    np.testing.assert_allclose(left, 0, atol=1e-3)


def test_progress_counts_every_mesh(tmp_path):
    told: list[tuple[int, int]] = []
    made(tmp_path / "set.h5", progress=lambda stage, done, total: told.append((done, total)))
    assert told[-1] == (SMALL.meshes, SMALL.meshes) == (150, 150)
    assert told == sorted(told)


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupt(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "set.h5", progress=interrupt)
    assert not list(tmp_path.iterdir())


BAD = [
    ({"size": Size(0, 7, 1, 9)}, "subjects must be at least 4 .*got 0"),
    ({"size": Size(4, 0, 0, 9)}, "not both 0, got 0 and 0"),
    ({"size": Size(4, -1, 3, 9)}, "got -1 and 3"),
    ({"size": Size(4, 1, 1, 2)}, "frames must be at least 3 for a sequence, got 2"),
    ({"seed": -1}, "seed must be 0 or more, got -1"),
    ({"noise": -0.1}, r"noise must be in \[0, 5\] mm, got -0.1"),
    ({"noise": float("nan")}, "noise must be in .* got nan"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_options_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        made(tmp_path / "set.h5", **changes)
    assert not list(tmp_path.iterdir())


def test_sizes_are_named():
    assert SIZES["small"].meshes >= 6000
    assert np.bincount(split_subjects(SIZES["small"].subjects))[0] >= 80
    assert SIZES["full"].meshes >= 30000
    with pytest.raises(ValueError, match="size must be one of tiny, demo, small, full, got 'xl'"):
        named_size("xl")


def test_facts_and_oddities(tmp_path, dataset):
    facts = describe(dataset)
    json.dumps(facts)
    assert facts["meshes"] == 150
    assert facts["splits"]["train"] == {"meshes": 100, "subjects": 4}
    assert facts["factors"]["expression"]["classes"]["neutral"] == 6 + 2 * 12
    assert facts["sequences"] == 12
    assert find_oddities(dataset, check_dataset(dataset)) == []


def test_oddities_are_found(tmp_path):
    rng = np.random.default_rng(0)
    n = 40
    vertices = StandIn.template / 10 + 0.01 * rng.normal(size=(n, len(V), 3))
    vertices[17] += 5
    extended = np.append(StandIn.template / 10, [[0, 0, 0]], axis=0)
    write_dataset(
        tmp_path / "odd.h5",
        faces=F,
        template=extended,
        labels={"mood": np.arange(n) % 2},
        names={"mood": ("calm", "wild", "never")},
        subject=np.zeros(n, int),
        sequence=np.full(n, -1),
        frame=np.zeros(n, int),
        split=np.zeros(n, int),
        vertices=[np.append(vertices, np.zeros((n, 1, 3)), axis=1)],
        n=n,
        provenance={},
    )
    with load_dataset(tmp_path / "odd.h5") as odd:
        found = "\n".join(find_oddities(odd, check_dataset(odd)))
    assert "no mesh is in the split validation" in found
    assert "mm long: are the lengths millimetres?" in found
    assert f"1 vertices are in no face, the first is {len(V)}" in found
    assert "mood: no labelled training mesh of 1 classes: never" in found
    assert "1 meshes lie far from the template" in found
    assert ": 17 (" in found


def test_the_preview_shows_a_row_for_each_class_and_sequence(dataset):
    sheet = preview_sheet(dataset, columns=3, sequences=2, tile=40)
    rows = preview_sheet(dataset, columns=3, sequences=0, rows=3, tile=40)
    border = 4
    assert sheet.shape[1] == rows.shape[1]
    assert (sheet.shape[0] - border) / (rows.shape[0] - border) == (7 + 2) / 3
    with pytest.raises(ValueError, match=r"no factor 'age'; .* has expression, identity"):
        preview_sheet(dataset, factor="age")


def test_the_default_is_made_once(monkeypatch):
    monkeypatch.setattr("gan.datasets.procedural.ProceduralHead", StandIn)
    first = default_dataset("tiny")
    before = first.stat().st_mtime_ns
    monkeypatch.setattr("gan.datasets.make.make_dataset", None)  # a second call would fail
    assert default_dataset("tiny") == first
    assert first.stat().st_mtime_ns == before
    with load_dataset(first) as dataset:
        assert dataset.n == SIZES["tiny"].meshes
        assert dataset.provenance["source"]["name"] == "stand-in"
