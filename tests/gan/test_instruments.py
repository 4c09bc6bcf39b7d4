"""What a training shows of itself: right against slow code and by hand, and it disturbs nothing."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from gan.config import Config
from gan.datasets.store import Dataset, load_dataset
from gan.training.instruments import SCORE, Instruments, crossed_shares
from gan.training.loop import start, train
from gan.training.state import TrainState
from gan.training.step import iterate
from meshkit.primitives import hemisphere
from tests.gan.conftest import blobs, tiny
from tests.gan.runs import logged, weights

CPU = torch.device("cpu")
SUBJECT = np.arange(72) // 12


def changed(config: Config, **sections: dict[str, object]) -> Config:
    update = {
        name: getattr(config, name).model_copy(update=keys) for name, keys in sections.items()
    }
    return config.model_copy(update=update)


@pytest.fixture
def additive() -> Config:
    """A start at which every fixed code shows the mean of its class."""
    return changed(tiny(), generator={"start": "additive", "name": "mlp-components", "hidden": 32})


def measure(state: TrainState, dataset: Dataset) -> dict[str, float]:
    return Instruments(state, dataset).measure(state)


def test_a_run_with_instruments_is_the_run_without(tiny_dataset, tmp_path):
    """Though layers remember what they saw, images are augmented at random, and CPUs draw too."""
    config = changed(
        tiny(iterations=3),
        discriminator={"spectral_norm": True},
        augmentation={"name": "adaptive", "p": 0.5},
    )
    runs = [tmp_path / name for name in ("without", "with")]
    for every, run in enumerate(runs):
        own = changed(config, output={"instruments_every": every})
        train(own, tiny_dataset, run, device="cpu")
    torch.testing.assert_close(weights(runs[0]), weights(runs[1]), rtol=0, atol=0)
    for without, watched in zip(*map(logged, runs), strict=True):
        assert "critic/training" in watched
        assert {**watched, **without, "seconds": 0} == {**watched, "seconds": 0}


def test_the_scores_are_those_of_people_seen_and_unseen(dataset):
    """With a critic that measures one texel, without noise: means that can be worked out."""
    config = changed(tiny(), discriminator={"instance_noise": 0.0})
    state = start(config, dataset, CPU)
    state.discriminator.shared = lambda images: images
    state.discriminator.score = lambda images: images[:, 0, 8, 8]
    figures = measure_critic(state, dataset)
    texel = state.problem.mapping.matrix()[8 * 16 + 8]
    of_mesh = np.array([(texel @ V)[0] for V in dataset.vertices(np.arange(72))])
    mean, deviation = state.problem.images.mean[0, 8, 8].item(), state.problem.images.deviation
    expected = (of_mesh - mean) / deviation
    assert_allclose(figures["critic/training"], expected[:60].mean(), atol=1e-5)
    assert_allclose(figures["critic/held_out"], expected[60:].mean(), atol=1e-5)


def measure_critic(state: TrainState, dataset: Dataset) -> dict[str, float]:
    instruments = Instruments(state, dataset)
    instruments._gradients = lambda own: {}
    instruments._labels = lambda own, model, factor: {f"codes/{factor.name}": 1.0}
    return instruments.measure(state)


def test_the_memorised_share_is_what_only_training_people_get(dataset):
    state = start(tiny(), dataset, CPU)
    instruments = Instruments(state, dataset)
    scores = {"training": 3.0, "held_out": 1.0, "generated": -1.0}
    by_faces = {
        id(instruments._held_out.training.images): scores["training"],
        id(instruments._held_out.faces.images): scores["held_out"],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "gan.training.instruments._score",
            lambda images, own: by_faces.get(id(images), scores["generated"]),
        )
        assert instruments.measure(state)["critic/memorised"] == 0.5


def test_the_distance_is_the_energy_distance_of_all_pairs(dataset):
    instruments = Instruments(start(tiny(), dataset, CPU), dataset)
    known = (dataset.vertices(np.arange(60, 72)) - dataset.template).reshape(12, -1)
    faces = known[:5] + np.float32(0.5)

    def mean(A, B):
        return cdist(A.astype(float), B.astype(float)).mean() / np.sqrt(A.shape[1] / 3)

    expected = 2 * mean(faces, known) - mean(faces, faces) - mean(known, known)
    assert_allclose(instruments._distance(torch.from_numpy(faces)), expected, rtol=1e-5)
    assert instruments._distance(torch.from_numpy(known)) < 1e-6


def test_codes_count_whose_mean_they_show(additive, dataset):
    """All of them at a start that places them; none after a rotation of the codes."""
    state = start(additive, dataset, CPU)
    figures = measure(state, dataset)
    assert (figures["codes/identity"], figures["codes/expression"]) == (1, 1)
    for name in state.codes:
        state.codes[name] = state.codes[name].roll(1, dims=0)
    rolled = measure(state, dataset)
    assert (rolled["codes/identity"], rolled["codes/expression"]) == (0, 0)
    assert_allclose(rolled[SCORE], figures[SCORE] + 1, rtol=1e-6)


def test_expressions_are_judged_by_people_unseen_where_they_show_all(tiny_dataset, tmp_path):
    seen = {"split": np.where(SUBJECT < 5, 0, 1)}
    unseen = Instruments(*opened(blobs(tmp_path / "validation.h5", **seen)))._held_out
    assert (unseen.split, unseen.means["expression"].of) == ("validation", "validation")
    assert unseen.means["identity"].of == "train"
    lonely = {"split": np.where(SUBJECT < 5, 0, 2)}
    lonely["labels"] = {"identity": SUBJECT, "expression": np.where(SUBJECT < 5, SUBJECT % 3, 1)}
    test = Instruments(*opened(blobs(tmp_path / "test.h5", **lonely)))._held_out
    assert (test.split, test.means["expression"].of) == ("test", "train")


def opened(path) -> tuple[TrainState, Dataset]:
    dataset = load_dataset(path)
    return start(tiny(), dataset, CPU), dataset


def test_without_people_unseen_the_gradients_remain(tmp_path):
    state, dataset = opened(blobs(tmp_path / "all.h5", split=np.zeros(72, int)))
    assert {name.partition("/")[0] for name in measure(state, dataset)} == {"gradient"}


def test_a_gradient_is_weighted_and_the_regularizer_in_the_same_units(dataset):
    plain, heavy = (
        measure(start(changed(tiny(), regularizer={"weight": w}), dataset, CPU), dataset)
        for w in (1.0, 3.0)
    )
    assert_allclose(heavy["gradient/regularizer"], 3 * plain["gradient/regularizer"], rtol=1e-5)
    assert heavy["gradient/adversarial"] == plain["gradient/adversarial"] > 0


def test_shares_of_a_crossed_design_have_no_bias():
    """Rows with 6 parts of the variance, columns with 3, both together 1."""
    rng = torch.Generator().manual_seed(0)

    def normal(*size):
        return torch.randn(*size, 400, generator=rng, dtype=torch.double)

    a, b, both = normal(10, 1), normal(1, 10), normal(10, 10)
    shares = crossed_shares(6**0.5 * a + 3**0.5 * b + both)
    assert_allclose(shares, (0.6, 0.3), atol=0.02)


def test_modes_say_what_moves_a_part(additive, tmp_path):
    """At an additive start of additive faces every code moves its own part, and no other."""
    V = 100 * hemisphere(8)[0]
    bulges = np.stack([V * (V[:, axis : axis + 1] > 0) for axis in (0, 1)])
    modes = {"identity": np.stack([V * axis for axis in np.eye(3)]), "expression": bulges}
    dataset = load_dataset(blobs(tmp_path / "modes.h5", modes=modes))
    figures = measure(start(additive, dataset, CPU), dataset)
    for factor in modes:
        assert figures[f"modes/{factor}_own"] > 0.97
        assert abs(figures[f"modes/{factor}_leak"]) < 0.03


def test_progress_says_it_in_a_few_words(tiny_dataset, tmp_path):
    stages = []
    train(
        tiny(),
        tiny_dataset,
        tmp_path / "run",
        device="cpu",
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert stages[0] == "training"
    assert "identity codes" in stages[3]
    assert "of 5, expression codes" in stages[3]


def test_figures_are_the_same_whenever_they_are_taken(dataset):
    state = start(tiny(), dataset, CPU)
    iterate(state)
    assert measure(state, dataset) == measure(state, dataset)
