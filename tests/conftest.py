"""Fixtures shared by all tests: threads, and the real faces when they are at hand."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MESHKIT_PROGRESS_SECONDS", "0")  # what a test waits for is slow under load
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two workers on two cores

# Started in the background or by nohup, a process is deaf to these; what it starts would be, too.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )

# A machine under load is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def faces() -> Path:
    """Return the folder of real face models; skip where it is absent, fail if it must be there."""
    folder = Path(os.environ.get("MESHKIT_FACES", ROOT.parent / "shared" / "faces"))
    if not folder.is_dir():
        reason = f"{folder} is absent: set MESHKIT_FACES to a folder with ict/ and makehuman/"
        if os.environ.get("MESHKIT_REQUIRE_FACES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.cuda)])
def cuda(request):
    """Return a CUDA device: a simulated one, and with -m cuda a real one."""
    import torch

    from tests.simulated_cuda import simulated_cuda

    with simulated_cuda() if request.param == "simulated" else contextlib.nullcontext():
        yield torch.device("cuda")
