"""Train in children of a process that has torch loaded already, and kill them at chosen instants.

`python -c "from tests.system.fork_server import serve; serve()"` reads one job a line from stdin,
a JSON object, and answers with the child's wait status. The job says what to run and how it dies:

    arguments   of `gan`                 output   file for what it prints
    cache       folder for derived data
    after       seconds until SIGKILL    event    the change of a file below `run` before which it
                                                  kills itself, counted from 1
    half        the safetensors file, counted from 1, of which it writes half and kills itself
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link"}
ROOT = Path(__file__).parents[2]


class ForkServer:
    """The caller's end; a context manager."""

    def __enter__(self) -> "ForkServer":
        code = "from tests.system.fork_server import serve; serve()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def run(self, *arguments: object, output: Path, **death: Any) -> int:
        """Return the exit code, or minus the signal's number."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job = {"arguments": [str(a) for a in arguments], "output": str(output), **death}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return os.waitstatus_to_exitcode(int(self.process.stdout.readline()))


def serve() -> None:
    """Fork a child for every line of stdin until it is closed."""
    import gan.cli.train
    import gan.training.loop  # noqa: F401 - loaded once, for all children
    from gan.datasets.store import load_dataset  # noqa: F401

    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(job)
        print(_wait(child, job.get("after")), flush=True)


def _wait(child: int, after: float | None) -> int:
    """Return the child's wait status; kill it when its time is over."""
    if after is not None:
        end = time.monotonic() + after
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _run(job: dict[str, Any]) -> None:
    """Be the child: never returns."""
    code = 70
    signal.alarm(900)  # should the server itself be killed: its child must not train for ever
    try:
        output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["MESHKIT_GAN_CACHE"] = job["cache"]
        if "event" in job:
            _die_at_event(job["event"], job["run"])
        if "half" in job:
            _die_in_file(job["half"])
        from gan.cli import main

        with contextlib.suppress(SystemExit):
            code = 0
            main(job["arguments"], standalone_mode=True)
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at_event(number: int, below: str) -> None:
    """Die before the n-th change of a file or folder below a folder."""
    left = number

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        changes = event in CHANGES
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            changes = bool(writes) or (isinstance(mode, str) and any(c in mode for c in "wax+"))
        if changes and str(arguments[0]).startswith(below):
            left -= 1
            if left == 0:
                _die()

    sys.addaudithook(count)


def _die_in_file(number: int) -> None:
    """Write half of the n-th tensor file of a checkpoint, and die."""
    import safetensors.torch

    from gan.models import face_model
    from gan.runs import checkpoints

    real, left = safetensors.torch.save_file, number

    def save_half(tensors: Any, path: Any, metadata: Any = None) -> None:
        nonlocal left
        real(tensors, path, metadata)
        left -= 1
        if left == 0:
            os.truncate(path, os.path.getsize(path) // 2)
            _die()

    checkpoints.save_file = save_half  # type: ignore[assignment]
    for module in (face_model, sys.modules.get("gan.models.files")):
        if hasattr(module, "save_file"):
            module.save_file = save_half  # type: ignore[union-attr]
