"""Every command shows how it is called, in an example that can work, and what it prints."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import gan.cli
import gan.cli.data
from gan.runs.checkpoints import load_model
from meshkit.cli import COMMANDS, main
from tests.gan.conftest import blobs
from tests.system.commands import dome, read_json, succeed, write

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
SECTIONS = dict(
    re.findall(
        r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)
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


def test_every_command_is_on_the_page():
    served = {"view"}  # prints when its server listens, and does not end
    assert {name for name in SECTIONS if not name.startswith("gan ")} == set(CALLS) | served
    assert {call.split()[0] for call in CALLS} == set(COMMANDS) - {"completion"} - served


@pytest.mark.parametrize("call", CALLS)
def test_json_has_the_keys_of_the_page(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("m.obj", "pose.obj"):
        write(name, *dome(4))
    write("ring.obj", *dome(4, holes=True))
    if call == "unimg":
        succeed("geomimg", "m.obj", "--size", "8", "-o", "g.npz")
    values: dict[str, Any] = read_json(call.split()[0], *CALLS[call])
    said = set(re.findall(r"`(\w+)`", SECTIONS[call]))
    missing = values.keys() - said
    assert missing == set(), "not on the page"
    inner = {key for value in values.values() for key in _keys(value)}
    assert said <= values.keys() | inner, "on the page, but not printed"


def _keys(value: object) -> set[str]:
    """Return the keys of objects inside a value."""
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in _keys(item)}
    if isinstance(value, list):
        return {key for item in value for key in _keys(item)}
    return set()


GAN_CALLS: dict[str, tuple[str, ...]] = {
    "gan data info": ("blobs.h5",),
    "gan data check": ("blobs.h5",),
    "gan data preview": ("blobs.h5", "-o", "sheet.png", "--tile", "32"),
    "gan plugins": (),
    "gan train --dry-run": ("blobs.h5", "--device", "cpu"),
    "gan sample": ("run", "-n", "1", "-o", "out"),
    "gan transfer": ("run", "one.obj", "one.obj", "-o", "out.obj"),
    "gan reproduce --dry-run": ("--size", "tiny", "-o", "study"),
    "gan report": ("run", "-o", "page.html"),
}


@pytest.mark.parametrize("call", GAN_CALLS)
def test_json_of_gan_has_the_keys_of_the_page(call, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    blobs(Path("blobs.h5"))
    arguments = GAN_CALLS[call]
    if "run" in arguments:
        Path("run").symlink_to(request.getfixturevalue("trained"))
        model = load_model("run")
        V = model.template.double().numpy()
        write("one.obj", V, model.faces.numpy())
    result = CliRunner().invoke(gan.cli.main, [*call.split()[1:], *arguments, "--json"])
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    said = set(re.findall(r"`(\w+)`", SECTIONS[call]))
    assert values.keys() - said == set(), "not on the page"
    inner = {key for value in values.values() for key in _keys(value)}
    assert said <= values.keys() | inner, "on the page, but not printed"


def test_sections_of_gan_name_commands():
    commands = {f"gan {name}" for name in gan.cli.COMMANDS} | {
        f"gan data {name}" for name in gan.cli.data.COMMANDS
    }
    named = {name.split(" --")[0] for name in SECTIONS if name.startswith("gan ")}
    assert named <= commands
