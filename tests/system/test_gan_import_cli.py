"""`gan data import|merge|visemes` as a user calls them."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gan.datasets.store import load_dataset
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from tests.gan.registered import EXPRESSIONS, PEOPLE, write_folder, write_manifest
from tests.gan.test_speech import WORD, write_grid
from tests.html_page import Page
from tests.system.commands import data as gan

N = PEOPLE * len(EXPRESSIONS)


def fails(*arguments: object) -> str:
    return gan.fails(*arguments, codes=(1, 2))


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "meshes")
    return tmp_path / "meshes"


def test_import_says_what_it_decided_and_draws_it(folder, tmp_path):
    mesh = load_mesh(folder / "p2" / "left.ply")
    V = mesh.V.copy()
    V[40] += 25
    save_mesh(folder / "p2" / "left.ply", Mesh(V, mesh.F))
    (folder / "p3" / "up.npz").unlink()
    out, page = tmp_path / "out.h5", tmp_path / "<qa>.html"
    result = gan(
        *("import", folder, "--manifest", tmp_path / "meshes.csv", "-o", out),
        *("--report", page, "--skip-bad", "--outlier-threshold", 8),
    )
    assert result.exit_code == 0, result.output
    assert "lengths are cm (inferred: the face is " in result.stderr
    assert "left out: line 13: p3/up.npz: does not exist" in result.stderr
    assert "  line 9: p2/left.ply: farthest vertex" in result.stderr
    assert f"{out}: {N - 1} meshes of 91 vertices, {PEOPLE} subjects" in result.stdout
    read = Page(page.read_text(encoding="utf-8"))
    assert not {"link", "script", "iframe"} & {tag for tag, _ in read.tags}
    images = read.all("img")
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in images)
    assert [attrs for tag, attrs in read.tags if tag != "img" and "src" in attrs] == []
    # Template in three views and as a field, rows of three classes, subjects, one outlier.
    assert len(images) == 4 + (N - 1) + PEOPLE + 1
    for said in ("line 9: p2/left.ply", "p3/up.npz: does not exist", "cm", "drawn by subject"):
        assert said in read.text
    assert str(tmp_path) not in read.text
    for command in ("check", "info"):
        assert gan(command, out).exit_code == 0
    assert gan("preview", out, "-o", tmp_path / "sheet.png").exit_code == 0


def test_a_layout_is_detected_listed_and_edited(tmp_path):
    write_folder(tmp_path / "plain")
    for k, (person, name) in enumerate([(1, "1_neutral"), (1, "2_smile"), (7, "1_neutral")]):
        path = tmp_path / "scape" / str(person) / "models_reg" / f"{name}.obj"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_mesh(path, load_mesh(tmp_path / "plain" / f"p{k}" / "neutral.obj"))
    listed, out = tmp_path / "list.csv", tmp_path / "out.h5"
    result = gan("import", tmp_path / "scape", "--write-manifest", listed)
    assert "layout FaceScape (TU models): 3 meshes of 2 subjects" in result.stderr
    assert not out.exists()
    edited = listed.read_text().replace(",smile", ",grin")
    listed.write_text(edited)
    options = ("--manifest", listed, "-o", out, "--split", "0.5,0,0.5")
    assert gan("import", tmp_path / "scape", *options).exit_code == 0
    with load_dataset(out) as dataset:
        assert dataset.names["expression"] == ("neutral", "grin")
    assert "no known layout" in fails("import", tmp_path / "plain", "-o", out)


def test_speech_labels_the_frames_of_a_sequence(folder, tmp_path):
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.obj"))
    rows = [(path, f"s{k % 3}", f"talk{k % 3}", 1 + k // 3) for k, path in enumerate(files)]
    columns = ("path", "subject", "sequence", "frame")
    manifest = write_manifest(tmp_path / "talk.csv", columns, rows)
    grids = [write_grid(tmp_path / f"talk{k}.TextGrid", {"phones": WORD}) for k in range(2)]
    labels, out = tmp_path / "v.csv", tmp_path / "out.h5"
    result = gan("visemes", *grids, "--fps", 4, "--first-frame", 1, "-o", labels)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{labels}: 8 frames of 2 sequences: aa 4, PP 2, rest 2\n"
    result = gan("import", folder, "--manifest", manifest, "--visemes", labels, "-o", out)
    assert "4 of 6 meshes have a viseme; 4 of its 8 frames belong to no mesh" in result.stderr
    with load_dataset(out) as dataset:
        names = [*dataset.names["viseme"], None]
        assert [names[c] for c in dataset.labels["viseme"]] == ["PP", "PP", None, "aa", "aa", None]


def test_merged_files_are_checked_files(folder, tmp_path):
    for name in ("a", "b"):
        options = ("--manifest", tmp_path / "meshes.csv", "-o", tmp_path / f"{name}.h5")
        assert gan("import", folder, *options).exit_code == 0
    both = tmp_path / "both.h5"
    result = gan("merge", tmp_path / "a.h5", tmp_path / "b.h5", "-o", both)
    assert result.stdout == (
        f"{both}: {2 * N} meshes of {2 * PEOPLE} subjects; "
        f"classes: 3 expression, {2 * PEOPLE} identity\n"
    )
    assert gan("check", both).exit_code == 0
    assert "needs two data sets or more" in fails("merge", tmp_path / "a.h5", "-o", both)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give -o OUT.h5 or --write-manifest LIST.csv"),
        (("-o", "x.h5", "--manifest", "M", "--layout", "coma"), "--layout, not both"),
        (("-o", "x.h5", "--no-align", "--align-on", "M"), "with --no-align it has no effect"),
        (("--write-manifest", "l.csv", "--report", "q.html"), "give -o OUT.h5 too"),
        (("-o", "x.h5", "--manifest", "M", "--split", "most"), "three shares such as 0.8,0.1,0.1"),
        (("-o", "no/x.h5", "--manifest", "M"), "no: No such folder"),
        (("-o", "x.h5", "--manifest", "M", "--landmarks", "M"), "is no list of vertex indices"),
    ],
)
def test_refusals(folder, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    told = ["meshes.csv" if argument == "M" else argument for argument in arguments]
    assert says in fails("import", folder, *told)
    assert not (tmp_path / "x.h5").exists()


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "m.parquet").write_bytes(b"PAR1")
    said = fails("import", tmp_path, "--manifest", tmp_path / "m.parquet", "-o", tmp_path / "x.h5")
    assert said == "Error: pyarrow is not installed: pip install 'meshkit-gan[parquet]'"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_at_any_time_it_goes_on(folder, tmp_path, number):
    """No worker survives, no half file is there, and what was read is not read again."""
    manifest, out = tmp_path / "meshes.csv", tmp_path / "out.h5"
    work = tmp_path / ".out.h5.import"
    command = [sys.executable, "-m", "gan", "data", "import", str(folder), "-o", str(out)]
    command += ["--manifest", str(manifest), "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not list(work.rglob("[!.]*.npy")) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(number)
        process.communicate(timeout=60)  # returns when every worker has closed its output
    if not out.exists():  # else it was quicker than the signal
        done = {path: path.stat().st_mtime_ns for path in work.rglob("[!.]*.npy")}
        assert done
        assert process.returncode in (143, -signal.SIGKILL)
        kept = dict(done)
        assert gan("import", folder, "--manifest", manifest, "-o", out).exit_code == 0
        assert kept == done
    assert not work.exists()
    expected = tmp_path / "expected.h5"
    assert gan("import", folder, "--manifest", manifest, "-o", expected).exit_code == 0
    np.testing.assert_array_equal(
        np.frombuffer(out.read_bytes(), np.uint8), np.frombuffer(expected.read_bytes(), np.uint8)
    )
