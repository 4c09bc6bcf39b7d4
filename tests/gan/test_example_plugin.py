"""The example package of the docs, installed as a stranger would have it, and used by name."""

import json
import math
import sys
import tomllib
from importlib import import_module

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.testing import assert_close

from gan.baselines.config import baseline_config
from gan.baselines.faces import labelled_faces
from gan.cli import main
from gan.config import dump_config, parse_config
from gan.datasets.store import load_dataset
from gan.errors import ConfigError
from gan.evaluation import Evaluation
from gan.plugins import KINDS, registry
from gan.registry import BUILT_IN
from gan.report import numbers
from gan.runs.checkpoints import load_model
from gan.study.member import titled
from meshkit.errors import MeshError
from meshkit.primitives import hemisphere
from tests.gan.conftest import blobs, tiny
from tests.gan.plugin_files import EXAMPLE, install


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put the example on the path with the entry points of its pyproject.toml."""
    for kind in KINDS:  # what is found stays in the registry: not beyond this test
        assert list(registry(kind))  # ours have been imported: they must outlast the test
        for table in ("_classes", "_origin"):
            monkeypatch.setattr(registry(kind), table, dict(getattr(registry(kind), table)))
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    points = {
        group.removeprefix("meshkit_gan."): names
        for group, names in project["entry-points"].items()
    }
    install(monkeypatch, tmp_path / "site", project["name"], points)
    monkeypatch.syspath_prepend(EXAMPLE)
    yield points
    for name in [name for name in sys.modules if name.partition(".")[0] == "face_extras"]:
        del sys.modules[name]


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_a_run_names_them_in_its_configuration(installed, tiny_dataset, tmp_path):
    tree = tiny(iterations=3).model_dump(mode="json", exclude_none=True)
    for section, values in tomllib.loads((EXAMPLE / "run.toml").read_text()).items():
        tree[section] = tree[section] | values if isinstance(values, dict) else values
    file = tmp_path / "run.toml"
    file.write_text(dump_config(parse_config(tree, "the example")))
    run = tmp_path / "run"
    call("train", tiny_dataset, "--config", file, "--out", run, "--device", "cpu")
    (*_, last) = (run / "metrics.jsonl").read_text().splitlines()
    terms = json.loads(last)
    assert terms["g/regularizer_symmetry"] > 0
    assert terms["d/critic"] > 0
    assert "d/penalty" not in terms
    few = ("--samples", 20, "--pairs", 10)
    assert "folds, ‰" in call("evaluate", run, *few)
    found = Evaluation.load(run / "evaluation.json")
    assert found.metrics["folds"].values["training"].mean == 0
    rows = {row.name: row for row in numbers.metrics(found, step=3).rows}
    assert rows["folds, ‰"].meaning.startswith("triangles turned over against")
    few += ("--metrics", "folds", "--no-figures")
    compared = tmp_path / "compared"
    call("compare", f"one={run}", tiny_dataset, *few, "-o", compared)
    record = json.loads((compared / "comparison.json").read_text())
    assert [column["key"] for column in record["table1"]["columns"]] == ["folds"]
    for file, text in (
        ("table1.csv", "one,one,other,1,folds,folds,‰,"),
        ("table1.tex", r"folds $\downarrow$ (\textperthousand{})"),
        ("report.html", "folds ↓<small>‰</small>"),
    ):
        assert text in (compared / file).read_text(encoding="utf-8")
    model = load_model(run)
    assert "deeper of" in model.describe()
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(0))
    codes = {name: code / 3 for name, code in codes.items()}
    again = model.encode(model.decode(codes), prior=1e-9)
    assert_close(model.decode(again), model.decode(codes), rtol=0, atol=0.01)  # mm
    call("train", "--resume", "--out", run, "--set", "training.iterations=4", "--device", "cpu")


def test_they_are_listed_with_their_package(installed):
    told = json.loads(call("plugins", "--json"))
    assert tuple(told) == KINDS
    for group, names in installed.items():
        rows = {row["name"]: row for row in told[group]}
        for name, target in names.items():
            assert rows[name]["origin"] == "face-extras 1.2"
            assert rows[name]["target"] == target
            assert rows[name]["summary"]
            assert rows[name]["problem"] is None
    (least,) = (row for row in told["adversarial_losses"] if row["name"] == "least-squares")
    assert least["options"] == {"real": 1.0, "fake": 0.0}
    assert BUILT_IN in {row["origin"] for row in told["generators"]}
    shown = call("plugins", "regularizers")
    assert "symmetry" in shown
    assert "tolerance = 0.02" in shown
    assert "metrics" not in shown


def test_a_baseline_is_trained_and_read_by_its_name(installed, tmp_path):
    data, run = blobs(tmp_path / "data.h5", rings=6), tmp_path / "run"
    sizes = ("--set", "identity_size=4", "--set", "expression_size=3")
    call("baseline", "blendshapes", data, "-o", run, "--set", "amount=2", *sizes)
    model, dataset = load_model(run), load_dataset(data)
    X = torch.from_numpy(dataset.vertices(np.arange(24)))
    np.testing.assert_allclose(model.decode(model.encode(X)), X, atol=1.0)
    # Class k moves the mean neutral face by the mean displacement of its labelled meshes.
    face = {name: torch.zeros(1, size) for name, size in (("identity", 4), ("noise", 0))}
    codes = face | {"expression": model.codes["expression"][[1]]}
    assert codes["expression"].tolist() == [[0, 2, 0]]
    faces = labelled_faces(dataset, baseline_config("blendshapes"))
    moved = faces.displacements(np.flatnonzero(faces.expression == 1)).mean(axis=0)
    expected = faces.neutral.mean(axis=0) + moved
    np.testing.assert_allclose(model.decode(codes)[0], expected, atol=1e-3)
    call("evaluate", run, "--samples", 20, "--pairs", 4)
    assert titled("blendshapes") == ("Blendshapes", "baseline")
    wrong = call("baseline", "blendshapes", data, "-o", run / "x", "--set", "amout=2", code=1)
    assert "unknown key 'amout'; known here: kind" in wrong


def test_without_it_the_names_are_unknown():
    with pytest.raises(ConfigError, match="unknown regularizer 'symmetry'; known: biharmonic"):
        registry("regularizers").find("symmetry")


def test_a_broken_package_is_listed_and_the_exit_code_says_so(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "half-done", {"metrics": {"x": "nowhere:X"}})
    assert "No module named 'nowhere'" in " ".join(call("plugins", "metrics", code=1).split())
    assert "unknown kind of plug-in 'toys'; known: generators" in call("plugins", "toys", code=1)


def test_least_squares_by_hand(installed):
    loss = registry("adversarial_losses").build("least-squares", {"fake": -1})
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -3.0])
    images = torch.zeros(2, 3, 1, 1)
    rng = torch.Generator()
    terms = loss.discriminator(len, images, images, real, fake, rng=rng, update=0)
    assert terms["critic"].item() == (0 + 4 + 1 + 4) / 4
    assert loss.generator(fake).item() == (1 + 16) / 4
    assert loss.boundary(real, fake).item() == 0
    with pytest.raises(ValueError, match=r"real = 1\.0 must be above fake = 2\.0"):
        registry("adversarial_losses").build("least-squares", {"fake": 2})


def test_symmetry_sees_the_odd_part_only(installed):
    V, F = hemisphere(4)
    symmetry = registry("regularizers").build("symmetry", V=V, F=F)
    even = torch.from_numpy(V * (0.1, 0.2, 0.3))[:, :, None].float()
    assert symmetry(even).item() < 1e-12
    aside = torch.zeros_like(even)
    aside[:, 0] = 0.5
    assert symmetry(aside).item() == pytest.approx(0.25)
    assert symmetry(torch.cat([even, even + aside], dim=2)).item() == pytest.approx(0.125)
    crooked = V + 0.3 * (V[:, :1] > 0.5) * (0, 0, 1)
    with pytest.raises(MeshError, match=r"vertex \d+ has its mirror image 0\.\d+ half-heights"):
        registry("regularizers").build("symmetry", V=crooked, F=F)


def test_folds_count_triangles_that_were_turned_over(installed, tiny_dataset):
    from gan.evaluation.context import Context
    from tests.linear_model import linear_model

    import_module("face_extras.folds")
    with load_dataset(tiny_dataset) as dataset:
        inside_out = dataset.template.astype(np.float64) * (-2.0, 0, 0)
        model = linear_model(
            {"identity": inside_out[None], "noise": np.zeros((1, *inside_out.shape))},
            template=dataset.template,
            faces=dataset.faces,
            classes={"identity": ("plain", "mirrored")},
            codes={"identity": [[0.0], [1.0]]},
            provenance={"step": 1, "dataset": dataset.fingerprint},
        )
        context = Context(model, dataset, n_samples=50)
        folds = registry("metrics").build("folds")
        found = folds.measure(context, rng=torch.Generator()).values
    # A face with x scaled by 1 - 2 z is mirrored, at least in part, when the code z is above 1/2.
    share = 1 - 0.5 * (1 + math.erf(0.5 / math.sqrt(2)))
    assert found["training"].mean == 0
    assert 300 * share < found["model"].mean < 1000 * (share + 0.2)
