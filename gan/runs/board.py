"""TensorBoard's files: welcome, but no reason for a training to stop."""

import threading
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np


class Board:
    """Curves and pictures for TensorBoard; after the first failed write it warns and is silent."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._writer: Any = None
        self._broken = False
        self._hook = threading.excepthook
        threading.excepthook = self._quietly
        self._try(lambda: setattr(self, "_writer", SummaryWriter(folder, purge_step=step + 1)))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to every curve."""
        for name, value in values.items():
            self._try(partial(self._add, name, value, step))

    def image(self, step: int, image: np.ndarray) -> None:
        """Show a picture."""
        self._try(lambda: self._writer.add_image("faces", image, step, dataformats="HWC"))

    def _add(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is pending."""
        self._try(lambda: self._writer.close())
        threading.excepthook = self._hook

    def _try(self, write: Callable[[], Any]) -> None:
        if self._broken:
            return
        try:
            write()
        except OSError as error:
            self._broken = True
            why = error.strerror or error
            warnings.warn(f"{self._folder}: {why}: nothing more for TensorBoard", stacklevel=4)

    def _quietly(self, failure: threading.ExceptHookArgs) -> None:
        """Leave a failed write of TensorBoard's thread to the next call, which meets it again."""
        if not isinstance(failure.exc_value, OSError):
            self._hook(failure)
