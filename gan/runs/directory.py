"""What a run's directory says about itself; its lock is in `gan.runs.lock`."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from gan.datasets.store import Dataset
from gan.errors import CheckpointError
from gan.provenance import provenance
from gan.runs.lock import one_writer
from meshkit.files import atomic_path
from meshkit.io import save_mesh
from meshkit.mesh import Mesh

__all__ = ["Outcome", "RunRecord", "one_writer", "pick_device", "read_run", "write_run_files"]


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
        kinds = {"dataset": str, "fingerprint": str, "training_meshes": int, "device": str}
        for name, kind in kinds.items():
            if not isinstance(record[name], kind):
                raise TypeError(f"{name} is {record[name]!r}")
        return RunRecord(Path(record.pop("dataset")), **record)
    except FileNotFoundError:
        if not run.exists():
            raise CheckpointError(f"{run}: no such run directory") from None
        raise CheckpointError(f"{run} is not a run directory: it has no run.json") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
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
    with atomic_path(run / "config.toml", durable=True) as aside:
        aside.write_text(config)
    record = {
        "dataset": str(dataset.path.resolve()),
        "fingerprint": dataset.fingerprint,
        "training_meshes": training_meshes,
        "device": str(device),
        "versions": provenance(),
    }
    with atomic_path(run / "run.json", durable=True) as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n")
    save_mesh(run / "template.obj", template)


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is CUDA where there is one.

    A GPU with a number becomes this process's current one: streams, events and compiled kernels
    go by that, not by where tensors lie.

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
        raise ValueError("device cuda: this torch finds no GPU; use cpu")
    device = torch.device(name)
    if device.index is not None and device.type == "cuda":
        torch.cuda.set_device(device)
    return device
