"""Judges: the network, its triplets, its pictures, its threshold, its training."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.datasets.store import load_dataset
from gan.evaluation.embedding import normal_maps
from gan.evaluation.embedding.judge import obtain_judge, try_out
from gan.evaluation.embedding.learning import JudgeSettings
from gan.evaluation.embedding.material import Material, find_material
from gan.evaluation.embedding.network import EmbeddingNetwork
from gan.evaluation.embedding.normal_maps import NormalMaps, frame_of_template
from gan.evaluation.embedding.threshold import choose_threshold, draw_different
from gan.evaluation.embedding.triplets import TEMPERATURE, Places, draw_batch, triplet_loss
from gan.evaluation.metric import Unmeasurable, silent
from gan.evaluation.metrics.diversity import draw_pairs
from meshkit.render import render_mesh
from tests.gan.replay import TRAIN, write_people
from tests.gan.runs import flip
from tests.meshes import seeds

SMALL = JudgeSettings(
    image=16,
    width=2,
    blocks=(1, 1),
    embedding=4,
    classes=4,
    batch=8,
    steps=5,
    pairs=50,
)
CPU = torch.device("cpu")


def judge_of(people, folder, settings=SMALL, **options):
    return obtain_judge(
        people, "expression", settings, folder, device=CPU, progress=silent, **options
    )


def test_the_network_is_resnet_18():
    """Its convolutions and norms hold 11,176,512 numbers; ours ends in an embedding."""
    with torch.device("meta"):  # shapes without numbers
        network = EmbeddingNetwork()
    assert sum(p.numel() for p in network.parameters()) == 11_176_512 + 128 * 513
    small = EmbeddingNetwork(width=4, blocks=(1, 2), size=6)
    found = small(torch.rand(3, 3, 32, 32))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    assert found.shape == (3, 6)


@given(seeds(), st.integers(2, 9), st.sampled_from([0.1, 1.0]))
def test_triplets_against_loops(seed, n, margin):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    costs = [
        ((x[a] - x[p]) ** 2).sum() - ((x[a] - x[q]) ** 2).sum() + margin
        for a, p, q in itertools.product(range(n), repeat=3)
        if a != p and label[a] == label[p] and label[a] != label[q]
    ]
    active = [cost for cost in costs if cost > 0]
    loss, share = triplet_loss(torch.from_numpy(x), torch.from_numpy(label), margin=margin)
    np.testing.assert_allclose(loss, np.mean(active) if active else 0, atol=1e-12)
    np.testing.assert_allclose(share, len(active) / len(costs) if costs else np.nan, rtol=1e-6)


def test_places_attract_their_own_class():
    """Two classes at right angles: the cross entropy of cosines 0 and 1 over the temperature."""
    places = Places(2, 2, seed=0)
    with torch.no_grad():
        places.direction.copy_(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    right, wrong = np.log1p(np.exp(-1 / TEMPERATURE)), np.log1p(np.exp(1 / TEMPERATURE))
    found = places(embedding, torch.tensor([0, 1, 1]))
    assert found.item() == pytest.approx((2 * right + wrong) / 3, rel=1e-5)


def test_a_batch_holds_classes_and_rows():
    label = np.array([0, 0, 0, 1, 1, 2, -1, -1, 3, 3, 3])
    batch = draw_batch(label, 2, 8, rng=np.random.default_rng(0))
    classes, count = np.unique(label[batch], return_counts=True)
    assert (len(classes), set(count)) == (2, {4})
    everything = [draw_batch(label, 5, 7, rng=np.random.default_rng(k)) for k in range(50)]
    assert set(np.concatenate(everything)) == {0, 1, 2, 3, 4, 8, 9, 10}  # 5 is alone
    assert all(len(set(batch)) == 6 for batch in everything)
    with pytest.raises(ValueError, match="two classes with two meshes each"):
        draw_batch(np.array([0, 0, 1, -1]), 2, 4, rng=np.random.default_rng(0))


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
)
def test_threshold_against_brute_force(positive, negative, cap):
    p, q = np.array(positive) / 8, np.array(negative) / 8
    found = choose_threshold(p, q, most_false=cap)
    best = max(
        ((p < t).sum() + (q >= t).sum()) / (len(p) + len(q))
        for t in np.arange(-1, 30) / 16  # all distances, and between them
        if (q < t).mean() <= cap
    )
    assert found.accuracy == pytest.approx(best, abs=1e-12)
    assert found.accepted == (p < found.distance).mean()
    assert found.false_accepted == (q < found.distance).mean() <= cap


def test_different_pairs_are_drawn_equally_often():
    label = np.array([0, 5, 0, -1, 5, 7])
    pairs = draw_different(label, 16_000, rng=np.random.default_rng(0))
    found, count = np.unique(pairs, axis=0, return_counts=True)
    wanted = [
        (i, j)
        for i, j in itertools.permutations(range(6), 2)
        if min(label[i], label[j]) >= 0 and label[i] != label[j]
    ]
    assert [tuple(pair) for pair in found.tolist()] == wanted
    # The first is any mesh, the second any of those it can be paired with.
    expected = [1 / 5 / sum(i == first for i, _ in wanted) for first, _ in wanted]
    np.testing.assert_allclose(count / 16_000, expected, atol=0.01)
    two = draw_different(np.array([1, 0, -1]), 9, rng=np.random.default_rng(0))
    assert {tuple(pair) for pair in two.tolist()} == {(0, 1), (1, 0)}
    with pytest.raises(ValueError, match="no two meshes have different labels"):
        draw_different(np.array([1, 1, -1]), 3, rng=np.random.default_rng(0))


def test_figures_are_those_of_the_threshold_and_subjects_are_what_varies():
    """Labels that lie 1 apart and vary by half of that: some pairs are judged wrong."""
    rng = np.random.default_rng(0)
    label, subject = np.arange(60) % 3, np.arange(60) // 6
    embedding = label[:, None] + 0.5 * rng.normal(size=(60, 1))
    rows = np.arange(60)
    material = Material(rows, label, rows, label, subject, "test")
    threshold, figures = try_out(embedding, material, JudgeSettings(pairs=500, most_false=0.2))
    assert 0.55 < threshold.accepted < 0.9
    assert 0 < threshold.false_accepted <= 0.2
    means = tuple(figure.mean for figure in figures[:3])
    assert means == pytest.approx(
        (threshold.accuracy, threshold.accepted, threshold.false_accepted)
    )
    assert [figure.n for figure in figures] == [1000, 500, 500, 1000, 1000]
    assert {figure.unit for figure in figures} == {"subjects"}
    assert figures.difference.mean == pytest.approx(threshold.accepted - threshold.false_accepted)
    distance = abs(embedding[:, 0][:, None] - embedding[:, 0])
    same, other = label[:, None] == label, label[:, None] != label
    same[np.arange(60), np.arange(60)] = False
    area = (distance[same][:, None] < distance[other]).mean()
    assert figures.area.mean == pytest.approx(area, abs=0.05)
    equal = draw_pairs(label, 20_000, rng=rng)
    near = abs(embedding[equal[:, 0]] - embedding[equal[:, 1]]) < threshold.distance
    assert figures.accepted.mean == pytest.approx(near.mean(), abs=0.08)


def test_normal_maps_are_drawn_once(people, tmp_path, monkeypatch):
    rows = np.array([70, 3, 9, 3])
    maps = NormalMaps(people, 16, tmp_path)
    maps.draw(rows, silent)
    frame = frame_of_template(people.template, 16)
    X = people.vertices(rows).astype(float)
    for x, picture in zip(X, maps[rows], strict=True):
        drawn = render_mesh(x, people.faces, size=(16, 16), mode="normals", frame=frame, samples=1)
        np.testing.assert_array_equal(picture, drawn)
    asked = []
    honest = normal_maps.draw_normal_maps
    monkeypatch.setattr(
        normal_maps, "draw_normal_maps", lambda X, *rest: asked.append(len(X)) or honest(X, *rest)
    )
    again = NormalMaps(people, 16, tmp_path)
    again.draw(np.arange(5), silent)
    assert asked == [4]  # all but 3
    np.testing.assert_array_equal(again[rows], maps[rows])


def test_lost_pictures_are_drawn_again(people, tmp_path):
    """What is noted as drawn was drawn into the file that is gone."""
    rows = np.arange(3)
    maps = NormalMaps(people, 16, tmp_path)
    maps.draw(rows, silent)
    before = maps[rows].copy()
    (file,) = (path for path in tmp_path.iterdir() if ".done" not in path.name)
    file.write_bytes(file.read_bytes()[:-1])
    again = NormalMaps(people, 16, tmp_path)
    again.draw(rows, silent)
    np.testing.assert_array_equal(again[rows], before)


def test_a_judge_is_trained_once(people, tmp_path, monkeypatch):
    first = judge_of(people, tmp_path)
    monkeypatch.setattr(
        "gan.evaluation.embedding.judge.learn", lambda *a, **k: pytest.fail("trained")
    )
    again = judge_of(people, tmp_path)
    assert again.threshold == first.threshold
    assert (again.figures, again.taught) == (first.figures, first.taught)
    pictures = NormalMaps(people, 16, tmp_path / "normal-maps")[np.arange(4)]
    np.testing.assert_array_equal(first.embed(pictures), again.embed(pictures))


def test_what_is_interrupted_goes_on_bit_for_bit(people, tmp_path):
    whole = judge_of(people, tmp_path / "a")
    training = iter([False, True])
    with pytest.raises(Unmeasurable, match="has learned for 2 of 5 steps; the same command"):
        judge_of(people, tmp_path / "b", stop=lambda: next(training))
    resumed = judge_of(people, tmp_path / "b")
    assert resumed.taught == whole.taught == 96
    for name, weight in whole._network.state_dict().items():
        torch.testing.assert_close(resumed._network.state_dict()[name], weight, rtol=0, atol=0)
    assert not list((tmp_path / "b").rglob("state.safetensors"))


def test_a_damaged_checkpoint_is_said_and_trained_anew(people, tmp_path):
    asked = iter([False, True])
    with pytest.raises(Unmeasurable, match="has learned for"):
        judge_of(people, tmp_path / "a", stop=lambda: next(asked, False))
    for state in (tmp_path / "a").rglob("state.safetensors"):
        flip(state)
    with pytest.warns(UserWarning, match="every checkpoint is damaged.*is trained anew"):
        again = judge_of(people, tmp_path / "a")
    assert again.figures == judge_of(people, tmp_path / "b").figures


def test_too_few_labels_are_named(people, tmp_path):
    one = {"labels": {"identity": people.split // 2}, "names": {"identity": ["seen", "held out"]}}
    with load_dataset(write_people(tmp_path / "one.h5", **one)) as dataset:
        with pytest.raises(Unmeasurable, match="fewer than two classes of identity"):
            find_material(dataset, "identity")
        with pytest.raises(Unmeasurable, match="no labels of expression"):
            find_material(dataset, "expression")
    one_each = {"labels": {"identity": np.where(people.split == 0, people.subject, -1)}}
    one_each["labels"]["identity"][-2:] = 16, 17
    with (
        load_dataset(write_people(tmp_path / "each.h5", **one_each)) as dataset,
        pytest.raises(Unmeasurable, match="no held-out split"),
    ):
        find_material(dataset, "identity")
    material = find_material(people, "identity")
    assert (material.split, len(material.rows)) == ("test", TRAIN * 8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 3}, "batch must be 4 or more, got 3"),
        ({"shift": -1}, "shift must be 0 or more, got -1"),
        ({"image": 32, "shift": 9}, "shift must be a quarter of the image or less, 8, got 9"),
        ({"blocks": ()}, "blocks must be positive"),
        ({"margin": 0.0}, "rate and margin must be positive"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        JudgeSettings(**wrong)
