"""The open-faces benchmark: labels, splits, extremes, faces on which expressions depend."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.benchmark.open_faces import (
    SCANNER,
    SIZES,
    extreme_units,
    extremes,
    make_open_faces,
    plan_extremes,
    plan_person,
    split_people,
)
from gan.datasets.benchmark.transfer import MOBILITY, WAVES, TransferredFace
from gan.datasets.benchmark.transfer_pairs import extreme_path
from gan.datasets.morphable import LinearFace, load_face_model
from gan.datasets.recipes import EMOTIONS, PLAIN
from gan.datasets.scanner import Scanner
from gan.datasets.source import FaceSource
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
PERSON = np.array([1.0, -0.5, 0.8])


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
    return [hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, extreme_path(path))]


def test_under_a_tenth_of_all_meshes_has_an_expression_label(made):
    with load_dataset(made) as dataset:
        label, still = dataset.labels["expression"], dataset.sequence == -1
        assert dataset.n == 8 * 81
        assert (label >= 0).mean() < 0.1
        assert (dataset.labels["identity"] == dataset.subject).all()
        for subject in range(8):
            mine = dataset.subject == subject
            assert label[mine & still].tolist() == list(range(len(EMOTIONS)))
            moving = label[mine & ~still]
            assert (moving >= 0).sum() == 1
            assert moving.max() > 0
    assert SIZES["small"].meshes >= 6000
    assert SIZES["full"].meshes >= 30000


def test_labels_of_motion_are_at_the_apex(made):
    with load_dataset(made) as dataset:
        labelled = np.flatnonzero((dataset.labels["expression"] >= 0) & (dataset.sequence >= 0))
        assert len(labelled) > 0
        for row in labelled:
            course = np.flatnonzero(dataset.sequence == dataset.sequence[row])
            frames = dataset.vertices(course)
            far = np.linalg.norm(frames - frames[0], axis=(1, 2))
            assert abs(int(far.argmax()) - int(dataset.frame[row])) <= 2  # the noise may shift it


def test_every_expression_is_seen_at_every_intensity():
    stills = [list(plan_person(k, 0))[:7] for k in range(30)]
    for expression in range(1, 7):
        size = np.sort([sum(person[expression].units.values()) for person in stills])
        assert size[-5:].mean() > 1.5 * size[:5].mean()
    assert all(row.units for person in stills for row in person)  # no face is quite at rest


@pytest.mark.parametrize("n", [size.subjects for size in SIZES.values()])
def test_held_out_people_are_the_last(n):
    split = split_people(n)
    assert len(split) == n
    assert (np.diff(split) >= 0).all()
    train, validation, test = np.bincount(split)
    assert train > 0.6 * n
    assert test >= 2 * validation >= 2


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
    shown = [row.units for k in range(20) for row in plan_person(k, 0)]
    for row in plan_extremes(20, 0):
        assert min(apart(row.units, other) for other in shown) > 1.5


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """Return the sum of the differences of all units."""
    return sum(abs(one.get(unit, 0.0) - other.get(unit, 0.0)) for unit in one | other)


def of_mean_mobility(*coefficients: float) -> np.ndarray:
    """Return an identity whose skin follows everywhere as the mean face's."""
    return np.array([*coefficients, *[0.0] * (2 * WAVES)])


def test_the_mean_face_performs_as_the_model_does(model):
    units = {"AU26": 1.0, "AU12_L": 0.7, "AU4_R": 1.0}
    found = TransferredFace(model).shape(of_mean_mobility(0, 0, 0), units)
    np.testing.assert_allclose(found, model.shape(np.zeros(3), units), atol=1e-6)


def test_a_face_twice_as_large_moves_twice_as_far(model):
    """A sum moves it as far as the mean; deformation gradients know nothing of size."""
    face, units = TransferredFace(model), {"AU26": 1.0, "AU12_L": 0.7}
    large = of_mean_mobility(10, 0, 0)  # the mode adds a tenth of the size
    pose = model.shape(np.zeros(3), units)
    place = face.shape(large, units) - 2 * pose
    np.testing.assert_allclose(place - place.mean(axis=0), 0, atol=1e-6)
    assert np.linalg.norm(place.mean(axis=0)) < 1  # mm
    np.testing.assert_array_equal(face.shape(large, {}), model.shape(large[:3], {}))


def test_skin_follows_here_more_and_there_less(model):
    """Mobility is a factor of the displacement that varies slowly and has the said spread."""
    face, rng = TransferredFace(model), np.random.default_rng(0)
    everywhere = dict.fromkeys(model.controls, 0.2)
    usual = face.shape(of_mean_mobility(0, 0, 0), everywhere) - MEAN
    moves = np.linalg.norm(usual, axis=1) > 1
    spread = []
    for _ in range(60):
        identity = face.sample_identity(rng)
        assert len(identity) == 3 + 2 * WAVES
        identity[:3] = 0
        own = face.shape(identity, everywhere) - MEAN
        assert np.linalg.norm(own - usual, axis=1).max() > 0.2
        factor = (own * usual).sum(axis=1) / (usual**2).sum(axis=1)
        spread.append(np.log(factor[moves & (factor > 0)]))
    assert np.concatenate(spread).std() == pytest.approx(MOBILITY, rel=0.3)


def test_people_and_expressions_do_not_add_up(made, model):
    """The interaction of a person and an expression is 0 for the model, but not in the set."""
    units = {"AU26": 1.0, "AU15_L": 1.0, "AU4_R": 1.0}

    def interaction(source: FaceSource, person: np.ndarray) -> float:
        moved = source.shape(person, units) - source.shape(person, {})
        mean = source.shape(0 * person, units) - source.shape(0 * person, {})
        return float(np.abs(moved - mean).max())

    assert interaction(model, PERSON) < 1e-9
    assert interaction(TransferredFace(model), of_mean_mobility(*PERSON)) > 0.3  # mm
    with load_dataset(made) as dataset:
        assert "deformation transfer" in dataset.provenance["source"]["expressions"]


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


def test_an_interruption_leaves_neither_file(model, tmp_path):
    def interrupt(stage: str, done: int, total: int) -> None:
        assert total == SIZES["tiny"].meshes
        if done > 60:  # the extremes are 24
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
    with pytest.raises(ValueError, match="unknown extreme expression 'joy'; known: roar, yawn"):
        extreme_units("joy", 1.0, PLAIN)
    with pytest.raises(ValueError, match=r"intensity must be in \[0, 1\], got 2"):
        extreme_units("roar", 2.0, PLAIN)
    assert not list(tmp_path.iterdir())


def test_equal_commands_give_equal_files_and_other_numbers_are_refused(model_file, made, tmp_path):
    out = tmp_path / "faces.h5"
    asked = ["--model", model_file, "--benchmark", "open-faces", "--size", "tiny"]
    done = data.succeed("make", *asked, "--jobs", 2, "-o", out)
    assert f"{out}: 648 meshes" in done.output
    assert f"{extreme_path(out)}: 24 meshes" in done.output
    assert digests(out) == digests(made)  # whatever the day and the number of processes
    for option in (["--noise", "1"], ["--visemes"], ["--subjects", "9"]):
        said = data.fails("make", "--benchmark", "open-faces", *option, codes=(2,))
        assert said == f"Error: leave {option[0]} out: --benchmark open-faces has its own"
    said = data.fails("make", "--benchmark", "open-faces", "--size", "demo")
    assert "one of tiny, small, full, got 'demo'" in said
    numbers = ", ".join(f"{name} ({size.meshes:,})" for name, size in SIZES.items())
    stated = " ".join(data("make", "--help").output.replace(" or", ",").replace(",,", ",").split())
    assert numbers in stated
