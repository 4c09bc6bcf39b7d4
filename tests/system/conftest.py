"""A run trained for a few iterations on blobs, for the commands that use a run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gan.cli import main
from gan.training.loop import train
from tests.gan.conftest import blobs, tiny


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """Return a run directory; its data set lies beside it. Tests copy it before they change it."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        train(tiny(), blobs(folder / "blobs.h5"), folder / "run", device="cpu")
    return folder / "run"


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    """Change into an empty folder; return it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gan() -> Callable[..., Result]:
    """Call the command `gan` in this process; whatever it raises but its exit is an error."""

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    return call


@pytest.fixture
def fails(gan) -> Callable[..., str]:
    """Call `gan`, which must fail with one line; return the line."""

    def call(*arguments: object) -> str:
        result = gan(*arguments)
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        assert result.exit_code == 1, result.output
        errors = [line for line in lines if not line.startswith("warning: ")]
        assert len(errors) == 1, result.stderr
        return errors[0]

    return call
