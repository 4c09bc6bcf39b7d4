"""A baseline as the trainer sees it: the order of the data, the rates, one step, its memory."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan.baselines.baseline import AbstractBaseline
from gan.baselines.config import TrainedConfig, dump_baseline, parse_baseline
from gan.errors import CheckpointError, TrainingDiverged
from gan.models.files import StoredModel
from gan.runs.checkpoints import RECORD
from gan.runs.optimizers import moments, put, restore_moments
from gan.runs.trainable import Habits, Position, Trainable


class BaselineTraining(Trainable):
    """A baseline, its optimizer, the order of the data.

    All random numbers come from the seed; on a CPU a resumed descent ends as if it had never
    stopped, bit for bit. A closed form is one step, which changes nothing.
    """

    def __init__(self, baseline: AbstractBaseline, device: torch.device) -> None:
        self.baseline, self.device, self.at = baseline, device, Position()
        self.latest: dict[str, Tensor] = {}
        self.per_epoch = self.steps = 1
        self.descent: _Descent | None = None
        if isinstance(baseline.config, TrainedConfig):
            self.descent = _Descent(baseline, baseline.config, device)
            self.per_epoch = self.descent.per_epoch
            self.steps = baseline.config.epochs * self.per_epoch

    def advance(self) -> None:
        """Take one step, in place."""
        if self.descent is not None:
            self.latest = self.descent.step(self.at.step)
        self.at.step += 1

    def terms(self) -> dict[str, float]:
        """Return the terms of the last loss."""
        return {name: term.item() for name, term in self.latest.items()}

    def after_step(self) -> dict[str, float]:
        """Return errors on validation meshes after every epoch."""
        epoch_is_over = self.at.step % self.per_epoch == 0
        return self.baseline.held_out() if epoch_is_over else {}

    def model(self, *, thorough: bool) -> StoredModel:
        """Return the face model as it is now."""
        return self.baseline.face_model(self.at.step, thorough=thorough)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights."""
        yield from self.baseline.named_parameters()

    def contents(self) -> dict[str, Any]:
        """Return the weights and the optimizer's memory; the data are read anew."""
        weights = {name: weight.detach() for name, weight in self.weights()}
        memory = moments(self.descent.optimizer, self.baseline) if self.descent else {}
        return {"weights": weights, "moments": memory}

    def take_over(self, saved: Mapping[str, Any], checkpoint: Path) -> None:
        """Set the weights and the optimizer's memory, in place."""
        mine, theirs = dict(self.weights()), saved["weights"]
        for name in sorted(mine.keys() ^ theirs.keys()):
            raise ValueError(f"{name} is not in both")
        for name, weight in mine.items():
            put(weight, theirs[name], name)
        if self.descent is not None:
            restore_moments(self.descent.optimizer, self.baseline, saved["moments"])

    def read_older(
        self, record: Mapping[str, Any], tensors: Mapping[str, Tensor], checkpoint: Path
    ) -> dict[str, Any]:
        """Return the contents of a checkpoint that lists weights and moments side by side."""
        names = [name for name, _ in self.weights()]
        memory = {
            name: {
                moment: tensors[f"{name}.{moment}"].cpu()
                for moment in ("exp_avg", "exp_avg_sq", "step", "momentum_buffer")
                if f"{name}.{moment}" in tensors
            }
            for name in names
        }
        return {
            "step": record["step"],
            "minutes": record.get("minutes", 0.0),
            "rollbacks": [],
            "weights": {name: tensors[name] for name in names if name in tensors},
            "moments": memory,
        }

    def origin(self) -> dict[str, Any]:
        """Return the time that it took, the configuration and the fingerprint of the data."""
        fingerprint = self.baseline.faces.dataset.fingerprint
        config = dump_baseline(self.baseline.config)
        return {"minutes": self.at.minutes, "dataset": fingerprint, "config": config}

    def compare(self, record: Mapping[str, Any], checkpoint: Path) -> list[str]:
        """Return the keys of the configuration that a resumed run changes, line by line."""
        if record["dataset"] != self.baseline.faces.dataset.fingerprint:
            raise CheckpointError(f"{checkpoint}: the run was trained on another data set")
        before = parse_baseline(tomllib.loads(record["config"]), str(checkpoint / RECORD))
        old, new = before.model_dump(), self.baseline.config.model_dump()
        return [
            f"{key}: {_shown(old.get(key))} -> {_shown(new.get(key))}"
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        ]


class _Descent:
    """Steps down the loss: batches that are shuffled anew every epoch, rates that fall with it."""

    def __init__(
        self, baseline: AbstractBaseline, config: TrainedConfig, device: torch.device
    ) -> None:
        self.baseline, self.config, self.device = baseline, config, device
        self.batch = min(config.batch, baseline.samples)
        self.per_epoch = max(1, baseline.samples // self.batch)
        groups = list(baseline.groups())
        if config.optimizer == "adam":
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(groups)
        else:
            self.optimizer = torch.optim.SGD(groups, momentum=config.momentum)
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self._shuffled: tuple[int, Tensor] = (-1, torch.empty(0))

    def step(self, step: int) -> dict[str, Tensor]:
        """Take the step of this number, in place; return the terms of the loss.

        Raises
        ------
        TrainingDiverged
            A term is not finite; the weights are still those of before.
        """
        epoch, place = divmod(step, self.per_epoch)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.config.decay**epoch
        which = self._order(epoch)[place * self.batch : (place + 1) * self.batch]
        terms = self.baseline.loss(which, step)
        for name, term in terms.items():
            if not math.isfinite(term.item()):
                raise TrainingDiverged(f"step {step}: {name} is {term.item()}")
        self.optimizer.zero_grad(set_to_none=True)
        next(iter(terms.values())).backward()
        self.optimizer.step()
        return terms

    def _order(self, epoch: int) -> Tensor:
        """Return the shuffle of an epoch: a function of the seed and the epoch alone."""
        if self._shuffled[0] != epoch:
            rng = torch.Generator().manual_seed((self.config.seed * 1_000_003 + epoch) % 2**63)
            order = torch.randperm(self.baseline.samples, generator=rng).to(self.device)
            self._shuffled = (epoch, order)
        return self._shuffled[1]


def habits_of(config: object) -> Habits:
    """Return what a configuration says about writing and stopping."""
    if not isinstance(config, TrainedConfig):
        return Habits()
    return Habits(
        log_every=config.log_every,
        checkpoint_minutes=config.checkpoint_minutes,
        max_minutes=config.max_minutes,
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
