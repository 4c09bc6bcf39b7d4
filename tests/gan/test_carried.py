"""Pictures that a judge learns from beside the labelled ones: carried, mirrored, moved."""

import itertools

import numpy as np
import pytest
from hypothesis import given

from gan.datasets.store import load_dataset
from gan.evaluation.embedding import carried
from gan.evaluation.embedding.augmentation import mirror_normals, shift_pictures, vary
from gan.evaluation.embedding.carried import (
    CarriedMaps,
    carry,
    draw_recipe,
    find_carriers,
    mean_faces,
)
from gan.evaluation.embedding.learning import JudgeSettings
from gan.evaluation.embedding.lessons import gather_lessons
from gan.evaluation.embedding.normal_maps import NormalMaps, as_input, draw_normal_maps
from gan.evaluation.metric import silent
from meshkit.primitives import hemisphere
from tests.gan.replay import EXPRESSIONS, TRAIN, VISEMES, write_people
from tests.meshes import seeds

SETTINGS = JudgeSettings(image=16, pictures=300)
COMBINATIONS = len(EXPRESSIONS) * len(VISEMES)


@pytest.fixture(scope="module")
def additive(tmp_path_factory):
    """People whose faces are person + expression + viseme, to the last bit that float32 has."""
    folder = tmp_path_factory.mktemp("additive")
    with load_dataset(write_people(folder / "noisy.h5")) as noisy:
        label = noisy.labels
        rng = np.random.default_rng(1)
        person, expression, viseme = (
            rng.normal(size=(count, *noisy.template.shape)) * [4.0, 4.0, 1.0]
            for count in (18, len(EXPRESSIONS), len(VISEMES))
        )
        X = person[label["identity"]] + expression[label["expression"]] + viseme[label["viseme"]]
        X += noisy.template
    with load_dataset(write_people(folder / "additive.h5", vertices=[X])) as dataset:
        yield dataset


@pytest.fixture(scope="module")
def few_labels(additive, tmp_path_factory):
    """The same people; a fifth of the expressions is labelled, 20 of the training split."""
    labels = dict(additive.labels)
    labels["expression"] = np.where(np.arange(additive.n) % 5, -1, labels["expression"])
    X = additive.vertices(np.arange(additive.n))
    path = tmp_path_factory.mktemp("few") / "few.h5"
    with load_dataset(write_people(path, vertices=[X], labels=labels)) as dataset:
        yield dataset


def carried_to(dataset, source, person):
    """The row of the training split where `person` does what is done in row `source`."""
    return person * COMBINATIONS + source % COMBINATIONS


def test_a_carried_mesh_is_the_other_persons_face_with_that_expression(additive):
    rows = additive.indices("train")
    recipe = draw_recipe(additive, "expression", SETTINGS)
    first = np.arange(len(rows))  # the round that mixes nothing
    assert (recipe.source[first] == rows).all()
    assert (recipe.people[recipe.person[first]] != additive.subject[rows]).all()
    means = mean_faces(additive, recipe.people, silent)
    found = carry(additive, recipe, first, means)
    truth = additive.vertices(carried_to(additive, rows, recipe.person[first]))
    np.testing.assert_allclose(found, truth, atol=1e-3)  # mm; float32 of faces 100 mm wide


def test_a_mixed_mesh_lies_between_faces_of_its_label(additive):
    rows = additive.indices("train")
    recipe = draw_recipe(additive, "expression", SETTINGS)
    second = len(rows) + np.arange(len(rows))
    label = additive.labels["expression"]
    assert (label[recipe.partner[second]] == recipe.label[second]).all()
    assert (label[recipe.source[second]] == recipe.label[second]).all()
    assert len(np.unique(recipe.partner[second])) > len(rows) / 2
    found = carry(additive, recipe, second, mean_faces(additive, recipe.people, silent))
    truth = np.zeros_like(found, dtype=float)
    for does, s in ((recipe.source, recipe.share), (recipe.partner, 1 - recipe.share)):
        for is_, t in ((recipe.person, recipe.blend), (recipe.other, 1 - recipe.blend)):
            corner = additive.vertices(carried_to(additive, does[second], is_[second]))
            truth += (s * t)[second, None, None] * corner
    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_lessons_are_real_pictures_then_carried_ones(additive, few_labels, tmp_path):
    rows = few_labels.indices("train")[::5]
    maps = NormalMaps(few_labels, 16, tmp_path)
    lessons = gather_lessons(
        few_labels,
        "expression",
        rows,
        maps,
        SETTINGS,
        tmp_path,
        progress=silent,
        stop=lambda: False,
    )
    # 20 labelled ones, and 20 a round until there are 300. The mean is of all, labelled or not.
    assert lessons.taught == (20, 280)
    assert len(lessons.label) == 300
    recipe = draw_recipe(few_labels, "expression", SETTINGS)
    to = carried_to(additive, rows, recipe.person[:20])
    maps.draw(to, silent)
    order = np.random.default_rng(0).permutation(40)
    shown = np.concatenate([maps[rows], maps[to]])[order].astype(int)
    pictures = lessons.read(order).astype(int)
    # Where a triangle's edge crosses a pixel's centre, the last bit of a coordinate decides.
    assert (abs(pictures - shown).max(axis=-1) <= 1).mean() > 0.99
    np.testing.assert_array_equal(lessons.label[:20], additive.labels["expression"][rows])
    np.testing.assert_array_equal(lessons.label[20:40], additive.labels["expression"][to])


@pytest.mark.parametrize(
    ("labelled", "pictures", "rounds"),
    [(96, 0, 0), (96, 96, 0), (96, 97, 1), (96, 288, 2), (96, 289, 3), (20, 10_000, 20)],
)
def test_rounds_until_there_are_enough(additive, few_labels, labelled, pictures, rounds):
    data = additive if labelled == 96 else few_labels
    recipe = draw_recipe(data, "expression", JudgeSettings(pictures=pictures))
    assert len(recipe.label) == labelled * rounds
    # The first rounds do not depend on how many follow.
    more = draw_recipe(data, "expression", JudgeSettings(pictures=3000))
    for name in ("source", "partner", "person", "other", "share", "blend"):
        found = getattr(recipe, name)[: 3 * labelled]
        np.testing.assert_array_equal(found, getattr(more, name)[: len(found)])


@pytest.mark.parametrize(
    ("subject", "label", "carriers"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1], []),  # a label of people, as identity is
        ([0, 0, 1, 1], [0, -1, 1, -1], []),  # unlabelled meshes do not change that
        ([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 2, 3]),
        ([0, 0, 1, 1], [0, 1, 1, 1], [0, 1]),  # the mean of person 1 wears the label
        ([0, 0, 1, 1], [0, 1, 1, -1], [0, 1, 2]),
        ([0, 0, 0, 0], [0, 1, 0, 1], []),  # nobody to carry to
    ],
)
def test_who_can_be_carried(subject, label, carriers):
    found = find_carriers(np.array(label), np.array(subject))
    assert np.flatnonzero(found).tolist() == carriers


def test_identity_carries_nothing(additive):
    assert len(draw_recipe(additive, "identity", SETTINGS).label) == 0
    assert len(draw_recipe(additive, "expression", SETTINGS).label) == 3 * TRAIN * 8


def test_an_interrupted_drawing_goes_on(additive, tmp_path, monkeypatch):
    recipe = draw_recipe(additive, "viseme", SETTINGS)
    asked = list[int]()
    honest = carried.draw_normal_maps
    monkeypatch.setattr(
        carried, "draw_normal_maps", lambda X, *rest: asked.append(len(X)) or honest(X, *rest)
    )

    def killed(stage, done, total):
        if stage.startswith("drawing") and done >= 128:
            raise KeyboardInterrupt

    def maps(folder):
        return CarriedMaps(additive, "viseme", recipe, SETTINGS, tmp_path / folder)

    with pytest.raises(KeyboardInterrupt):
        maps("a").draw(killed)
    assert asked == [64, 64]
    again, whole = maps("a"), maps("b")
    again.draw(silent)
    assert sum(asked) == len(recipe.label) == 288
    again.draw(silent)
    assert sum(asked) == 288
    whole.draw(silent)
    np.testing.assert_array_equal(again[np.arange(288)], whole[np.arange(288)])
    assert whole[np.arange(288)].any(axis=(1, 2, 3)).all()


def test_seeds_carry_to_other_people(additive):
    one, two, again = (
        draw_recipe(additive, "expression", JudgeSettings(image=16, pictures=400, seed=seed))
        for seed in (0, 1, 0)
    )
    assert (one.person != two.person).any()
    assert (one.share != two.share).any()
    np.testing.assert_array_equal(one.person, again.person)


def test_other_seeds_and_factors_have_files_of_their_own(additive, tmp_path):
    for factor, seed in itertools.product(("expression", "viseme"), (0, 1)):
        settings = JudgeSettings(image=16, pictures=150, seed=seed)
        recipe = draw_recipe(additive, factor, settings)
        CarriedMaps(additive, factor, recipe, settings, tmp_path).draw(silent)
    assert len(list(tmp_path.glob("carried-*.done.npy"))) == 4


def off_by_more_than(a, b, levels):
    """The share of pixels that differ by more than some levels."""
    return (abs(a.astype(int) - b.astype(int)).max(axis=-1) > levels).mean()


def test_a_mirrored_mesh_gives_the_mirrored_picture():
    V, F = hemisphere(9)
    rng = np.random.default_rng(0)
    bumpy = V + 0.05 * np.sin(3 * V[:, [1, 2, 0]] + rng.normal(size=3))
    X = np.stack([V, bumpy])
    there = draw_normal_maps(X, F, V, 64)
    # Mirrored, a triangle turns round: two corners are swapped, or it would be seen from behind.
    back = draw_normal_maps(X * [-1, 1, 1], F[:, [0, 2, 1]], V, 64)
    # On the outline a pixel is hit or missed.
    assert off_by_more_than(mirror_normals(there), back, 1) < 0.01
    assert off_by_more_than(there[1:], back[1:], 1) > 0.3
    background = ~there.any(axis=-1)
    assert not mirror_normals(there)[background[:, :, ::-1]].any()


def test_a_symmetric_mesh_is_its_own_mirror_picture():
    V, F = hemisphere(16)
    picture = draw_normal_maps(V[None], F, V, 64)
    assert off_by_more_than(mirror_normals(picture), picture, 4) < 0.01


@given(seeds())
def test_shifts_against_loops(seed):
    rng = np.random.default_rng(seed)
    maps = rng.integers(1, 255, (3, 6, 6, 3), dtype=np.uint8)
    by = rng.integers(-2, 3, (3, 2))
    found = shift_pictures(maps, by)
    for k, i, j in np.ndindex(3, 6, 6):
        a, b = i - by[k, 0], j - by[k, 1]
        wanted = maps[k, a, b] if 0 <= a < 6 and 0 <= b < 6 else 0
        assert (found[k, i, j] == wanted).all()


def test_half_of_the_pictures_are_mirrored_and_half_blurred():
    picture = np.random.default_rng(0).integers(1, 255, (1, 5, 5, 3), dtype=np.uint8)
    maps = np.repeat(picture, 2000, axis=0)
    mirrored = mirror_normals(picture)
    for mirror in (True, False):
        seen = vary(maps, mirror=mirror, shift=0, rng=np.random.default_rng(3)).numpy()
        plain, flipped = as_input(picture).numpy(), as_input(mirrored).numpy()
        share = [(seen == wanted).all(axis=(1, 2, 3)).mean() for wanted in (plain, flipped)]
        # A quarter each is as it was, or mirrored, without blur; standard error 0.01.
        np.testing.assert_allclose(share, [0.25, 0.25] if mirror else [0.5, 0.0], atol=0.04)
    moved = vary(maps, mirror=False, shift=1, rng=np.random.default_rng(3)).numpy()
    still = (moved == as_input(picture).numpy()).all(axis=(1, 2, 3)).mean()
    assert still == pytest.approx(0.5 / 9, abs=0.02)  # one of nine moves is none
