"""`gan data` as a user calls it: results, one line for every mistake, nothing half-written."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from gan.cli.data.progress import progress_bar
from gan.datasets.converting import ict
from gan.datasets.store import load_dataset
from tests.system.commands import data as gan
from tests.system.json_page import assert_documented

TINY = ["--subjects", "5", "--stills", "7", "--sequences", "1", "--frames", "4"]


def fails(*arguments: object) -> str:
    return gan.fails(*arguments, codes=(1, 2))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A dome as a linear face model, 20 cm long, in which four blend shapes lift a spot each."""
    from meshkit.primitives import hemisphere

    V, F = hemisphere(6)
    names = ["jawOpen", "mouthSmile_L", "mouthSmile_R", "browDown_L", "browDown_R"]
    exp_modes = np.zeros((5, *V.shape))
    for j in range(5):
        exp_modes[j, 7 * j] = (0, 0, 1)
    path = tmp_path_factory.mktemp("model") / "dome.npz"
    np.savez(
        path,
        mean=10 * V,
        id_modes=np.stack([V * axis for axis in np.eye(3)]),
        exp_modes=exp_modes,
        exp_names=np.array(names),
        faces=F,
    )
    return path


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("made") / "faces.h5"
    assert gan("make", "--model", model, "-o", path, *TINY).exit_code == 0
    return path


def test_make_says_the_unit_and_what_it_wrote(model, tmp_path):
    out = tmp_path / "faces.h5"
    result = gan("make", "--model", model, "-o", out, *TINY, "--seed", 3, "--noise", 0.1)
    assert result.exit_code == 0
    vertices = len(np.load(model)["mean"])
    assert result.stdout == (
        f"{out}: 55 meshes of {vertices} vertices, 5 subjects, 50 with an expression label (91%)\n"
    )
    assert "lengths are cm (inferred: the face is 20 long, as mm 200)" in result.stderr
    assert "dome has no action unit" in result.stderr
    with load_dataset(out) as dataset:
        assert dataset.provenance["parameters"]["seed"] == 3
        assert dataset.provenance["parameters"]["noise_mm"] == 0.1
        assert str(tmp_path) not in json.dumps(dataset.provenance)


def test_the_default_source_and_file_name(tmp_path, monkeypatch, model):
    from gan.datasets.morphable import load_face_model

    monkeypatch.setattr("gan.datasets.procedural.ProceduralHead", lambda: load_face_model(model))
    monkeypatch.chdir(tmp_path)
    assert gan("make", "--size", "tiny").exit_code == 0
    with load_dataset("faces.h5") as dataset:
        assert dataset.n == 128


def test_info_is_for_people_and_for_programs(stored):
    table = gan("info", stored).stdout
    assert "55 (35 stills, 5 sequences)" in table
    assert "3 train (33 meshes), 1 validation (11 meshes), 1 test (11 meshes)" in table
    facts = json.loads(gan("info", stored, "--json").stdout)
    assert facts["meshes"] == 55
    assert facts["factors"]["identity"]["labelled"] == 55
    with load_dataset(stored) as dataset:
        assert facts["fingerprint"] == dataset.fingerprint


def test_check_verifies_and_warns(stored, tmp_path):
    result = gan("check", stored, "--template", stored)
    assert result.exit_code == 0
    assert "55 meshes verified" in result.stdout
    copy = tmp_path / "copy.h5"
    shutil.copy(stored, copy)
    with h5py.File(copy, "r+") as file:
        file["vertices"][40, 3, 1] += 1
    assert "/vertices was changed after it was written" in fails("check", copy)
    with h5py.File(copy, "r+") as file:
        file["vertices"][40, 3, 1] = np.nan
    assert "/vertices[40, 3] is not finite" in fails("check", copy)


def test_check_is_strict_on_request(model, tmp_path):
    few = tmp_path / "few.h5"
    arguments = ["--subjects", 4, "--stills", 1, "--sequences", 0]
    assert gan("make", "--model", model, "-o", few, *arguments).exit_code == 0
    relaxed = gan("check", few)
    assert relaxed.exit_code == 0
    assert "warning: expression: no labelled training mesh of" in relaxed.stderr
    assert gan("check", few, "--strict").exit_code == 1


def test_check_compares_the_topology(stored, tmp_path):
    (tmp_path / "other.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    line = fails("check", stored, "--template", tmp_path / "other.obj")
    assert "other topology" in line
    assert "other.obj has 1" in line


def test_preview_draws_a_picture(stored, tmp_path):
    from PIL import Image

    out = tmp_path / "sheet.png"
    result = gan("preview", stored, "-o", out, "--columns", 2, "--tile", 40, "--sequences", 1)
    assert result.exit_code == 0
    with Image.open(out) as picture:
        assert f"{picture.width} x {picture.height} pixels" in result.stdout
        assert len(np.unique(np.asarray(picture))) > 50  # shaded domes, not an empty sheet
    line = fails("preview", stored, "-o", tmp_path / "none.png", "--factor", "age")
    assert "no factor 'age'" in line
    assert not (tmp_path / "none.png").exists()


def poison(path: Path) -> None:
    fields = dict(np.load(path))
    fields["mean"][4, 2] = np.nan
    np.savez(path, **fields)


BAD = {  # message, and what is done to the file of a sound model
    "mean[4, 2] is not finite": poison,
    "not an .npz file, or truncated": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "does not exist": lambda path: path.unlink(),
    "is a directory": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_model_is_one_line_and_no_file(tmp_path, model, message):
    path = shutil.copy(model, tmp_path / "bad.npz")
    BAD[message](path)
    before = sorted(tmp_path.iterdir())
    assert message in fails("make", "--model", path, "-o", tmp_path / "out.h5", *TINY)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--subjects", 0], "subjects must be at least 4"),
        (["--size", "huge"], "size must be one of tiny, demo, small, full"),
        (["--subjects", "many"], "not a valid integer"),
    ],
)
def test_bad_options_are_one_line_and_no_file(tmp_path, model, options, message):
    out = tmp_path / "out.h5"
    assert message in fails("make", "--model", model, "-o", out, *TINY, *options)
    assert not list(tmp_path.iterdir())


def test_targets_that_cannot_be_written(tmp_path, model):
    line = fails("make", "--model", model, "-o", tmp_path / "no/out.h5", *TINY)
    assert "create the folder first" in line
    assert "Give a name that ends in .h5" in fails("make", "--model", model, "-o", tmp_path, *TINY)


@pytest.mark.parametrize("command", ["info", "check"])
def test_files_that_are_no_data_set(tmp_path, stored, command):
    (tmp_path / "text.h5").write_text("no")
    assert "not an HDF5 file" in fails(command, tmp_path / "text.h5")
    (tmp_path / "cut.h5").write_bytes(stored.read_bytes()[:-1000])
    assert "truncated" in fails(command, tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    assert "attribute format is missing" in fails(command, tmp_path / "other.h5")
    assert "does not exist" in fails(command, tmp_path / "absent.h5")


def test_convert_ict_writes_a_model_or_one_line(tmp_path, monkeypatch):
    folder = tmp_path / "kit" / "FaceXModel"
    folder.mkdir(parents=True)
    assert "not a checkout of ICT-FaceKit" in fails("convert-ict", tmp_path / "kit")
    written = {}

    def convert(checkout: Path, out: Path, *, area, progress) -> None:
        written.update(checkout=checkout, out=out, area=area)

    monkeypatch.setattr(ict, "convert_ict", convert)
    result = gan("convert-ict", tmp_path / "kit", "--full")
    assert result.exit_code == 0
    assert written["area"] == ict.FULL
    assert written["out"] == Path("ict_face_full.npz")
    assert "9409 vertices" in result.stdout


def test_an_interrupted_make_leaves_nothing(tmp_path, model):
    """A real process, a real SIGINT."""
    arguments = ["data", "make", "--model", model, "-o", tmp_path / "out.h5", "--subjects", "600"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from gan.cli import main; main()", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if list(tmp_path.iterdir()):  # it has begun to write
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not list(tmp_path.iterdir())


def test_an_interrupt_waits_for_the_next_step():
    before = signal.getsignal(signal.SIGINT)
    with progress_bar() as progress:
        progress("meshes", 1, 3)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            progress("meshes", 2, 3)
        with pytest.raises(KeyboardInterrupt):  # the second does not wait
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_help_names_every_command_and_loads_no_numbers():
    calls = "main(['data', 'make', '--help'], standalone_mode=False)\n"
    calls += "main(['data', '--help'], standalone_mode=False)\n"
    code = f"import sys\nfrom gan.cli import main\n{calls}print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in ("make", "info", "check", "preview", "convert-ict"):
        assert f"\n  {command} " in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert not {"numpy", "h5py", "torch", "rich", "scipy"} & set(loaded)


def test_what_is_exported_comes_back_as_it_was(stored, tmp_path):
    """Meshes, labels, sequences and parts, by way of the manifest."""
    folder, again = tmp_path / "meshes", tmp_path / "again.h5"
    gan.succeed("export", stored, "-o", folder, "--format", "ply")
    manifest = folder / "manifest.csv"
    gan.succeed("import", folder, "--manifest", manifest, "--no-align", "--unit", "mm", "-o", again)
    with load_dataset(stored) as one, load_dataset(again) as two:
        np.testing.assert_allclose(
            two.vertices(range(two.n)), one.vertices(range(one.n)), atol=1e-4
        )
        np.testing.assert_array_equal(two.split, one.split)
        np.testing.assert_array_equal(two.frame[two.sequence >= 0], one.frame[one.sequence >= 0])
        for factor in one.labels:  # classes come in another order
            ours, theirs = (
                np.array([*data.names[factor], ""])[data.labels[factor]] for data in (two, one)
            )
            np.testing.assert_array_equal(ours, theirs)
    happy = gan.read_json("export", stored, "--label", "expression=happy", "-o", tmp_path / "happy")
    with load_dataset(stored) as one:
        wanted = one.names["expression"].index("happy")
        assert happy["meshes"] == (one.labels["expression"] == wanted).sum()
    assert_documented("gan data export", happy)
    assert "knows" in fails("export", stored, "--label", "expression=odd", "-o", tmp_path / "odd")
