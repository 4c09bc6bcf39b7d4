"""A run trained for a few iterations on blobs, for the commands that use a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gan.training.loop import train
from tests.gan.conftest import blobs, tiny
from tests.system import commands
from tests.system.commands import Program


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
def gan() -> Program:
    """Call the command `gan` in this process."""
    return commands.gan


@pytest.fixture
def fails() -> Callable[..., str]:
    """Call `gan`, which must fail with one line; return the line."""
    return commands.gan.fails
