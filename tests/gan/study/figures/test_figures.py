"""The figures: what stands where, who is left out, and that the numbers are true."""

import numpy as np
import torch
import trimesh
from trimesh.proximity import closest_point_naive

from gan.config import dump_config
from gan.datasets.store import load_dataset
from gan.editing import transfer_codes
from gan.models.contract import FaceGenerator
from gan.report.faces import fixed_code, quiet
from gan.runs.checkpoints import load_model
from gan.sections import MappingConfig
from gan.study.figures import FIGURES, Figure, draw_figures
from gan.study.figures import factors as factors_module
from gan.study.figures import studio as studio_module
from gan.study.figures.editing import editing_figure, interpolation_figure
from gan.study.figures.factors import factors_figures
from gan.study.figures.geometry import geometry_figure
from gan.study.figures.people import held_out, moving_faces
from gan.study.figures.samples import ablation_figure, decoupling_figure
from gan.study.figures.scale import error_limits
from gan.study.figures.sparse import reconstruct, sparse_figures
from gan.study.figures.specificity import specificity_figure
from gan.study.figures.studio import Studio
from gan.study.figures.transfer import transfer_figure
from gan.study.member import Member, member
from tests.gan.conftest import tiny
from tests.gan.replay import EXPRESSIONS, TRAIN, Replay, write_people
from tests.gan.study.figures.members import write_linear
from tests.gan.study.handmade import comparison, evaluation, full, result

THREE = ("identity", "expression", "viseme")
NAMES = [
    "geometry-image",
    "ablations",
    "expression-transfer",
    "specificity",
    "decoupling",
    "interpolation",
    "editing",
    "sparse-reconstruction-prior",
    "sparse-reconstruction-free",
    "three-factors",
]


def test_a_seed_makes_the_figures_and_what_is_missing_is_said(study, dataset):
    def drawn(seed: int) -> list[Figure]:
        return list(draw_figures(study.members, dataset, seed=seed, watch=watched.append))

    watched: list[str] = []
    one, two = drawn(0), drawn(0)
    assert [figure.name for figure in one] == NAMES
    assert watched == 2 * [*FIGURES, "three factors"]
    for a, b in zip(one, two, strict=True):
        assert a[:3] == b[:3]
        if a.image is None:
            assert b.image is None
            continue
        np.testing.assert_array_equal(a.image, b.image)
    (other,) = decoupling_figure(Studio(study.members, dataset, seed=1))
    assert other.image is not None
    assert (other.image != one[4].image).any()
    text = {figure.name: figure.text for figure in one}
    absent = [figure.name for figure in one if figure.image is None]
    assert absent == ["geometry-image", "ablations", "three-factors"]
    assert text["ablations"] == "Not drawn: no ablation takes part; gan ablate trains them."
    assert text["three-factors"] == "Not drawn: the study has no run with three factors."
    left_out = "Left out, for there is no run: Ours, plus, MAE, CoMA."
    for name in ("expression-transfer", "specificity", "decoupling", "sparse-reconstruction-free"):
        assert text[name].endswith(left_out), name


def test_without_models_every_figure_gives_its_reason(dataset):
    drawn = list(draw_figures([], dataset, seed=0))
    assert all(figure.image is None for figure in drawn)
    assert all(figure.text.startswith("Not drawn: ") for figure in drawn)


def test_the_scale_of_the_pictures_does_not_depend_on_the_models(study, dataset):
    one = Studio(study.members, dataset, seed=0).shoot(dataset.template)
    two = Studio(study.members[:1], dataset, seed=0).shoot(dataset.template)
    np.testing.assert_array_equal(one.picture, two.picture)


def test_seeds_of_one_model_are_drawn_once(study, dataset):
    again = member("ours", study.data.parent / "no such run")
    studio = Studio([*study.members, again], dataset, seed=0)
    assert studio.members == study.members


def test_every_method_gives_the_targets_the_sources_expressions(studio, dataset, grids):
    (figure,) = transfer_figure(studio)
    (grid,) = grids
    split, rows = held_out(dataset)
    assert split == "test"
    assert "test split" in figure.text
    assert list(grid.columns.titles) == ["source", "target", "Ours", "3DMM"]
    for label, (source, target, *given) in zip(grid.rows.titles, grid.cells, strict=True):
        assert label in EXPRESSIONS[1:]
        found = {}
        for k in rows:
            found.setdefault(studio.shoot(dataset.vertices([int(k)])[0]).picture.tobytes(), k)
        one, two = (found[cell.picture.tobytes()] for cell in (source, target))
        assert dataset.names["expression"][dataset.labels["expression"][one]] == label
        assert dataset.labels["expression"][two] == 0
        assert dataset.subject[one] != dataset.subject[two]
        X, Y = (torch.from_numpy(dataset.vertices([int(k)])) for k in (one, two))
        for member_, cell in zip(studio.members, given, strict=True):
            model = studio.model(member_)
            expected = model.transfer(X, Y, "expression").detach().numpy()[0]
            # One face encoded alone differs in the last bits from one in a batch.
            drawn = studio.shoot(expected).picture.astype(int)
            assert np.abs(drawn - cell.picture).mean() < 0.05


def test_the_nearest_and_the_farthest_by_brute_force(studio, dataset, grids):
    list(specificity_figure(studio))
    (grid,) = grids
    train = dataset.vertices(dataset.indices("train"))
    for k, member_ in enumerate(studio.members):
        model = studio.model(member_)
        X = model.sample(60, rng=studio.rng("specificity")).detach().numpy()
        distance = np.array([np.linalg.norm(train - x, axis=2).mean(axis=1) for x in X])
        order = distance.min(axis=1).argsort()
        chosen = [*order[:3], *order[-3:]]
        generated, nearest = grid.cells[2 * k : 2 * k + 2]
        shown = [f"{mm:.2f} mm" for mm in distance.min(axis=1)[chosen]]
        assert [cell.caption for cell in generated] == shown
        for i, a, b in zip(chosen, generated, nearest, strict=True):
            np.testing.assert_array_equal(a.picture, studio.shoot(X[i]).picture)
            face = train[distance[i].argmin()]
            np.testing.assert_array_equal(b.picture, studio.shoot(face).picture)


def test_rows_say_what_was_measured(study, dataset, grids):
    found = comparison(
        result("ours", evaluation(full(specificity=2.0)), evaluation(full(specificity=2.5))),
        result("mae", evaluation(full())),
    )
    studio = Studio(study.members, dataset, seed=0, comparison=found)
    list(specificity_figure(studio))
    list(decoupling_figure(studio))
    titles = [[title for title, _ in grid.rows.groups] for grid in grids]
    assert titles == [["Ours\nSp. 2.25 mm", "3DMM"], ["Ours\nDec-Id 95 %\nDec-Exp 90 %", "3DMM"]]


class Perfect(Studio):
    """A studio of one model: the training set itself."""

    def model(self, member: Member) -> FaceGenerator:
        return Replay(self.dataset)


def faces_of(studio: Studio) -> dict[bytes, set[tuple[int, int]]]:
    """Return the people and expressions that a picture may show."""
    known: dict[bytes, set[tuple[int, int]]] = {}
    for k, V in enumerate(studio.dataset.vertices(studio.dataset.indices("train"))):
        where = divmod(k // 2, len(EXPRESSIONS))
        known.setdefault(studio.shoot(V).picture.tobytes(), set()).add(where)
    return known


def test_rows_share_the_person_and_columns_the_expression(study, dataset, grids):
    """The perfect model's faces say who and what they are."""
    studio = Perfect(study.members[:1], dataset, seed=1)
    known = faces_of(studio)
    assert len(known) == 8 * TRAIN  # no two faces look alike
    list(decoupling_figure(studio))
    list(ablation_figure(Perfect([member("no-feature-loss", study.data)], dataset, seed=2)))
    crossed, ablated = (
        [[next(iter(known[p])) for p in row] for row in g.pictures()] for g in grids
    )
    for row in crossed:
        assert len({person for person, _ in row}) == 1
    for column in zip(*crossed, strict=True):
        assert len({expression for _, expression in column}) == 1
    assert len({row[0][0] for row in crossed}) > 1
    assert len({expression for _, expression in crossed[0]}) > 1
    ((*same, _, _, _, _),) = ablated
    assert {expression for _, expression in same} == {1}  # "left": the first that is not rest
    assert len({person for person, _ in ablated[0][4:]}) == 1


def test_only_the_named_code_moves_between_two_faces(study, dataset, grids):
    studio = Perfect(study.members[:1], dataset, seed=4)
    known = faces_of(studio)
    list(interpolation_figure(studio))
    (grid,) = grids
    assert list(grid.columns.titles)[2:7] == ["0", "0.25", "0.5", "0.75", "1"]
    rows = {
        name: [next(iter(known[p])) for p in row]
        for name, row in zip(grid.rows.titles, grid.pictures(), strict=True)
    }
    assert list(rows) == ["viseme", "expression", "identity", "all codes"]
    start = rows["all codes"][2]
    assert all(row[2] == start for row in rows.values())
    assert {person for person, _ in rows["expression"]} == {start[0]}
    assert {expression for _, expression in rows["identity"]} == {start[1]}
    assert set(rows["viseme"]) == {start}
    assert rows["all codes"][6] == (rows["identity"][6][0], rows["expression"][6][1])


def test_edited_faces_are_those_of_the_codes(studio, grids):
    list(editing_figure(studio))
    (grid,) = grids
    model = studio.model(studio.members[0])
    # The three sources, then the targets: there is no fourth expression, so two of the three.
    people = quiet(model.sample_codes(5, rng=studio.rng("editing")))

    def posed(k: int, label: str) -> dict[str, torch.Tensor]:
        codes = {name: code[[k]] for name, code in people.items()}
        return codes | {"expression": fixed_code(model, "expression", label)}

    assert [row[0].caption for row in grid.cells] == ["left", "up", "wide"]
    for k, row in enumerate(grid.cells):
        source, target = posed(k, row[0].caption), posed(3, "left")
        expected = [source, target]
        for mode in ("replace", "add"):
            expected.append(transfer_codes(model, source, target, "expression", mode=mode))
        for cell, codes in zip(row, expected, strict=False):
            drawn = studio.shoot(model.decode(codes).detach().numpy()[0])
            np.testing.assert_array_equal(cell.picture, drawn.picture)
        assert row[3].caption == f"left + {row[0].caption}"


def test_error_colours_are_distances_from_the_true_surface(studio, dataset, grids):
    prior, free = sparse_figures(studio)
    assert (prior.name, free.name) == tuple(NAMES[7:9])
    test = dataset.indices("test")
    faces = moving_faces(dataset, test, 3, rng=studio.numpy_rng("sparse-reconstruction"))
    seen = []
    for grid in grids:
        assert list(grid.columns.titles) == ["input", "Ours", "3DMM"]
        for above, below in zip(grid.cells[::2], grid.cells[1::2], strict=True):
            assert below[0] is None
            assert len(above) == len(below) == 3
            seen += [float(cell.caption.removesuffix(" mm")) for cell in below[1:]]
    X = dataset.vertices([face.mesh for face in faces]).astype(float)
    expected, distances = [], []
    for level in (1.0, 0.0):
        fits = [
            reconstruct(
                studio.model(m), dataset.landmarks, X, dataset.faces, prior=level, seed=studio.seed
            )
            for m in studio.members
        ]
        for b, truth in enumerate(X):
            surface = trimesh.Trimesh(truth, dataset.faces, process=False)
            for fit in fits:
                off = closest_point_naive(surface, fit.X[b])[1]
                np.testing.assert_allclose(fit.distance[b], off, atol=1e-9)
                expected.append(np.sqrt(np.mean(off**2)))
                distances.append(off)
    np.testing.assert_allclose(seen, expected, atol=0.0051)
    limits = error_limits(np.stack(distances))
    for b, below in enumerate(grids[1].cells[1::2]):  # without a prior, the last that was fitted
        for fit, cell in zip(fits, below[1:], strict=True):
            drawn = studio.shoot(fit.X[b], field=fit.distance[b], limits=limits)
            np.testing.assert_array_equal(drawn.picture, cell.picture)


def test_extreme_faces_beside_the_data_are_taken(study, dataset, tmp_path, grids):
    path = write_people(tmp_path / "p.h5", landmarks=dataset.landmarks)
    names = {"expression": ["roar", "yawn", "wink", "kiss"]}
    labels = {"expression": dataset.labels["expression"]}
    write_people(tmp_path / "p.extreme.h5", names=names, labels=labels)
    with load_dataset(path) as own:
        figure = next(sparse_figures(Studio(study.members[1:], own, seed=0)))
    assert figure.text.startswith("Extreme expressions of new people")
    assert [title for title, _ in grids[0].rows.groups] == ["roar", "yawn", "wink"]


def test_the_mesh_comes_back_worse_from_a_smaller_image(
    study, dataset, tmp_path, grids, monkeypatch
):
    """The image is as large as the run's discriminator takes it."""
    model = load_model(study.members[0].run)
    monkeypatch.setattr(studio_module, "open_model", lambda run, dataset: model)

    def lost(size: int) -> float:
        run = tmp_path / str(size)
        run.mkdir()
        config = tiny().model_copy(update={"mapping": MappingConfig(size=size)})
        (run / "config.toml").write_text(dump_config(config))
        (figure,) = geometry_figure(Studio([member("ours", run)], dataset, seed=0))
        assert figure.image is not None
        assert f"{size}² texels" in grids[-1].columns.titles[1]
        means = [row[3].caption for row in grids[-1].cells]
        return float(np.mean([float(m.split()[1]) for m in means]))

    few, more = lost(16), lost(64)
    assert 0 < more < few / 2


def test_each_of_three_factors_moves_alone(studio, dataset, tmp_path, grids, monkeypatch):
    monkeypatch.setattr(factors_module, "load_model", lambda run: Replay(dataset))
    known = faces_of(studio)
    figure, _ = factors_figures(studio, tmp_path / "three")
    grid, _ = grids
    assert figure.image is not None
    assert list(grid.rows.titles) == ["identity", "expression", "viseme"]
    identity, expression, viseme = ([next(iter(known[p])) for p in row] for row in grid.pictures())
    assert {e for _, e in identity} == {0}
    assert len({person for person, _ in identity}) > 3
    assert [e for _, e in expression] == [0, 1, 2, 3]
    assert len({person for person, _ in [*expression, *viseme]}) == 1
    assert grid.captions()[1] == list(EXPRESSIONS)


def test_visemes_are_crossed_with_expressions(studio, dataset, tmp_path, grids):
    path = write_linear(tmp_path / "three.safetensors", dataset, THREE)
    alone, crossed = factors_figures(studio, path)
    assert (alone.name, crossed.name) == ("three-factors", "three-factors-crossed")
    model, grid = load_model(path), grids[1]
    assert list(grid.columns.titles) == ["neutral", "left", "up", "wide"]
    assert list(grid.rows.groups) == [("PP", 2), ("aa", 2)]
    identity = model.sample_codes(1, rng=studio.rng("three-factors: person 1"))["identity"]
    codes = {"identity": identity, "noise": torch.zeros(1, 2)}
    codes |= {"expression": fixed_code(model, "expression", "up")}
    codes |= {"viseme": fixed_code(model, "viseme", "aa")}
    drawn = studio.shoot(model.decode(codes).detach().numpy()[0])
    np.testing.assert_array_equal(grid.cells[3][2].picture, drawn.picture)


def test_models_without_a_factor_are_left_out(study, dataset, tmp_path):
    path = write_linear(tmp_path / "two.safetensors", dataset, ("identity", "shape"))
    other = member("mine", path)
    studio = Studio([*study.members, other], dataset, seed=0)
    (figure,) = transfer_figure(studio)
    assert figure.text.endswith("mine has no expression code.")
    (alone,) = decoupling_figure(Studio([other], dataset, seed=0))
    assert alone.image is None
    assert alone.text == "Not drawn: no model takes part. mine has no expression code."
    (image,) = geometry_figure(Studio([other], dataset, seed=0))
    assert image.text == "Not drawn: mine is no run of a generator of ours."
    (few,) = factors_figures(studio, path)
    assert few.text == "Not drawn: two.safetensors has only these factors: identity, shape."


def test_data_without_landmarks_have_no_sparse_figure(study, tmp_path):
    with load_dataset(write_people(tmp_path / "p.h5")) as dataset:
        (figure,) = sparse_figures(Studio(study.members, dataset, seed=0))
    assert figure.text == "Not drawn: the data set has no landmarks."
