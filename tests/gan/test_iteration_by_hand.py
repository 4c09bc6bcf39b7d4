"""The trainer against one that is written out: every term, every weight, every memory.

Both draw the same numbers and compute in float64, so that any difference is one of meaning.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from gan.config import Config, parse_config
from gan.datasets.store import Dataset, load_dataset
from gan.training.augmentation import build_augmentation
from gan.training.images import RealImages
from gan.training.problem import Problem, prepare
from gan.training.state import TrainState, build_state
from gan.training.step import iterate
from tests.gan.conftest import blobs
from tests.reference.iteration import Faces, TrainerByHand

CPU = torch.device("cpu")
MESHES = np.arange(72)
LABELS = {
    "identity": (MESHES // 12 + 2) % 6,  # class 1 is not in the training split
    "expression": np.where(MESHES % 4 == 3, -1, MESHES % 12 % 3),
    "mood": np.where(MESHES % 5 == 0, -1, MESHES * MESHES % 7 % 2),
}
COMMON = {
    "mapping": {"size": 16},
    "training": {"iterations": 5, "batch": 8, "critic_steps": 2, "seed": 3},
    "optimizer": {"rate_d": 3e-3, "rate_g": 2e-3, "betas": [0.4, 0.85]},
}
# No weight is another's, nor 1: a term with a neighbour's weight is another iteration.
WASSERSTEIN = {
    "factors": [
        {
            "name": "identity",
            "code_size": 4,
            "losses": {
                "classification": {"d": 1.7, "g": 0.6},
                "feature": {"g": 2.3},
                "code-regression": {"d": 0.45, "g": 1.3},
                "supervised-contrastive": {"d": 0.75, "g": 0.35, "projection": 5},
            },
        },
        {
            "name": "expression",
            "code_size": 3,
            "losses": {
                "classification": {"d": 0.9, "g": 1.9},
                "feature": {"g": 0.55, "distance": "l2"},
                "code-regression": {"d": 0.8, "g": 0.25},
                "supervised-contrastive": {
                    "d": 1.15,
                    "g": 0.65,
                    "projection": 0,
                    "temperature": 0.3,
                },
            },
        },
    ],
    "generator": {"hidden": 12, "ema": 0.2, "noise_size": 2, "slope": 0.3},
    "discriminator": {
        "widths": [3, 4, 5, 6],
        "slope": 0.15,
        "instance_noise": 0.3,
        "anneal_noise": True,
    },
    "adversarial": {"name": "wgan-gp", "penalty": 3.7},
    "regularizer": {"weight": 0.37},
    "regularizers": [{"name": "edge-length", "weight": 2.9}],
    "augmentation": {"name": "adaptive", "p": 0.4, "images": 320, "strength": 1.4, "target": 0.3},
    "optimizer": {"decay": "linear"},
}
LAZY_R1 = {
    "factors": [
        {
            "name": "identity",
            "code_size": 4,
            "losses": {"code-regression": {"d": 0, "g": 1.6}},
            "pair_critic": 2.7,
        },
        {
            "name": "expression",
            "code_size": 3,
            "balance": "none",
            "pair_critic": 0.95,
            "losses": {"classification": {"d": 0.85, "g": 0}, "feature": 1.35},
        },
        {
            "name": "mood",
            "code_size": 2,
            "losses": {
                "feature": 0.7,
                "classification": 1.1,
                "supervised-contrastive": {"d": 0.4, "g": 2.1, "projection": 3},
            },
        },
    ],
    "generator": {"name": "mlp-components", "hidden": 40, "ema": 0.9, "noise_size": 1},
    "discriminator": {
        "widths": [3, 4, 5, 6],
        "instance_noise": 0.2,
        "shaped_noise": 0.7,
        "labelled_noise": 1.2,
        "clean_features": True,
        "options": {"embedding": 5, "temperature": 0.4},
    },
    "adversarial": {
        "name": "r1",
        "penalty": 0.9,
        "weight": 0.65,
        "options": {"interval": 3},
        "prior_codes": True,
    },
    "mapping": {"size": 32, "balance": True},
    "training": {"labelled_batch": 7},
    "regularizer": {"name": "biharmonic", "weight": 0.003},
    "augmentation": {"name": "fixed", "p": 0.6},
    "optimizer": {"decay": "cosine"},
}
HINGE = {
    "factors": [{"name": "expression", "code_size": 3, "losses": {"classification": 0.7}}],
    "generator": {"hidden": 12, "noise_size": 0, "start": "random"},
    "discriminator": {"widths": [3, 4, 5, 6], "instance_noise": 0, "spectral_norm": True},
    "adversarial": {"name": "hinge"},
    "mapping": {"name": "antialiased"},
    "regularizer": {"weight": 0},
}


@pytest.mark.parametrize(
    ("tree", "halvings"),
    [(WASSERSTEIN, 0), (LAZY_R1, 1), (HINGE, 0)],
    ids=["wgan-gp", "r1", "hinge"],
)
def test_iterations_are_those_written_out(tree, halvings, tmp_path, double_precision):
    common = {name: section | tree.get(name, {}) for name, section in COMMON.items()}
    config = parse_config(tree | common, "the test")
    state, ours = double_precision(config, tmp_path, halvings)
    for _ in range(4):
        theirs, expected = iterate(state), ours.iterate()
        assert theirs.keys() == expected.keys()
        for name, term in expected.items():
            close(theirs[name], term, name)
    assert (state.step, state.cursor) == (ours.step, ours.cursor)
    close(state.order, ours.order)
    for name, w in state.generator.named_parameters():
        close(w, ours.G[name], name)
        if config.generator.ema:
            close(state.average[name], ours.average[name], f"average of {name}")
    for name, w in state.discriminator.named_parameters():
        close(w, ours.D[name], name)
    model = state.face_model()
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(0))
    mesh = model.decode(codes)
    expected = ours.faces_of(torch.cat(list(codes.values()), dim=1))
    # Its template is float32: a hundred mm to seven digits.
    assert_close(mesh, expected, rtol=0, atol=1e-5)
    close(state.rng.get_state(), ours.rng.get_state(), "random numbers")


def close(actual: torch.Tensor, expected: torch.Tensor, what: str = "") -> None:
    """Compare, but for the rounding of sums in another order through a dozen updates."""
    message = f"{what}: {{}}".format
    assert_close(actual.detach(), expected, rtol=1e-7, atol=1e-9, check_dtype=False, msg=message)


def written(folder: Path, config: Config) -> Dataset:
    chosen = {f.name: LABELS[f.name] for f in config.factors}
    names = {name: [f"{name} {k}" for k in range(7)] for name in chosen}
    return load_dataset(blobs(folder / "x.h5", rings=2, labels=chosen, names=names))


def numbered(label: np.ndarray) -> np.ndarray:
    """Return labels as numbers of the classes that occur, in order; -1 stays."""
    present = sorted({*label.tolist()} - {-1})
    return np.array([present.index(c) if c >= 0 else -1 for c in label.tolist()])


def in_double(problem: Problem, faces: Faces) -> Problem:
    """Return the problem with the same numbers to more digits, having compared them."""
    images = RealImages(faces.raw, CPU)
    images.mean = images.mean.double()
    template = np.einsum("pv,vc->pc", faces.S, faces.template)
    offset = torch.from_numpy(template - faces.mean_image.reshape(3, -1).T) / faces.deviation
    n = len(faces.V)
    real = (torch.from_numpy(faces.raw) - images.mean) / images.deviation
    # Coordinates are a hundred times the deviation: five digits are left.
    assert_close(problem.images.batch(torch.arange(n)).double(), real, rtol=0, atol=5e-5)
    assert_close(problem.offset.double(), offset, rtol=0, atol=5e-5)
    numbers = problem.images.deviation, problem.statistics.scale, problem.half_height
    assert numbers == pytest.approx((faces.deviation, faces.scale, faces.half_height), rel=1e-6)
    labels = {
        name: dataclasses.replace(table, weights=table.weights.double())
        for name, table in problem.labels.items()
    }
    shapes = problem.shapes
    if len(shapes[0]):
        shapes = tuple(torch.from_numpy(np.stack(group)).flatten(1) for group in faces.shapes)
        for theirs, expected in zip(problem.shapes, shapes, strict=True):
            assert_close(theirs.double(), expected, rtol=0, atol=5e-5)
    return dataclasses.replace(problem, images=images, offset=offset, labels=labels, shapes=shapes)


@pytest.fixture
def double_precision():
    """Return a state in float64 and the same written out; numbers are drawn in float64."""

    def build(config: Config, folder, halvings: int) -> tuple[TrainState, TrainerByHand]:
        dataset = written(folder, config)
        problem = prepare(dataset, config, CPU)
        faces = Faces(
            dataset.vertices(problem.indices).astype(np.float64),
            dataset.template.astype(np.float64),
            dataset.faces.astype(np.int64),
            {f.name: numbered(LABELS[f.name][problem.indices]) for f in config.factors},
            problem.mapping.matrix().toarray().astype(np.float64),
            [problem.statistics.between, problem.statistics.within],
        )
        state = build_state(config, problem, CPU)
        torch.set_default_dtype(torch.float64)
        for module in (state.generator, state.discriminator, problem.mapping, state.regularizers):
            module.double()
        state.problem = in_double(problem, faces)
        images = state.problem.images
        state.components = build_augmentation(config.augmentation, images.mean, images.deviation)
        state.codes = {name: code.double() for name, code in state.codes.items()}
        state.average = {name: w.double() for name, w in state.average.items()}
        state.rollbacks += [{}] * halvings
        players = [state.generator, state.discriminator]
        G, D = ({name: w.clone().detach() for name, w in p.named_parameters()} for p in players)
        fixed = {name: b.clone() for p in players for name, b in p.named_buffers()}
        return state, TrainerByHand(config, faces, G, D, fixed, halvings)

    yield build
    torch.set_default_dtype(torch.float32)
