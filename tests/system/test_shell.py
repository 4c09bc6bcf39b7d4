"""What every command keeps to: exit codes, streams, -q and -v, NO_COLOR, completion, the doctor."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import gan.cli
import gan.cli.data
import meshkit
import meshkit.cli
from gan.errors import TrainingDiverged
from gan.probes import Probe, describe_cache, try_out
from meshkit.primitives import hemisphere
from tests.gan.conftest import blobs
from tests.system.commands import read_json, refuse, run, succeed, write
from tests.system.json_page import assert_documented

ENV = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
GROUPS = {"meshkit": meshkit.cli.main, "gan": gan.cli.main, "gan data": gan.cli.data.data}
LEAVES = [
    (program, name)
    for program, group in GROUPS.items()
    for name in group.lazy
    if (program, name) != ("gan", "data")
]
# `completion` prints a script; `register --sequence` and the like print facts.
FACTLESS = {("meshkit", "completion"), ("gan", "completion")}


@pytest.fixture(autouse=True)
def folder(workdir):
    write("dome.obj", *hemisphere(3))
    return workdir


def pipe(data: bytes, *arguments: str) -> tuple[bytes, str]:
    """Call meshkit with bytes on stdin; return the bytes on stdout, and stderr."""
    done = CliRunner().invoke(meshkit.cli.main, arguments, input=data)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes, done.stderr


@pytest.mark.parametrize(("program", "name"), LEAVES)
def test_every_command_has_the_common_options(program, name):
    group = GROUPS[program]
    command = group.get_command(click.Context(group), name)
    options = [option for parameter in command.params for option in parameter.opts]
    assert len(set(options)) == len(options)
    assert {"--quiet", "-q", "--verbose", "-v"} <= set(options)
    assert ("--json" in options) == ((program, name) not in FACTLESS)


@pytest.mark.parametrize("form", ["obj", "ply", "off", "stl", "glb", "npz"])
def test_a_mesh_comes_through_stdin_as_from_its_file(form):
    meshkit.save_mesh(f"m.{form}", meshkit.load_mesh("dome.obj"))
    said, _ = pipe(Path(f"m.{form}").read_bytes(), "check", "-", "--format", form, "--json")
    assert {**json.loads(said), "file": f"m.{form}"} == read_json("check", f"m.{form}")


def test_a_mesh_goes_through_a_pipe_of_two_commands():
    """As if it had been written between them; stdout holds the mesh and nothing else."""
    ply, said = pipe(Path("dome.obj").read_bytes(), "repair", "-", "--orientation", "-o", "-")
    assert "<stdout>" in said
    piped, _ = pipe(ply, "uvmap", "-", "-o", "-")
    succeed("uvmap", "dome.obj", "-o", "direct.obj")
    assert piped == Path("direct.obj").read_bytes()


def test_an_output_takes_the_format_of_the_file_that_comes_in():
    meshkit.save_mesh("dome.ply", meshkit.load_mesh("dome.obj"))
    assert pipe(b"", "repair", "dome.ply", "--orientation", "-o", "-")[0].startswith(b"ply\n")


def test_what_is_wrong_on_stdin_is_told_by_its_name():
    done = CliRunner().invoke(meshkit.cli.main, ["check", "-"], input=b"v 0 0\n")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: <stdin>:1: ")


def test_quiet_leaves_files_exit_codes_and_json():
    loud, still = succeed("uvmap", "dome.obj", "-o", "a.obj"), succeed("uvmap", "dome.obj", "-q")
    assert loud.stdout
    assert (still.stdout, still.stderr) == ("", "")
    assert Path("dome_uv.obj").read_bytes() == Path("a.obj").read_bytes()
    assert json.loads(succeed("check", "dome.obj", "-q", "--json").stdout)["usable"]
    piped, said = pipe(b"", "uvmap", "dome.obj", "-o", "-", "-q")
    assert (piped, said) == (Path("a.obj").read_bytes(), "")
    refuse("check", "nothing.obj", "-q", says="nothing.obj")
    assert "TTY_COMPATIBLE" not in os.environ


def test_verbose_says_what_it_cost_and_where_an_error_comes_from():
    assert "s of processor" in succeed("check", "dome.obj", "-v").stderr
    done = run("check", "nothing.obj", "-v")
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in run("check", "nothing.obj").stderr


def test_no_color_takes_the_colours_away():
    def said(**env: str) -> str:
        call = [sys.executable, "-m", "meshkit", "check", "dome.obj"]
        done = subprocess.run(call, env=ENV | env, capture_output=True, text=True, check=True)
        return done.stdout

    assert "\x1b[1;32m" in said(FORCE_COLOR="1")
    assert "32m" not in said(FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b" not in said()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("program", ["meshkit", "gan"])
def test_completion_is_the_programs_own(program, shell):
    done = CliRunner().invoke(GROUPS[program], ["completion", shell])
    assert done.exit_code == 0
    assert f"_{program.upper()}_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("program", "words", "expected"),
    [
        ("meshkit", "meshkit uvm", {"uvmap"}),
        ("meshkit", "meshkit uvmap --weights ", {"auto", "cotan", "mean-value"}),
        ("gan", "gan data con", {"convert-ict", "convert-vitruvian"}),
    ],
)
def test_what_is_completed(program, words, expected):
    call = [sys.executable, "-c", f"from {program}.cli import main; main(prog_name='{program}')"]
    parts = [*words.split(), ""] if words.endswith(" ") else words.split()
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(parts) - 1)}
    env = ENV | asked | {f"_{program.upper()}_COMPLETE": "bash_complete"}
    done = subprocess.run(call, env=env, capture_output=True, text=True, check=True)
    assert expected <= {line.partition(",")[2] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_its_code(number, code):
    """In a shell, which adds 128 to the number of a signal that kills."""
    call = f"exec {sys.executable} -m meshkit check -"
    waiting = subprocess.Popen(
        ["sh", "-c", call], stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    while not reads_stdin(waiting.pid):
        time.sleep(0.02)
        assert waiting.poll() is None
    waiting.send_signal(number)
    ended = waiting.wait(timeout=60)
    assert (128 - ended if ended < 0 else ended) == code
    waiting.stdin.close()
    waiting.stderr.close()


def reads_stdin(pid: int) -> bool:
    """Tell whether a process waits for a pipe: everything is imported, and handlers are set."""
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text(encoding="utf-8")


def test_the_codes_of_the_page():
    assert run("check", "dome.obj").exit_code == 0
    assert run("check", "nothing.obj").exit_code == 1
    assert run("check", "dome.obj", "--nonsense").exit_code == 2


def test_a_loss_that_is_not_finite_has_a_code_of_its_own(tmp_path, monkeypatch):
    def diverge(*arguments: object, **options: object) -> None:
        raise TrainingDiverged("step 7: g/adversarial is nan")

    monkeypatch.setattr("gan.training.loop.train", diverge)
    call = ["train", str(blobs(tmp_path / "blobs.h5")), "--out", "run", "--preset", "demo"]
    done = CliRunner().invoke(gan.cli.main, [*call, "--device", "cpu"])
    assert (done.exit_code, done.stderr) == (3, "Error: step 7: g/adversarial is nan\n")


@pytest.mark.parametrize(
    ("package", "code", "state", "remark"),
    [
        ("json", "print('{\"x\": 1}')", "works", "x 1"),
        ("no_such_package", "", "missing", "what for"),
        ("json", "assert False, 'broken'", "fails", "broken (what for)"),
        ("json", "import os; os.kill(os.getpid(), 11)", "crashes", "killed by signal 11"),
        ("json", "import time; time.sleep(60)", "hangs", "no answer in 5 s"),
        ("json", "raise SystemExit(3)", "missing", "what for"),
    ],
)
def test_the_doctor_tells_what_becomes_of_a_library(package, code, state, remark):
    found = try_out(Probe("it", package, code, "what for"), 5.0)
    assert found.state == state
    assert remark in found.remark


def test_the_doctor_weighs_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    assert describe_cache()["bytes"] == 0
    (tmp_path / "cache" / "deep").mkdir()
    np.save(tmp_path / "cache" / "deep" / "x.npy", np.zeros(1000, np.uint8))
    found = describe_cache()
    assert (found["files"], found["bytes"]) == (1, 1128)
    assert found["folder"] == str(tmp_path / "cache")


def test_doctor_reports_and_judges(monkeypatch):
    good = Probe(
        "torch", "json", 'print(\'{"device": "cpu", "name": "x", "threads": 2}\')', "", True
    )
    for code, expected in (("pass", 0), ("raise SystemExit('no')", 1)):
        monkeypatch.setattr("gan.probes.PROBES", (good, Probe("h5py", "json", code, "data", True)))
        done = CliRunner().invoke(gan.cli.main, ["doctor", "--json"])
        assert done.exit_code == expected, done.output
        report = json.loads(done.stdout)
        assert report["healthy"] == (expected == 0)
        assert report["device"]["threads"] == 2
        assert_documented("gan doctor", report)
        assert CliRunner().invoke(gan.cli.main, ["doctor"]).exit_code == expected
    done = CliRunner().invoke(
        gan.cli.main, ["doctor", "TORCH", "--json"]
    )  # the broken one is not tried
    assert (done.exit_code, list(json.loads(done.stdout)["works"])) == (0, ["torch"])
    done = CliRunner().invoke(gan.cli.main, ["doctor", "jpeg"])
    assert done.output == "Error: 'jpeg' is none of what can be tried: torch, h5py\n"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            MemoryError("Unable to allocate 7.28 TiB"),
            "memory is full (Unable to allocate 7.28 TiB)",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB"), "the device is full (CUDA"),
    ],
)
def test_too_little_memory_is_one_line_with_a_remedy(monkeypatch, error, says):
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(import_module("gan.datasets.store"), "load_dataset", fail)
    line = _out_of_memory()
    assert says in line
    assert "training.batch" in line


def test_torch_without_memory_on_a_cpu_is_one_line(monkeypatch):
    monkeypatch.setattr(
        import_module("gan.datasets.store"), "load_dataset", lambda path: torch.empty(10**15)
    )
    assert "memory is full ([enforce fail" in _out_of_memory()


def _out_of_memory() -> str:
    blobs(Path("blobs.h5"))
    result = CliRunner().invoke(gan.cli.main, ["data", "info", "blobs.h5"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.strip().splitlines()
    return line
