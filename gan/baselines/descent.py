"""Descend on a baseline's loss: batches, rates, checkpoints, interruption, resumption."""

import math
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from gan.baselines.baseline import AbstractBaseline
from gan.baselines.config import TrainedConfig, dump_baseline
from gan.errors import CheckpointError, TrainingDiverged
from gan.runs.checkpoints import STATE, read_record, write_checkpoint
from gan.runs.log import MetricsLog

KEEP = 2  # checkpoints
_MOMENTS = {"adam": ("exp_avg", "exp_avg_sq", "step"), "sgd": ("momentum_buffer",)}


class Descent:
    """A learner, its optimizer, the order of the data, and how far it has come.

    All random numbers come from the seed; on a CPU a resumed descent ends as if it had never
    stopped, bit for bit.
    """

    def __init__(self, learner: AbstractBaseline, fingerprint: str, device: torch.device) -> None:
        self.learner, self.fingerprint, self.device = learner, fingerprint, device
        config = learner.config
        assert isinstance(config, TrainedConfig)
        self.config = config
        self.batch = min(config.batch, learner.samples)
        self.per_epoch = max(1, learner.samples // self.batch)
        self.steps = config.epochs * self.per_epoch
        self.step, self.minutes = 0, 0.0
        groups = list(learner.groups())
        if config.optimizer == "adam":
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(groups)
        else:
            self.optimizer = torch.optim.SGD(groups, momentum=getattr(config, "momentum", 0.9))
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]

    def iterate(self) -> dict[str, Tensor]:
        """Take one step, in place; return the terms of the loss.

        Raises
        ------
        TrainingDiverged
            A term is not finite; the weights are still those of before.
        """
        epoch, place = divmod(self.step, self.per_epoch)
        factor = self.config.decay**epoch
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        which = self._order(epoch)[place * self.batch : (place + 1) * self.batch]
        terms = self.learner.loss(which, self.step)
        for name, term in terms.items():
            if not math.isfinite(term.item()):
                raise TrainingDiverged(f"step {self.step}: {name} is {term.item()}")
        self.optimizer.zero_grad(set_to_none=True)
        next(iter(terms.values())).backward()
        self.optimizer.step()
        self.step += 1
        return terms

    def _order(self, epoch: int) -> Tensor:
        """Return the shuffle of an epoch: a function of the seed and the epoch alone."""
        if getattr(self, "_shuffled", (-1,))[0] != epoch:
            rng = torch.Generator().manual_seed((self.config.seed * 1_000_003 + epoch) % 2**63)
            order = torch.randperm(self.learner.samples, generator=rng).to(self.device)
            self._shuffled: tuple[int, Tensor] = (epoch, order)
        return self._shuffled[1]

    def save(self, run: Path, *, thorough: bool) -> Path:
        """Write a checkpoint."""
        record = {
            "minutes": self.minutes,
            "dataset": self.fingerprint,
            "config": dump_baseline(self.config),
        }
        model = self.learner.face_model(self.step, thorough=thorough)
        return write_checkpoint(
            run, self.step, model=model, tensors=self._tensors(), record=record, keep=KEEP
        )

    def restore(self, checkpoint: Path) -> None:
        """Set a fresh descent to a checkpoint's, in place.

        Raises
        ------
        CheckpointError
            It was made with another data set or configuration.
        """
        record = read_record(checkpoint)
        if record["dataset"] != self.fingerprint:
            raise CheckpointError(f"{checkpoint}: the run was trained on another data set")
        theirs, ours = load_file(checkpoint / STATE, device=str(self.device)), self._tensors()
        wrong = sorted(
            name
            for name in ours.keys() | theirs.keys()
            if name not in ours or name not in theirs or ours[name].shape != theirs[name].shape
        )
        if wrong:
            raise CheckpointError(f"{checkpoint}: {wrong[0]} does not fit this configuration")
        with torch.no_grad():
            for name, tensor in ours.items():
                tensor.copy_(theirs[name])
        self.step, self.minutes = int(record["step"]), float(record["minutes"])

    def _tensors(self) -> dict[str, Tensor]:
        """Return the live tensors that a step changes, by name."""
        tensors = {}
        for name, weight in self.learner.named_parameters():
            tensors[name] = weight.detach()
            state = self.optimizer.state[weight]
            for moment in _MOMENTS[self.config.optimizer]:
                if state.get(moment) is None:  # as the optimizer makes them at the first step
                    scalar = moment == "step"
                    state[moment] = torch.zeros(()) if scalar else torch.zeros_like(weight)
                tensors[f"{name}.{moment}"] = state[moment]
        return tensors


def descend(
    descent: Descent, run: Path, stop: threading.Event, watch: Callable[[Descent], None]
) -> str:
    """Iterate until the end, a request to stop, or the end of the time; return which it was."""
    config = descent.config
    saved = time.monotonic()
    reason = "done"
    with MetricsLog(run, descent.step, tensorboard=False) as log:
        while descent.step < descent.steps:
            began = time.monotonic()
            terms = descent.iterate()
            descent.minutes += (time.monotonic() - began) / 60
            row = {}
            if descent.step % config.log_every == 0 or descent.step == descent.steps:
                row = {name: term.item() for name, term in terms.items()}
            if descent.step % descent.per_epoch == 0:
                row |= descent.learner.held_out()
            if row:
                log.write(descent.step, descent.minutes, row)
            watch(descent)
            if descent.step == descent.steps:
                break
            if stop.is_set() or descent.minutes >= (config.max_minutes or math.inf):
                reason = "interrupted" if stop.is_set() else "out of time"
                break
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                descent.save(run, thorough=False)
                saved = time.monotonic()
    if descent.step == 0:
        warnings.warn("nothing was trained", stacklevel=2)
    descent.save(run, thorough=reason != "interrupted")
    return reason
