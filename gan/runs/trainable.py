"""What the trainer asks of whatever it trains: a GAN, a baseline, a judge.

To train something new, subclass `Trainable`; `gan.runs.trainer.train_into` does the rest: the loop,
the log, checkpoints, resumption, interruption, the limit of time, rolling back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator


@dataclass(kw_only=True)
class Position:
    """How far a training is; checkpoints hold it."""

    step: int = 0  # steps that are done
    minutes: float = 0.0  # of training so far, over all resumptions
    rollbacks: list[dict[str, Any]] = field(default_factory=list)  # after divergence, in order


class Habits(NamedTuple):
    """What a training writes, and when it stops or goes back; none of it decides the weights.

    Attributes
    ----------
    log_every : steps between lines of the log; the last step has one
    checkpoint_every : steps between checkpoints, that a rollback goes back to; None: by the clock
    checkpoint_minutes : minutes between checkpoints beside those
    picture_every : steps between pictures; 0: none
    keep : checkpoints
    max_minutes : of training, after which it stops cleanly
    rollback : whether a divergence halves the rates and goes back, instead of stopping
    tensorboard : whether TensorBoard's files are written
    """

    log_every: int = 10
    checkpoint_every: int | None = None
    checkpoint_minutes: float | None = None
    picture_every: int = 0
    keep: int = 2
    max_minutes: float | None = None
    rollback: bool = False
    tensorboard: bool = False


class Trainable(ABC):
    """Weights that change step by step, and everything that a resumed run needs of them.

    Attributes
    ----------
    at : how far it is
    steps : how many there are to do
    device : on which its tensors are
    unit : what a step is called in messages
    stage : what its progress is called
    beside : whether its checkpoints and pictures are written while it goes on; `model` must then
        return a copy
    """

    at: Position
    steps: int
    device: torch.device
    unit: str = "step"
    stage: str = "training"
    beside: bool = False

    @abstractmethod
    def advance(self) -> None:
        """Take one step, in place, and count it.

        Raises
        ------
        TrainingDiverged
            A term is not finite; the weights are still those of before.
        """

    @abstractmethod
    def terms(self) -> dict[str, float]:
        """Return the last value of every term of the losses, for the log."""

    @abstractmethod
    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield what must be finite in a checkpoint, with its name."""

    @abstractmethod
    def contents(self) -> dict[str, Any]:
        """Return what steps change: tensors (live ones need no copy), numbers, text, nested."""

    @abstractmethod
    def take_over(self, saved: Mapping[str, Any], checkpoint: Path) -> None:
        """Set everything, in place, to what `contents` returned."""

    @abstractmethod
    def origin(self) -> dict[str, Any]:
        """Return what the training rests on, as JSON: a checkpoint's record."""

    @abstractmethod
    def compare(self, record: Mapping[str, Any], checkpoint: Path) -> list[str]:
        """Return what a checkpoint's configuration changes, line by line; refuse another origin.

        Raises
        ------
        CheckpointError
            It was made with other data, or with a configuration that ends in other weights.
        """

    def read_older(
        self, record: Mapping[str, Any], tensors: Mapping[str, Tensor], checkpoint: Path
    ) -> dict[str, Any]:
        """Return the contents of a checkpoint of an older layout, if it can be read."""
        raise CheckpointError(f"{checkpoint}: an older version of this software wrote it")

    def model(self, *, thorough: bool) -> FaceGenerator | None:
        """Return the face model as it is now, if there is one; `thorough`: at the end."""
        return None

    def confirm(self) -> None:  # noqa: B027 - most apply every step at once
        """Make sure that every step so far was applied; TrainingDiverged if one was not."""

    def after_step(self) -> dict[str, float]:
        """Return what is logged of this step whether a line is due or not."""
        return {}

    def score(self) -> float | None:
        """Return how good it is by people held out, lower is better; None: it was not looked at."""
        return None

    def picture(self, run: Path) -> Callable[[], np.ndarray] | None:
        """Return a job that draws how far it is now into the run's folder `pictures`."""
        return None
