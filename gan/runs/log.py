"""The log of a training: one line a step that is logged, and TensorBoard's files beside it."""

import errno
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gan.runs.board import Board
from meshkit.files import atomic_path

CUT = float("inf")  # the step of a line that a kill cut short


class MetricsLog:
    """`metrics.jsonl`, one JSON object a line, and TensorBoard's files beside it.

    On opening, lines past `step` (written by a run that was killed before its next checkpoint)
    are dropped, so that every iteration stands there once.
    """

    def __init__(self, run: Path, step: int, *, tensorboard: bool) -> None:
        self._run = run
        self._path = run / "metrics.jsonl"
        self._tensorboard = tensorboard
        self._open(step)

    def _open(self, step: int) -> None:
        if self._path.exists():
            before = self._path.read_text(encoding="utf-8", errors="replace")
            lines = before.splitlines()
            kept = "".join(line + "\n" for line in lines if _step(line) <= step)
            damaged = sum(_step(line) == CUT for line in lines[:-1])
            if damaged:
                warnings.warn(f"{self._path}: {damaged} damaged lines dropped", stacklevel=3)
            if kept != before:
                with atomic_path(self._path, durable=True) as aside:
                    aside.write_text(kept, encoding="utf-8")
        # Unbuffered: a line is written whole or the run stops; nothing is tried again on closing.
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by close
        self._board = Board(self._run / "tensorboard", step) if self._tensorboard else None

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def rewind(self, step: int) -> None:
        """Drop what lies past `step`: the training goes on from there."""
        self.close()
        self._open(step)

    def write(
        self,
        step: int,
        minutes: float,
        terms: Mapping[str, float],
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one line; `step` counts finished iterations, `notes` are no curves.

        Raises
        ------
        OSError
            The disk is full.
        """
        row = {"step": step, "seconds": round(60 * minutes, 3), **terms, **(notes or {})}
        line = (json.dumps(row) + "\n").encode()
        try:
            written = self._file.write(line)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        if self._board is not None:
            self._board.scalars(step, terms)

    def sync(self) -> None:
        """Wait until the disk has every line: a checkpoint must not outlive the lines before it."""
        os.fsync(self._file.fileno())

    def picture(self, step: int, image: np.ndarray) -> None:
        """Show a picture in TensorBoard."""
        if self._board is not None:
            self._board.image(step, image)


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return CUT
