"""What the generator starts from: effects of classes, and an additive linear model."""

from functools import partial

import numpy as np
import pytest
import torch

from gan.datasets.store import load_dataset
from gan.errors import ConfigError
from gan.models.generator import GENERATORS, Components
from gan.training.loop import start
from gan.training.start import starting_groups
from gan.training.statistics import class_effects
from tests.gan.conftest import tiny

CPU = torch.device("cpu")
rng = np.random.default_rng(0)


def people_who_act(n_people=8, takes=5):
    """Return rows y = a + b + style: none at rest, and unlabelled rows have a style as well."""
    a = rng.standard_normal((n_people, 6))
    a -= a.mean(axis=0)
    b = rng.standard_normal((4, 6))
    style = rng.standard_normal((n_people, 4, 6))  # of each person in each state
    rows = [
        (a[p] + b[s] + (s > 0) * style[p, s] * rng.uniform(0.5, 1.5), p, s if s < 3 else -1)
        for p in range(n_people)
        for s in (0, 1, 2, *[3] * takes)
    ]
    Y, person, label = zip(*rows, strict=True)
    return a, np.array(Y), np.array(person), np.array(label)


def test_people_are_told_from_what_they_do_alike():
    """The state without style decides; means of all meshes would carry the styles along."""
    a, Y, person, label = people_who_act()
    found = class_effects(Y, person, [label])
    plain = np.stack([Y[person == p].mean(axis=0) for p in range(8)])
    wrong = np.linalg.norm(plain - plain.mean(axis=0) - a)
    assert np.linalg.norm(found - a) < 0.05 * wrong


def test_without_other_labels_effects_are_the_means_of_classes():
    Y, person = rng.standard_normal((20, 4)), np.arange(20) % 4
    person[0] = -1
    means = np.stack([Y[person == p].mean(axis=0) for p in range(4)])
    found = class_effects(Y, person, [])
    np.testing.assert_allclose(found, means - means.mean(axis=0), atol=1e-12)


def test_a_state_that_one_class_shows_and_a_class_without_a_mesh():
    """The first says nothing of classes; the second has effect 0, and nothing is divided by 0."""
    _, Y, person, label = people_who_act()
    without = class_effects(Y, person, [label])
    Y = np.concatenate([Y, Y[:1] + 100])
    person, label = np.append(person, 0), np.append(label, 3)
    person = np.where(person == 7, 9, person)
    found = class_effects(Y, person, [label])
    assert found.shape == (10, 6)
    assert not found[7].any()
    assert not found[8].any()
    np.testing.assert_allclose(found[[0, 1, 2, 3, 4, 5, 6, 9]], without, atol=1e-6)


def test_a_state_that_two_classes_show_tells_them_apart():
    """All six act in five states, each in their own way; two of them are seen at rest as well."""
    own = np.random.default_rng(0)
    a, b, style = (own.standard_normal(shape) for shape in ((6, 6), (6, 6), (6, 6, 6)))
    rows = [(0, 0), (1, 0), *((p, s) for p in range(6) for s in range(1, 6))]
    person, label = np.array(rows).T
    Y = a[person] + b[label] + (label > 0)[:, None] * style[person, label]
    effects = class_effects(Y, person, [label])
    off = (effects[0] - effects[1]) - (a[0] - a[1])
    by_means = style[0, 1:].mean(axis=0) - style[1, 1:].mean(axis=0)
    assert np.linalg.norm(off) < 0.3 * np.linalg.norm(by_means)


def test_half_of_the_units_are_shared_out_among_people_and_what_they_do(tiny_dataset):
    config = tiny()
    update = {"start": "factored-components", "hidden": 4}
    config = config.model_copy(update={"generator": config.generator.model_copy(update=update)})
    state = start(config, load_dataset(tiny_dataset), CPU)
    groups = starting_groups(config.generator, state.problem, state.codes)
    assert [len(group.basis) for group in groups] == [1, 1]
    assert len(state.problem.statistics.within) > 1


@pytest.mark.parametrize("name", ["mlp", "mlp-components"])
def test_an_additive_start_is_linear_in_the_codes(name):
    draw = torch.Generator().manual_seed(0)
    one, two = torch.randn(3, 12, generator=draw), torch.randn(7, 12, generator=draw)
    mean = torch.randn(12, generator=draw)
    groups = [
        Components(slice(0, 5), one, linear=True),  # more entries than components
        Components(slice(5, 9), two, linear=True),  # more components than entries
    ]
    G = GENERATORS.build(
        name, {}, code_size=11, hidden=40, slope=0.2, mean=mean, groups=groups, rng=draw
    )
    z = 3 * torch.randn(6, 11, generator=draw)
    wanted = mean + z[:, :3] @ one + z[:, 5:9] @ two[:4]
    found = G(z).detach().reshape(12, -1).T
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def started(dataset, **generator):
    config = tiny()
    config = config.model_copy(update={"generator": config.generator.model_copy(update=generator)})
    return start(config, load_dataset(dataset), CPU)


def test_a_fitted_start_needs_its_generator_and_somebody_who_acts(tiny_dataset):
    with pytest.raises(ConfigError, match="quadratic"):
        started(tiny_dataset, name="mlp", start="fitted")


def test_a_fitted_start_is_kept_and_read_bit_for_bit(tiny_dataset, monkeypatch):
    first = started(tiny_dataset, name="quadratic", start="fitted")
    monkeypatch.delattr("gan.training.fitted_start._fit")
    again = started(tiny_dataset, name="quadratic", start="fitted")
    same = partial(torch.testing.assert_close, rtol=0, atol=0)
    same(dict(first.generator.state_dict()), dict(again.generator.state_dict()))
    same(first.codes, again.codes)
    same(*(next(state.discriminator.parameters()) for state in (first, again)))  # drawn afterwards


@pytest.mark.parametrize(
    ("name", "beginning"), [("mlp-components", "additive"), ("quadratic", "fitted")]
)
def test_fixed_codes_give_the_faces_of_their_classes(tiny_dataset, name, beginning):
    state = started(tiny_dataset, name=name, start=beginning, hidden=128)
    model = state.face_model()
    data, rows = load_dataset(tiny_dataset), state.problem.indices
    neutral = state.problem.factors[1].classes.index("neutral")
    people = model.codes["identity"]
    codes = {
        "identity": people,
        "expression": model.codes["expression"][[neutral]].expand(len(people), -1),
        "noise": torch.zeros(len(people), model.noise_size),
    }
    made = model.decode(codes).numpy()
    for person, face in enumerate(made):
        rest = (data.labels["identity"] == person) & (data.labels["expression"] == neutral)
        true = data.vertices(rows[rest[rows]]).mean(axis=0)
        off, apart = (np.linalg.norm(x - true, axis=1).mean() for x in (face, data.template))
        assert off < 0.1 * apart
