"""What a run's directory says about itself, and the lock that keeps a second writer out."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from gan.datasets.store import Dataset
from gan.errors import CheckpointError
from gan.provenance import provenance
from meshkit.files import atomic_path
from meshkit.io import save_mesh
from meshkit.mesh import Mesh


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    run: Path
    step: int
    iterations: int
    minutes: float
    reason: str  # "done", "interrupted" or "out of time"


@dataclass(frozen=True)
class RunRecord:
    """What a run's directory says about its origin: `run.json`."""

    dataset: Path
    fingerprint: str
    training_meshes: int
    device: str
    versions: dict[str, str]


def read_run(run: Path) -> RunRecord:
    """Read `run.json`.

    Raises
    ------
    CheckpointError
        The folder is not a run, or the file is damaged.
    """
    try:
        record = json.loads((run / "run.json").read_text())
        return RunRecord(Path(record.pop("dataset")), **record)
    except FileNotFoundError:
        raise CheckpointError(f"{run} is not a run directory: it has no run.json") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{run}/run.json is damaged: {error}") from None


def write_run_files(
    run: Path,
    dataset: Dataset,
    *,
    config: str,
    training_meshes: int,
    device: torch.device,
    template: Mesh,
) -> None:
    """Write what a run's directory says about itself; `config` is TOML."""
    with atomic_path(run / "config.toml") as aside:
        aside.write_text(config)
    record = {
        "dataset": str(dataset.path.resolve()),
        "fingerprint": dataset.fingerprint,
        "training_meshes": training_meshes,
        "device": str(device),
        "versions": provenance(),
    }
    with atomic_path(run / "run.json") as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n")
    save_mesh(run / "template.obj", template)


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        CUDA is asked for and absent, or the name is unknown.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.split(":")[0] not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:N")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("--device cuda: this torch finds no GPU; use --device cpu")
    return torch.device(name)


@contextmanager
def one_writer(run: Path) -> Iterator[None]:
    """Make the run's directory and hold its lock, so that two processes never write into it."""
    run.mkdir(parents=True, exist_ok=True)
    path = run / ".lock"
    if path.exists() and _alive(path.read_text()):
        raise CheckpointError(f"{run} is being trained by process {path.read_text().strip()}")
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    if not pid.strip().isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
