"""Every command shows how it is called, in an example that can work, and what it prints."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest

import gan.cli
from gan.config import dump_config
from gan.datasets.converting import ict, vitruvian
from gan.runs.checkpoints import load_model
from meshkit.cli import COMMANDS, main
from meshkit.viewing.server import ViewServer
from tests.gan.conftest import blobs, tiny
from tests.gan.registered import write_folder
from tests.gan.study.small_study import JUDGES
from tests.gan.test_speech import WORD, write_grid
from tests.system import commands
from tests.system.commands import dome, read_json, succeed, write
from tests.system.json_page import SECTIONS, assert_documented

TESTS = Path(__file__).parents[1]
CALLS: dict[str, tuple[str, ...]] = {
    "check": ("ring.obj",),
    "repair": ("m.obj", "--unreferenced"),
    "uvmap": ("m.obj", "--balance", "8"),
    "geomimg": ("m.obj", "--size", "16"),
    "unimg": ("g.npz",),
    "render": ("m.obj", "--size", "16", "--mode", "scalar", "--field", "z", "--turntable", "2"),
    "laplacian": ("m.obj", "--eigen", "2"),
    "register": ("m.obj", "m.obj", "-o", "r.obj"),
    "register --sequence": ("m.obj", "m.obj", "--sequence", "-o", "fits"),
    "align": ("m.obj", "-o", "aligned"),
    "transfer": ("m.obj", "m.obj", "pose.obj", "-o", "poses"),
    "info": (),
    "view": ("m.obj", "--port", "0"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_whose_options_exist(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    text = " ".join(succeed(name, "--help").stdout.split())
    examples = re.findall(rf"Example: meshkit {name} ?(.*?)(?= Example:| Options:)", text)
    assert examples
    for example in examples:
        assert set(re.findall(r"(?<= )--?[a-z-]+|^--[a-z-]+", example)) <= known, example


def commands_with_json(group: click.Group, name: str) -> Iterator[str]:
    """Every command below a group that takes --json, as it is called."""
    ctx = click.Context(group)
    for word in group.list_commands(ctx):
        command = group.get_command(ctx, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands_with_json(command, f"{name} {word}".strip())
        elif any("--json" in parameter.opts for parameter in command.params):
            yield f"{name} {word}".strip()


def test_every_command_with_json_is_on_the_page():
    commands = {*commands_with_json(main, ""), *commands_with_json(gan.cli.main, "gan")}
    assert {name.split(" --")[0] for name in SECTIONS} == commands


def test_every_section_is_held_against_a_real_call():
    """By the calls of this file, or where a test has the output at hand."""
    pattern = re.compile(r'assert_documented\(\s*"([^"]+)"')
    files = [p for p in TESTS.rglob("test_*.py") if p != Path(__file__)]
    elsewhere = {name for p in files for name in pattern.findall(p.read_text("utf-8"))}
    assert SECTIONS.keys() == elsewhere | CALLS.keys() | GAN_CALLS.keys()


@pytest.mark.parametrize("call", CALLS)
def test_json_has_the_keys_of_the_page(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ViewServer, "wait", lambda server, ready: ready())
    for name in ("m.obj", "pose.obj"):
        write(name, *dome(4))
    write("ring.obj", *dome(4, holes=True))
    if call == "unimg":
        succeed("geomimg", "m.obj", "--size", "8", "-o", "g.npz")
    assert_documented(call, read_json(call.split()[0], *CALLS[call]))


GAN_CALLS: dict[str, tuple[str, ...]] = {
    "gan data info": ("blobs.h5",),
    "gan data make": ("--subjects", "4", "--stills", "1", "--sequences", "0", "-o", "out.h5"),
    "gan data import": ("meshes", "--manifest", "meshes.csv", "-o", "out.h5", "--jobs", "1"),
    "gan data visemes": ("a.TextGrid", "--fps", "10", "-o", "out.csv"),
    "gan data merge": ("blobs.h5", "more.h5", "-o", "out.h5"),
    "gan data check": ("blobs.h5",),
    "gan data preview": ("blobs.h5", "-o", "sheet.png", "--tile", "32"),
    "gan data convert-ict": (".", "-o", "out.npz"),
    "gan data convert-vitruvian": (".", "-o", "out.npz"),
    "gan plugins": (),
    "gan train --dry-run": ("blobs.h5", "--device", "cpu"),
    "gan train": ("blobs.h5", "--device", "cpu", "--config", "tiny.toml", "--out", "out"),
    "gan baseline": ("3dmm", "blobs.h5", "--device", "cpu", "--set", "threads=1", "-o", "out"),
    "gan sample": ("run", "-n", "1", "-o", "out"),
    "gan fit": ("run", "marks.json", "--steps", "3", "--starts", "2", "-o", "out"),
    "gan transfer": ("run", "one.obj", "one.obj", "-o", "out.obj"),
    "gan interpolate": ("run", "one.obj", "one.obj", "--steps", "2", "-o", "out"),
    "gan view": ("run", "--port", "0"),
    "gan judge": (
        *("blobs.h5", "--device", "cpu"),
        *(w for option in JUDGES.split() for w in ("--set", f"decoupling.{option}")),
    ),
    "gan reproduce --dry-run": ("--size", "tiny", "-o", "study"),
    "gan report": ("run", "-o", "page.html"),
}
RARE = {"gan data import": frozenset({"measure", "mm"})}  # of outliers, of which there are none


@pytest.mark.parametrize("call", GAN_CALLS)
def test_json_of_gan_has_the_keys_of_the_page(call, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ViewServer, "wait", lambda server, ready: ready())
    blobs(Path("blobs.h5"))
    arguments = GAN_CALLS[call]
    if "run" in arguments:
        Path("run").symlink_to(request.getfixturevalue("trained"))
        model = load_model("run")
        V = model.template.double().numpy()
        write("one.obj", V, model.faces.numpy())
        marks = [{"template": k, "scan": V[k].tolist()} for k in range(0, len(V), 9)]
        Path("marks.json").write_text(json.dumps({"landmarks": marks}))
    if "more.h5" in arguments:
        blobs(Path("more.h5"))
    Path("tiny.toml").write_text(dump_config(tiny(iterations=1)))
    if "meshes" in arguments:
        write_folder(Path("meshes"))
    if "a.TextGrid" in arguments:
        write_grid("a.TextGrid", {"phones": WORD})
    monkeypatch.setattr(ict, "convert_ict", lambda *_, **__: None)
    monkeypatch.setattr(vitruvian, "convert_vitruvian", lambda *_, **__: None)
    monkeypatch.setattr("gan.training.loop.draw_progress", lambda *_: np.zeros((2, 2, 3), "u1"))
    values = commands.gan.read_json(*call.split()[1:], *arguments)
    assert_documented(call, values, rare=RARE.get(call, frozenset()))
