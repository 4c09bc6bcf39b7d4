"""The open-faces benchmark: labels, splits, extremes, faces on which expressions depend."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.benchmark.interaction import InteractingFace
from gan.datasets.benchmark.open_faces import (
    SCANNER,
    SIZES,
    extreme_units,
    extremes,
    make_open_faces,
    plan_extremes,
    plan_person,
    side_files,
)
from gan.datasets.benchmark.transfer_pairs import (
    extreme_path,
    judges_path,
    load_transfer,
    transfer_path,
)
from gan.datasets.benchmark.transfer_plan import exchange_units
from gan.datasets.morphable import LinearFace, load_face_model
from gan.datasets.plan import purpose_rng
from gan.datasets.recipes import PLAIN
from gan.datasets.scanner import Scanner
from gan.datasets.source import translate_units
from gan.datasets.store import load_dataset
from meshkit.primitives import hemisphere
from tests.system.commands import data

V, F = hemisphere(6)
MEAN = 100.0 * V
SIDED = [
    *("browInnerUp", "browOuterUp", "browDown", "eyeWide", "cheekSquint", "eyeSquint"),
    *("noseSneer", "mouthUpperUp", "mouthSmile", "mouthDimple", "mouthFrown", "mouthLowerDown"),
    *("mouthStretch", "mouthPress", "eyeBlink", "cheekPuff"),
]
WHOLE = ["jawOpen", "mouthShrugLower", "mouthPucker", "mouthFunnel", "jawLeft", "jawForward"]


def bumps(count: int) -> np.ndarray:
    """Return smooth displacements, each of its own part of the dome."""
    rng = np.random.default_rng(1)
    centers = V[rng.integers(0, len(V), count)]
    hill = np.exp(-((V - centers[:, None]) ** 2).sum(axis=2) / 0.08)
    return 8 * hill[..., None] * rng.normal(size=(count, 1, 3))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    """Write a linear face model in the shape of a dome; the first identity mode is its size."""
    names = [f"{name}_{side}" for side in "LR" for name in SIDED] + WHOLE
    path = tmp_path_factory.mktemp("dome") / "dome.npz"
    np.savez(
        path,
        mean=MEAN,
        id_modes=np.stack([0.1 * MEAN, MEAN * (0.1, 0, 0), MEAN * (0, 0.08, 0)]),
        exp_modes=bumps(len(names)),
        exp_names=np.array(names),
        faces=F,
        unit=np.array("mm"),
        landmarks68=np.arange(68),
    )
    return path


@pytest.fixture(scope="module")
def model(model_file) -> LinearFace:
    return load_face_model(model_file)


@pytest.fixture(scope="module")
def made(model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("open") / "faces.h5"
    make_open_faces(model, path, size="tiny")
    return path


def digests(path: Path) -> list[str]:
    files = (path, *side_files(path).values())
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_under_a_tenth_of_all_meshes_has_an_expression_label(made):
    with load_dataset(made) as dataset:
        assert (dataset.labels["expression"] >= 0).mean() < 0.1
        assert (dataset.labels["identity"] == dataset.subject).all()
        assert np.bincount(dataset.split[np.unique(dataset.subject, return_index=True)[1]]).tolist()
    for name, size in SIZES.items():
        rows = [row for k in range(size.subjects) for row in plan_person(k, 0)]
        assert len(rows) == size.meshes
        assert 0.05 < np.mean([row.expression >= 0 for row in rows]) < 0.1, name
    assert SIZES["small"].meshes < 10_000


def test_who_a_person_is_says_nothing_about_the_emotions_shown():
    """Whoever shows any shows all, equally often; whoever has labels has all, equally often."""
    for k in range(28):
        rows = list(plan_person(k, 0))
        labels = np.bincount([row.expression for row in rows if row.expression >= 0], minlength=7)
        assert len(set(labels.tolist())) == 1
        still = all(row.sequence == -1 for row in rows)
        assert still == (k % 7 == 2)
        if not still:
            assert len({row.sequence for row in rows}) == 6
            assert (labels[0] == 1) == (k % 7 == 5)


def test_labels_of_motion_are_at_the_apex(made):
    with load_dataset(made) as dataset:
        label = dataset.labels["expression"]
        labelled = np.flatnonzero((label > 0) & (dataset.sequence >= 0))
        assert len(labelled) == 12  # of persons 5 and 12
        for row in labelled:
            course = np.flatnonzero(dataset.sequence == dataset.sequence[row])
            frames = dataset.vertices(course)
            far = np.linalg.norm(frames - frames[0], axis=(1, 2))
            assert abs(int(far.argmax()) - int(dataset.frame[row])) <= 1  # the noise may shift it


def test_every_expression_is_seen_at_every_intensity():
    for k in (2, 9):
        stills = list(plan_person(k, 0))
        for expression in range(1, 7):
            size = [sum(r.units.values()) for r in stills if r.expression == expression]
            assert size == sorted(size)
            assert size[2] > 1.4 * size[0]
        assert all(row.units for row in stills)  # no face is quite at rest


def test_judges_learn_from_other_people(made):
    with load_dataset(made) as ordinary, load_dataset(judges_path(made)) as judges:
        assert judges.n == 12 * 14
        assert (judges.labels["expression"] >= 0).all()
        assert not set(judges.names["identity"]) & set(ordinary.names["identity"])
        assert set(np.unique(judges.split)) == {0, 1, 2}
        counts = np.bincount(judges.labels["expression"])
        assert (counts == counts[0]).all()


def test_the_truth_of_a_transfer_has_the_units_of_one_and_the_face_of_the_other(made, model):
    pairs = load_transfer(transfer_path(made))
    assert len(pairs) == 4 * 6 * 3
    assert set(pairs.person_a) == set(pairs.person_b) == {10, 11, 12, 13}
    face = InteractingFace(model)
    noise = np.hypot(SCANNER.white, SCANNER.smooth)
    for k in (0, 40):
        who = [
            face.sample_identity(purpose_rng(0, int(person[k]), "identity"))
            for person in (pairs.person_a, pairs.person_b)
        ]
        units = translate_units(exchange_units(0, int(pairs.person_b[k]))[k % 18], face.controls)
        np.testing.assert_allclose(pairs.truth[k], face.shape(who[0], units), atol=1e-4)
        for scan, clean in (
            (pairs.rest_a, face.shape(who[0], {})),
            (pairs.rest_b, face.shape(who[1], {})),
            (pairs.expression_b, face.shape(who[1], units)),
        ):
            error = np.sqrt(((scan[k] - clean) ** 2).sum(axis=1).mean())
            assert error == pytest.approx(noise, rel=0.5)


def test_extreme_expressions_are_other_peoples_and_unlike_any_in_training(made):
    with load_dataset(made) as ordinary, load_dataset(extreme_path(made)) as extreme:
        assert extreme.n == 2 * 12
        assert set(extreme.names["expression"]) == set(extremes())
        assert not set(extreme.names["identity"]) & set(ordinary.names["identity"])
        assert not set(extreme.subject) & set(ordinary.subject)
        assert len(extreme.indices("test")) == extreme.n
        for dataset in (ordinary, extreme):
            np.testing.assert_array_equal(dataset.landmarks, np.arange(68))
        np.testing.assert_array_equal(ordinary.faces, extreme.faces)
    shown = [row.units for k in range(21) for row in plan_person(k, 0)]
    for row in plan_extremes(20, 0):
        assert min(apart(row.units, other) for other in shown) > 1.5


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """Return the sum of the differences of all units."""
    return sum(abs(one.get(unit, 0.0) - other.get(unit, 0.0)) for unit in one | other)


def test_smooth_noise_is_as_large_and_as_wide_as_said():
    rng = np.random.default_rng(0)
    flat, faces = np.zeros((3, 3)), np.array([[0, 1, 2]])
    flat[1, 0] = SCANNER.reach
    flat[2, 1] = 10 * SCANNER.reach
    scans = Scanner(smooth=0.2, reach=SCANNER.reach).scan(np.stack([flat] * 4000), faces, rng)
    error = (scans - flat)[:, :, 2]  # along the normal
    np.testing.assert_allclose((scans - flat)[:, :, :2], 0, atol=1e-12)
    np.testing.assert_allclose(error.std(axis=0), 0.2, rtol=0.05)
    correlation = np.corrcoef(error.T)
    assert correlation[0, 1] == pytest.approx(np.exp(-0.5), abs=0.05)
    assert correlation[0, 2] == pytest.approx(0, abs=0.05)


def test_scans_of_one_expression_differ_by_the_noise(made, model):
    """Frames of rest in one sequence: equal but for the scanner."""
    with load_dataset(made) as dataset:
        course = np.flatnonzero(dataset.sequence == 0)
        first, last = dataset.vertices(course[[0, -1]]).astype(float)
        size = np.sqrt(((first - last) ** 2).sum(axis=1).mean() / 2)
        assert size == pytest.approx(np.hypot(SCANNER.white, SCANNER.smooth), rel=0.4)


def test_an_interruption_leaves_no_file(model, tmp_path):
    def interrupt(stage: str, done: int, total: int) -> None:
        assert total == 690 + 24 + 168 + 72
        if done > 300:  # all beside the large file
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_open_faces(model, tmp_path / "set.h5", size="tiny", progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_bad_options_are_refused(model, tmp_path):
    path = tmp_path / "set.h5"
    with pytest.raises(ValueError, match="size of open-faces must be one of tiny, small, full"):
        make_open_faces(model, path, size="demo")
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        make_open_faces(model, path, size="tiny", seed=-1)
    with pytest.raises(ValueError, match="jobs must be 1 or more, got 0"):
        make_open_faces(model, path, size="tiny", jobs=0)
    with pytest.raises(ValueError, match=r"interaction must be in \[0, 1\], got 2"):
        make_open_faces(model, path, size="tiny", interaction=2.0)
    with pytest.raises(ValueError, match="unknown extreme expression 'joy'; known: roar, yawn"):
        extreme_units("joy", 1.0, PLAIN)
    with pytest.raises(ValueError, match=r"intensity must be in \[0, 1\], got 2"):
        extreme_units("roar", 2.0, PLAIN)
    assert not list(tmp_path.iterdir())


def test_equal_commands_give_equal_files_and_other_numbers_are_refused(model_file, made, tmp_path):
    out = tmp_path / "faces.h5"
    asked = ["--model", model_file, "--benchmark", "open-faces", "--size", "tiny"]
    done = data.succeed("make", *asked, "--jobs", 2, "-o", out)
    assert f"{out}: 690 meshes" in done.output
    assert f"{extreme_path(out)}: 24 meshes" in done.output
    assert f"{judges_path(out)}: 168 meshes" in done.output
    assert f"{transfer_path(out)}: 72 transfers between 4 held-out people" in done.output
    assert digests(out) == digests(made)  # whatever the day and the number of processes
    for option in (["--noise", "1"], ["--visemes"], ["--subjects", "9"]):
        said = data.fails("make", "--benchmark", "open-faces", *option, codes=(2,))
        assert said == f"Error: leave {option[0]} out: --benchmark open-faces has its own"
    said = data.fails("make", "--interaction", "0.5", codes=(2,))
    assert "--interaction belongs to a benchmark" in said
    said = data.fails("make", "--benchmark", "open-faces", "--size", "demo")
    assert "one of tiny, small, full, got 'demo'" in said
    numbers = ", ".join(f"{name} ({size.meshes:,})" for name, size in SIZES.items())
    stated = " ".join(data("make", "--help").output.replace(" or", ",").replace(",,", ",").split())
    assert numbers in stated
