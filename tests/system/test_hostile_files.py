"""No command executes what a model, a data set or a mesh says; pages show text as text."""

import io
import json
import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from tests.gan.conftest import blobs
from tests.gan.registered import write_folder, write_manifest
from tests.html_page import Page
from tests.system.commands import dome, gan, run, write

MARKER = "pwned"  # no file of this name may exist after any command
SCRIPT = "<script>document.title='pwned'</script>"
PICTURE = "\"'><img src=x onerror=alert(1)>"
PROGRAMS = {"gan": gan, "meshkit": run}


class Payload:
    """Writes the marker when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (str(Path.cwd() / MARKER),)


def pickled_archive(path: Path, *names: str, **sound: np.ndarray) -> None:
    payload = np.array([Payload()], dtype=object)
    np.savez(path, **dict.fromkeys(names, payload), **sound)  # type: ignore[arg-type]


def torch_pickle(path: Path) -> None:
    torch.save(Payload(), path)


def bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload()))


def climbing_zip(path: Path) -> None:
    """Write an archive whose members' names lead out of any folder it would be unpacked in."""
    content = io.BytesIO()
    np.save(content, np.zeros((4, 3)))
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("V.npy", "noise.npy", f"../{MARKER}", f"../../{MARKER}.npy", f"/{MARKER}.npy"):
            archive.writestr(name, content.getvalue())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work two folders down, so that what climbs out is seen."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    yield tmp_path
    assert list(tmp_path.rglob(f"{MARKER}*")) == []


def refused(call: str) -> str:
    """Run a command that must end with one line; return the line."""
    program, *arguments = call.split()
    return PROGRAMS[program].fails(*arguments)


def test_the_payloads_would_work(tmp_path):
    pickled_archive(Path("bad.npz"), "V")
    with np.load("bad.npz", allow_pickle=True) as archive:
        assert archive["V"].shape == (1,)
    assert Path(MARKER).is_dir()
    Path(MARKER).rmdir()
    torch_pickle(Path("bad.pt"))
    torch.load("bad.pt", weights_only=False)
    Path(MARKER).rmdir()


WRITERS = {
    "object array": lambda path: pickled_archive(
        path, *("V", "F", "noise", "identity", "expression", "mean", "id_modes", "faces", "image")
    ),
    "torch": torch_pickle,
    "pickle": bare_pickle,
    "zip slip": climbing_zip,
}
MESHES = [
    "meshkit check bad.npz",
    "meshkit repair bad.npz --unreferenced -o out.obj",
    "meshkit uvmap bad.npz -o out.obj",
    "meshkit geomimg bad.npz -o out.npz",
    "meshkit unimg bad.npz -o out.obj",
    "meshkit render bad.npz -o out.png",
    "meshkit render dome.obj --mode scalar --field bad.npz -o out.png",
    "meshkit laplacian bad.npz -o out.npz",
    "meshkit register dome.obj bad.npz -o out.obj",
    "meshkit register dome.obj dome.obj --landmarks bad.npz -o out.obj",
    "meshkit align bad.npz dome.obj -o out",
    "meshkit transfer dome.obj bad.npz dome.obj -o out",
    "meshkit transfer dome.obj dome.obj dome.obj --correspondence bad.npy -o out",
    "gan data make --model bad.npz --size tiny -o out.h5",
    "gan data info bad.npz",
]
RUNS = [
    "gan transfer run bad.npz bad.npz -o out.obj",
    "gan interpolate run bad.npz#0 bad.npz#0 -o out",
    "gan fit run bad.npz --landmarks points.json -o out",
    "gan fit run bad.json -o out",
]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("call", MESHES)
def test_a_file_with_code_is_refused(call, kind):
    write("dome.obj", *dome())
    bad = next(word for word in call.split() if word.startswith("bad."))
    written = Path("bad.npz")
    WRITERS[kind](written)
    written.replace(bad)
    before = sorted(Path().rglob("*"))
    assert bad.split(".")[0] in refused(call)
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("call", RUNS)
def test_codes_with_code_are_refused(call, kind, trained):
    Path("run").symlink_to(trained)
    Path("points.json").write_text(json.dumps({"landmarks": []}))
    for name in ("bad.npz", "bad.json"):
        WRITERS[kind](Path("made.npz"))
        Path("made.npz").replace(name)
    assert "bad" in refused(call)


@pytest.mark.parametrize("name", ["model.safetensors", "state.safetensors", "state.json"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_checkpoint_with_code_is_refused(name, kind, trained):
    shutil.copytree(trained, "run")
    hit = list(Path("run").rglob(name))
    assert hit
    for path in hit:
        WRITERS[kind](Path("made.npz"))
        Path("made.npz").replace(path)
    assert "run" in refused("gan sample run -o out")


@pytest.mark.parametrize("command", ["sample", "export", "report"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_model_file_with_code_is_refused(kind, command):
    WRITERS[kind](Path("made.npz"))
    Path("made.npz").replace("bad.safetensors")
    assert "bad.safetensors" in refused(f"gan {command} bad.safetensors -o out")
    assert not Path("out").exists()


def link_outside(file: h5py.File) -> None:
    del file["labels"]
    file["labels"] = h5py.ExternalLink("secret.h5", "/labels")


def store_outside(file: h5py.File) -> None:
    shape = file["frame"].shape
    del file["frame"]
    file.create_dataset("frame", shape, "i4", external=[("secret.bin", 0, 4 * shape[0])])


def map_outside(file: h5py.File) -> None:
    shape = file["vertices"].shape
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "vertices", shape=shape)
    del file["vertices"]
    file.create_virtual_dataset("vertices", layout)


@pytest.mark.parametrize("change", [link_outside, store_outside, map_outside])
@pytest.mark.parametrize(
    "call",
    [
        "gan data info bad.h5 --card out.md",
        "gan data check bad.h5",
        "gan data preview bad.h5 -o out.png",
        "gan data merge bad.h5 good.h5 -o out.h5",
        "gan train bad.h5 --out out",
        "gan baseline 3dmm bad.h5 -o out",
        "gan evaluate run bad.h5 -o out",
        "gan report run bad.h5 -o out",
    ],
)
def test_a_data_set_that_points_elsewhere_is_refused(call, change, trained):
    Path("run").symlink_to(trained)
    blobs(Path("good.h5"))
    shutil.copy("good.h5", "secret.h5")  # what it points to would be read without complaint
    Path("secret.bin").write_bytes(bytes(4096))
    shutil.copy("good.h5", "bad.h5")
    with h5py.File("bad.h5", "r+") as file:
        change(file)
    line = refused(call)
    assert "bad.h5" in line
    assert "links are not followed" in line
    assert not list(Path().glob("out*"))


def assert_harmless(path: Path) -> Page:
    page = path.read_text(encoding="utf-8")
    tags = Page(page)
    assert tags.handlers() == []
    assert all(image["src"].startswith("data:") for image in tags.all("img"))
    assert MARKER not in tags.script
    assert SCRIPT not in page
    assert PICTURE not in page
    return tags


def test_an_import_page_shows_names_as_text(monkeypatch):
    monkeypatch.setattr("gan.report.import_page.TILE", (12, 10))  # it is the words that are read
    manifest = write_folder(Path("meshes"), posed=False)
    rows = [line.split(",") for line in manifest.read_text().split()[1:]]
    odd = "<img src=x onerror=alert(1)>.obj"
    for k, row in enumerate(rows):
        row[1] = f"{PICTURE}{row[1]}"
        row[2] = SCRIPT if row[2] == "up" else row[2]
        if k == 0:
            (Path("meshes") / row[0]).replace(Path("meshes") / odd)
            row[0] = odd
    write_manifest(manifest, ("path", "subject", "expression"), [tuple(row) for row in rows])
    (Path("meshes") / rows[4][0]).write_text(SCRIPT)  # a mesh that is left out, with a reason
    page = Path(f"page{PICTURE.replace('/', '')}.html")
    call = ["data", "import", "meshes", "--manifest", str(manifest), "-o", f"{odd}.h5"]
    gan.succeed(*call, "--skip-bad", "--report", page)
    text = assert_harmless(page).text
    assert SCRIPT in text
    assert PICTURE in text


@pytest.mark.slow
def test_a_report_shows_names_as_text(trained):
    names = {
        "identity": [f"{PICTURE}{k}" for k in range(6)],
        "expression": ["neutral", SCRIPT, "--><svg onload=alert(1)>"],
    }
    data = blobs(Path("odd'\"><script>.h5"), names=names, provenance={"source": SCRIPT})
    from gan.training.loop import train
    from tests.gan.conftest import tiny

    folder = Path("run<img src=x onerror=alert(1)>")
    train(tiny(iterations=2), data, folder, device="cpu")
    gan.succeed("report", folder, "-o", "page.html")
    assert SCRIPT in assert_harmless(Path("page.html")).text


def test_a_card_shows_names_as_text_and_ends_its_front_matter_once():
    names = {
        "identity": [f"| a |\n---\n{SCRIPT}{k}" for k in range(6)],
        "expression": ["neutral", "[a](javascript:alert(1))", "`b`"],
    }
    source = {"source": f"x\n```\n{SCRIPT}", "licence": f"none\n---\nlicense: mit\n{SCRIPT}"}
    blobs(Path("odd.h5"), names=names, provenance=source)
    gan.succeed("data", "info", "odd.h5", "--card", "card.md")
    lines = Path("card.md").read_text().splitlines()
    assert lines[0] == "---"
    assert lines.count("---") == 2
    assert [line for line in lines if line.startswith("license:")] == ['license: "other"']
    body = lines[lines.index("---", 1) :]
    shown = [line for line in body if not line.startswith("    ")]  # indented: shown as it is
    assert not any(re.search(r"<|(?<!\\)\]\(", line) for line in shown)
