"""The notebook and the pages' commands run; every command exists; pages build without warnings.

In a page, a block marked `sh` runs here from top to bottom, in a folder with the files that pages
take as given; an indented block shows a command whose files are the reader's, and is only parsed.
"""

import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gan.cli import main as gan_main
from gan.datasets.procedural import ProceduralHead
from meshkit.cli import main as meshkit_main
from meshkit.io import save_mesh
from meshkit.mesh import Mesh

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROGRAMS = {"meshkit": meshkit_main, "gan": gan_main}
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / "data").glob("*.md"), *ROOT.glob("*.md")])


def commands(page: Path) -> list[list[str]]:
    """The calls of our programs in the shell blocks of a page, a pipe's parts one by one."""
    found = []
    text = page.read_text("utf-8")
    indented = re.sub(r"^(?!    ).*\n", "", text.replace("\\\n", " "), flags=re.MULTILINE)
    for block in [*re.findall(r"```sh\n(.*?)```", text, re.DOTALL), indented]:
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"[|;]", re.sub(r"#.*", "", line)):
                if part.split()[:1] and part.split()[0] in PROGRAMS:
                    found.append(shlex.split(part.partition(" > ")[0]))
    return found


CALLS = [(page.name, call) for page in PAGES for call in commands(page)]


@pytest.mark.parametrize(("page", "call"), CALLS, ids=lambda value: str(value)[:60])
def test_a_guide_calls_what_there_is(page, call):
    """The command exists, and so do its options: read, but not run."""
    command: click.Command | None = PROGRAMS[call[0]]
    words = call[1 : call.index("--") if "--" in call else None]  # the rest is another program's
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, call
    known = {option for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known | {"--help"}, call


# What makes a command quick; it changes no file that a later command of the page reads.
CHEAP = {
    "gan data make": ["--size", "tiny"],
    "gan train": ["--set", "training.iterations=2", "--set", "training.threads=1"],
    "gan compare": ["--metrics", "specificity", "--samples", "20", "--pairs", "10", "--no-figures"],
    "gan evaluate": ["--samples", "20", "--pairs", "10"],
    "gan fit": ["--starts", "1", "--steps", "5"],
}
RUNNABLE = [
    page
    for page in PAGES
    if page.is_relative_to(DOCS) and "```sh\n" in page.read_text() and page.stem != "index"
]  # the index installs


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """A folder with the mesh, the data set and the runs that pages take as given."""
    folder = tmp_path_factory.mktemp("given")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        Path("runs").mkdir()
        head = ProceduralHead()
        save_mesh("face.obj", Mesh(head.template, head.faces))
        call("meshkit uvmap face.obj --fill-holes -o face_uv.obj")
        call("gan data make -o faces.h5")
        call("gan train faces.h5 --preset demo --out runs/faces")
        call("gan baseline 3dmm faces.h5 -o runs/3dmm")
    return folder


def call(line: str) -> None:
    """Run a line of a page in this process: our programs, their pipes, and `python -c`."""
    piped = None
    for part in line.split(" | "):
        words = shlex.split(part, comments=True)
        if words[:2] == ["python", "-c"]:
            exec(compile(words[2], line, "exec"), {})
            continue
        known = [name for name in CHEAP if part.startswith(name)]
        words += [word for name in known for word in CHEAP[name]]
        result = CliRunner().invoke(PROGRAMS[words[0]], words[1:], input=piped)
        assert result.exit_code == 0, (line, result.output, result.exception)
        piped = result.stdout_bytes


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_from_top_to_bottom(page, given, tmp_path, monkeypatch):
    shutil.copytree(given, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    made = [line for line in lines if "--out runs/" in line or "-o runs/" in line]
    if made:
        shutil.rmtree("runs")
    for line in lines:
        call(line)


def test_the_guides_have_calls():
    assert len(CALLS) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / link).exists(), link


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """To the same words as are printed in the file, but for numbers that differ by machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    kept = json.loads((DOCS / "notebook.ipynb").read_text("utf-8"))
    run = runpy.run_path(str(ROOT / "tools" / "run_notebook.py"))["run_notebook"]
    fresh = run(json.loads(json.dumps(kept)))
    assert said(fresh) == said(kept)
    assert sum("image/png" in out.get("data", {}) for out in outputs(fresh)) == 2


def outputs(notebook: dict) -> list[dict]:
    return [out for cell in notebook["cells"] for out in cell.get("outputs", ())]


def said(notebook: dict) -> str:
    text = "".join("".join(out.get("text", ())) for out in outputs(notebook))
    return re.sub(r"\d+\.\d+", "x", text)


@pytest.mark.slow
def test_the_pages_are_built_without_a_warning(tmp_path):
    call = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(DOCS), "-W", "-q"]
    done = subprocess.run(
        [*call, str(ROOT), str(tmp_path / "html")], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    reference = (tmp_path / "html/docs/reference/meshkit.html").read_text("utf-8")
    import meshkit

    assert [name for name in meshkit.__all__ if f'id="meshkit.{name}"' not in reference] == []
