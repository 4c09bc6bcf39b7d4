"""`gan baseline` as users call it, and the other commands on what it makes."""

import json
from pathlib import Path

import pytest

from tests.gan.baselines.conftest import FAST
from tests.gan.conftest import blobs


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return blobs(tmp_path / "blobs.h5", rings=6)


def options(name: str) -> list[str]:
    return [word for pair in (*FAST[name], "threads=1") for word in ("--set", pair)]


@pytest.mark.parametrize("name", list(FAST))
def test_a_run_serves_the_other_commands(name, dataset, gan, tmp_path):
    done = gan("baseline", name, dataset, *options(name))
    assert done.exit_code == 0, done.output
    assert f"runs/{name}: done after" in done.output
    assert "test faces come back within" in done.output
    run = Path("runs") / name
    found = json.loads((run / "reconstruction.json").read_text())
    assert f"within {found['test']['error']:.3f} mm" in done.output
    for command in (
        ("sample", run, "-n", "2", "-o", "out", "--expression", "left"),
        ("evaluate", run, "--samples", "20", "--pairs", "4"),
    ):
        result = gan(*command)
        assert result.exit_code == 0, (command, result.output)
    assert len(list(Path("out").glob("face-*.obj"))) == 2


def test_a_report_shows_a_baseline(dataset, gan):
    gan("baseline", "3dmm", dataset, "-o", "run", *options("3dmm"), "--seed", "7")
    result = gan("report", "run")
    assert result.exit_code == 0, result.output
    page = Path("run/report.html").read_text()
    assert "3DMM, additive principal components: identity 3" in page
    assert "seed = 7" in page


def test_out_of_time_then_resumed(dataset, gan):
    first = gan("baseline", "mae", dataset, "-o", "run", *options("mae"), "--minutes", "1e-9")
    assert "run: out of time after 1 of" in first.output, first.output
    again = gan("baseline", "mae", "-o", "run", "--resume", "--minutes", "9")
    assert "run: done after" in again.output, again.output
    assert "max_minutes = 9.0" in Path("run/config.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vae"], "unknown baseline 'vae'; known: 3dmm, coma, copula, mae, swap-vae"),
        (["coma", "--set", "filter=3"], "unknown key 'filter'; known here: kind, identity"),
        (["coma", "--set", "batch=0"], "batch: Input should be greater than or equal to 2, got 0"),
        (["mae", "--set", "image=24"], "image 24 is not a multiple of 16"),
        (["3dmm", "--set", "identity"], "expected key=value, as in epochs=50"),
        (["3dmm", "--set", "neutral=asleep"], "has no class 'asleep'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(dataset, fails, arguments, message):
    assert message in fails("baseline", arguments[0], dataset, *arguments[1:], "-o", "run")


def test_wrong_options_are_refused(dataset, gan):
    gan("baseline", "3dmm", dataset, "-o", "run", *options("3dmm"))
    for arguments, message in (
        (("coma", "--resume", "-o", "run"), "run is a run of 3dmm, not of coma"),
        (("coma", "--resume", "-o", "none"), "none is not a run directory"),
        (("coma",), "Missing argument 'DATASET'"),
    ):
        result = gan("baseline", *arguments)
        assert result.exit_code == 2, result.output
        assert message in result.output
