"""`gan sample` as a user calls it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.report import samples
from gan.runs.checkpoints import load_model
from meshkit.io import load_mesh


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def codes(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "codes.npz", allow_pickle=False) as file:
        return dict(file)


def load_picture(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture
def samples_of(gan, trained, tmp_path):
    """Sample into a new folder and return it."""

    def call(name: str, *options: object) -> Path:
        result = gan("sample", trained, "-o", tmp_path / name, *options)
        assert result.exit_code == 0, result.output
        return tmp_path / name

    return call


@pytest.mark.parametrize("format", ["obj", "ply", "glb"])
def test_meshes_are_what_their_codes_decode_to(samples_of, trained, format):
    import torch

    folder = samples_of("s", "-n", 3, "--format", format)
    names = [f"face-{k:03d}.{format}" for k in range(3)]
    assert set(contents(folder)) == {*names, "sheet.png", "codes.npz"}
    model = load_model(trained)
    z = {name: torch.from_numpy(code) for name, code in codes(folder).items() if "." not in name}
    with torch.no_grad():
        X = model.decode(z).numpy()
    for name, V in zip(names, X, strict=True):
        mesh = load_mesh(folder / name)
        np.testing.assert_allclose(mesh.V, V, atol=1e-4)  # glb is in single precision
        np.testing.assert_array_equal(mesh.F, model.faces.numpy())
        np.testing.assert_allclose(mesh.UV, model.UV.numpy(), atol=1e-6)


def test_the_seed_decides_every_byte(samples_of):
    first, again = samples_of("a", "-n", 2, "--seed", 4), samples_of("b", "-n", 2, "--seed", 4)
    other = samples_of("c", "-n", 2, "--seed", 5)
    assert contents(first) == contents(again)
    assert contents(first)["face-000.obj"] != contents(other)["face-000.obj"]


def test_a_label_fixes_its_code_and_no_other(samples_of, trained):
    free = codes(samples_of("free", "-n", 4))
    up = codes(samples_of("up", "-n", 4, "--expression", "up", "--label", "identity=2"))
    model = load_model(trained)
    for factor, label in (("expression", 2), ("identity", 2)):
        expected = np.tile(model.codes[factor][label].numpy(), (4, 1))
        np.testing.assert_array_equal(up[factor], expected)
        np.testing.assert_array_equal(up[f"label.{factor}"], [label] * 4)
        np.testing.assert_array_equal(free[f"label.{factor}"], [-1] * 4)
    np.testing.assert_array_equal(free["noise"], up["noise"])


def test_a_sheet_shows_the_first_of_many(samples_of, monkeypatch):
    few = samples_of("few", "-n", 3, "--seed", 1)
    monkeypatch.setattr(samples, "SHEET_FACES", 3)
    many = samples_of("many", "-n", 5, "--seed", 1)
    assert len(contents(many)) == 7
    sheets = [load_picture(folder / "sheet.png") for folder in (few, many)]
    assert sheets[0].shape == sheets[1].shape


def test_earlier_samples_are_replaced_as_a_whole(samples_of):
    assert len(contents(samples_of("s", "-n", 5))) == 7
    folder = samples_of("s", "-n", 2, "--format", "ply")
    assert set(contents(folder)) == {"face-000.ply", "face-001.ply", "sheet.png", "codes.npz"}
    assert [path.name for path in folder.parent.iterdir()] == ["s"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--expression", "grin"], "expression has no class 'grin'; it has neutral, left, up"),
        (["--identity", "5"], "identity 5 is out of range: 0 to 4"),
        (["--identity", "-1"], "identity -1 is out of range: 0 to 4"),
        (["--label", "mood=up"], "the model has no factor 'mood'; it has identity, expression"),
        (["--label", "expression"], "--label 'expression': write FACTOR=CLASS"),
        (["--label", "expression=up", "--expression", "left"], "two labels for expression: up and"),
    ],
)
def test_unknown_labels_are_named(fails, trained, tmp_path, options, message):
    assert message in fails("sample", trained, "-o", tmp_path / "s", *options)
    assert not (tmp_path / "s").exists()


def test_folders_that_are_no_runs_are_named(fails, trained, tmp_path):
    missing, empty, file = tmp_path / "missing", tmp_path / "empty", trained / "config.toml"
    empty.mkdir()
    assert f"{missing}: no such run directory" in fails("sample", missing)
    assert f"{empty} is no run" in fails("sample", empty)
    assert f"{file}: no such run directory" in fails("sample", file)
    assert f"a part of one: name {trained}" in fails("sample", trained / "checkpoints")
    assert f"name one of them ({trained})" in fails("sample", trained.parent)
    assert "neither a data set nor a run" in fails("train", empty, codes=(2,))


@pytest.mark.parametrize("command", ["sample", "interpolate", "fit", "compare"])
def test_a_folder_is_not_called_like_a_film(fails, trained, tmp_path, command):
    inputs = {"interpolate": ("a.obj", "b.obj"), "fit": (trained / "template.obj",)}
    named = fails(command, trained, *inputs.get(command, ()), "-o", tmp_path / "a.mp4", codes=(2,))
    assert "Give the name of a folder" in named


def test_a_damaged_model_is_named(fails, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    for model in run.glob("checkpoints/*/model.safetensors"):
        model.write_bytes(model.read_bytes()[:-9])
    assert "every checkpoint is damaged" in fails("sample", run, "-o", tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_what_is_in_the_way_stays(fails, trained, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "is a file; give the name of a folder" in fails(
        "sample", trained, "-o", tmp_path / "file"
    )
    assert (tmp_path / "file").read_text() == "mine"
    assert "holds other files than samples (file)" in fails("sample", trained, "-o", tmp_path)


def test_nothing_half_written(gan, trained, tmp_path, monkeypatch):
    """The disk fills up at the last file: the old samples are still there, whole."""
    assert gan("sample", trained, "-n", 2, "-o", tmp_path / "s").exit_code == 0
    before = contents(tmp_path / "s")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "codes.npz")

    monkeypatch.setattr(samples, "write_codes", full)
    result = gan("sample", trained, "-n", 9, "-o", tmp_path / "s")
    assert result.exit_code == 1
    assert "codes.npz: No space left on device" in result.stderr
    assert contents(tmp_path / "s") == before
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_numbers_out_of_range_are_usage_errors(gan, trained):
    assert gan("sample", trained, "-n", 0).exit_code == 2
    assert gan("sample", trained, "--format", "fbx").exit_code == 2
