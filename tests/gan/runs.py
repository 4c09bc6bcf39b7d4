"""What tests ask of a run's directory; damage done to its checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gan.runs.checkpoints import RECORD, _checksum, _sha256, list_checkpoints, load_model


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_model(run).weights


def logged(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(one: Path, two: Path) -> None:
    """The same weights bit for bit, the same lines but for the time."""
    torch.testing.assert_close(weights(one), weights(two), rtol=0, atol=0)
    ours, theirs = ([{**row, "seconds": 0} for row in logged(run)] for run in (one, two))
    assert ours == theirs


def rewrite(checkpoint: Path, **changes: Any) -> None:
    """Change what the record says, and make its checksums right again."""
    record = json.loads((checkpoint / RECORD).read_text())
    del record["checksum"]
    record |= changes
    record["sha256"] = {name: _sha256(checkpoint / name) for name in record["sha256"]}
    record["checksum"] = _checksum(record)
    (checkpoint / RECORD).write_text(json.dumps(record))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text('{"step": ')


def nothing(path: Path) -> None:
    path.unlink()


DAMAGE: list[Callable[[Path], None]] = [truncate, flip, empty, text, nothing]


def newest(run: Path) -> Path:
    return list_checkpoints(run)[-1]
