"""The log of a training: one line a step that is logged, and TensorBoard's files beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from meshkit.files import atomic_path


class MetricsLog:
    """`metrics.jsonl`, one JSON object a line, and TensorBoard's files beside it.

    On opening, lines past `step` (written by a run that was killed before its next checkpoint)
    are dropped, so that every iteration stands there once.
    """

    def __init__(self, run: Path, step: int, *, tensorboard: bool) -> None:
        path = run / "metrics.jsonl"
        if path.exists():
            kept = [line for line in path.read_text().splitlines() if _step(line) <= step]
            with atomic_path(path) as aside:
                aside.write_text("".join(line + "\n" for line in kept))
        self._file = open(path, "a", buffering=1)  # noqa: SIM115 - closed by __exit__
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(run / "tensorboard", purge_step=step + 1)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def write(self, step: int, minutes: float, terms: Mapping[str, float]) -> None:
        """Append one line; `step` counts finished iterations."""
        row = {"step": step, "seconds": round(60 * minutes, 3), **terms}
        self._file.write(json.dumps(row) + "\n")
        if self._board is not None:
            for name, value in terms.items():
                self._board.add_scalar(name, value, step)

    def picture(self, step: int, image: np.ndarray) -> None:
        """Show a picture in TensorBoard."""
        if self._board is not None:
            self._board.add_image("faces", image, step, dataformats="HWC")


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line that a kill cut short
