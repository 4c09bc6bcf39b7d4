"""The GAN as the trainer sees it: one step, and what goes into a checkpoint and out of it.

A checkpoint holds the players with their buffers, the optimizers, the averaged weights, the fixed
codes, every random generator, the shuffle and the place in it, the step, the last value of every
term, the state of plug-ins, the mapping, the regularizer's matrix, the normalisation of the real
images, the configuration, and the fingerprints of data set and template.
"""

import hashlib
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gan.config import Config, dump_config, parse_config
from gan.errors import CheckpointError
from gan.models.files import StoredModel
from gan.runs import resuming
from gan.runs.checkpoints import RECORD
from gan.runs.optimizers import moments, put, restore_moments
from gan.runs.trainable import Habits, Trainable
from gan.training.changes import check_changes
from gan.training.problem import Problem
from gan.training.state import TrainState
from gan.training.step import iterate
from meshkit.nn import SparseOperator

ROUNDING = 1e-4  # of the largest entry: what other libraries may change in a matrix of the same map


class GanTraining(Trainable):
    """The players of a training and what they rest on."""

    unit, beside = "iteration", True

    def __init__(self, state: TrainState) -> None:
        self.state, self.at = state, state
        self.steps, self.device = state.iterations, state.device

    def advance(self) -> None:
        """Run one iteration, in place."""
        iterate(self.state)

    def terms(self) -> dict[str, float]:
        """Return the last value of every term of both players."""
        return {name: term.item() for name, term in self.state.latest.items()}

    def confirm(self) -> None:
        """Make sure that every update so far was applied; on CUDA this waits for the device."""
        self.state.watch.confirm()

    def model(self, *, thorough: bool) -> StoredModel:
        """Return the averaged generator with its codes and its template."""
        return self.state.face_model()

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield both players' weights and the averaged ones."""
        state = self.state
        for player, named in (
            ("generator", state.generator.named_parameters()),
            ("discriminator", state.discriminator.named_parameters()),
            ("average", state.average.items()),
        ):
            yield from ((f"{player}.{name}", tensor) for name, tensor in named)

    def origin(self) -> dict[str, Any]:
        """Return the configuration, and the fingerprints of data set and template."""
        return {
            "config": dump_config(self.state.config),
            "dataset": self.state.problem.fingerprint,
            "template": _template(self.state.problem),
        }

    def compare(self, record: Mapping[str, Any], checkpoint: Path) -> list[str]:
        """Return the keys of the configuration that a resumed run changes, line by line."""
        problem = self.state.problem
        template, fingerprint = record["template"], record["dataset"]
        before = parse_config(tomllib.loads(record["config"]), str(checkpoint / RECORD))
        if template != _template(problem):
            raise CheckpointError(
                f"{checkpoint}: the run was trained on another template: {template['vertices']} "
                f"vertices, {template['faces']} faces, sha256 {template['sha256'][:12]}…; this "
                f"data set has {len(problem.template)} and {len(problem.faces)}"
            )
        if fingerprint != problem.fingerprint:
            raise CheckpointError(
                f"{checkpoint}: the run was trained on another data set: its fingerprint is "
                f"{fingerprint[:12]}…, this one's is {problem.fingerprint[:12]}…"
            )
        return check_changes(before, self.state.config, str(checkpoint))

    def contents(self) -> dict[str, Any]:
        """Return everything that training changes, and what it rests on."""
        state = self.state
        return {
            "cursor": state.cursor,
            "order": state.order,
            "rng": state.rng.get_state(),
            "latest": {name: float(term) for name, term in state.latest.items()},
            "codes": state.codes,
            "average": state.average,
            "parts": {name: part.state_dict() for name, part in state.parts().items()},
            "moments": {
                "generator": moments(state.optimizer_g, state.generator),
                "discriminator": moments(state.optimizer_d, state.discriminator),
            },
            "frozen": _frozen(state.problem),
        }

    def take_over(self, saved: Mapping[str, Any], checkpoint: Path) -> None:
        """Set the state, in place, to what `contents` returned."""
        state = self.state
        ours = state.parts()
        for name in sorted(ours.keys() ^ saved["parts"].keys()):
            where = "this configuration" if name in saved["parts"] else "the checkpoint"
            raise CheckpointError(f"{checkpoint}: {where} has no {name}")
        rounded = _restore_parts(ours, saved["parts"], checkpoint)
        if rounded | _differs(_frozen(state.problem), saved["frozen"]):
            warnings.warn(
                f"{checkpoint}: the mapping or the data's normalisation comes out differently here "
                "(other libraries or another machine): the run goes on, but not bit for bit",
                stacklevel=4,
            )
        restore_moments(state.optimizer_g, state.generator, saved["moments"]["generator"])
        restore_moments(state.optimizer_d, state.discriminator, saved["moments"]["discriminator"])
        for name in ("codes", "average"):
            mine, theirs = getattr(state, name), saved[name]
            if mine.keys() != theirs.keys():
                raise ValueError(f"{name} of {', '.join(theirs)}, expected {', '.join(mine)}")
            for key, tensor in mine.items():
                put(tensor, theirs[key], f"{name}.{key}")
        put(state.order, saved["order"], "order")
        device = saved["device"]
        if device == state.device.type:
            state.rng.set_state(saved["rng"].cpu())
        else:
            warnings.warn(f"{checkpoint} was made on {device}: new random numbers", stacklevel=4)
        state.cursor = int(saved["cursor"])
        state.latest = {name: torch.tensor(term) for name, term in saved["latest"].items()}


def habits_of(config: Config) -> Habits:
    """Return what a configuration says about writing and stopping."""
    output, training = config.output, config.training
    return Habits(
        log_every=output.log_every,
        checkpoint_every=output.checkpoint_every,
        picture_every=output.picture_every,
        keep=output.keep,
        max_minutes=training.max_minutes,
        rollback=training.on_divergence == "rollback",
        tensorboard=output.tensorboard,
    )


def save_checkpoint(state: TrainState, run: Path) -> Path:
    """Write a checkpoint of a state; see `gan.runs.resuming.save`."""
    return resuming.save(GanTraining(state), run, habits_of(state.config))


def restore(state: TrainState, checkpoint: Path) -> list[str]:
    """Set a state to a checkpoint's, in place; see `gan.runs.resuming.restore`."""
    return resuming.restore(GanTraining(state), checkpoint)


def _restore_parts(ours: Mapping[str, Any], saved: Mapping[str, Any], checkpoint: Path) -> bool:
    """Load every part's state; tell whether a frozen matrix was rounded differently."""
    rounded = False
    for name, part in ours.items():
        if isinstance(part, nn.Module):
            for inside, module in part.named_modules():
                if isinstance(module, SparseOperator):
                    prefix = f"{inside}." if inside else ""
                    rounded |= _settle(module, saved[name], prefix, f"{checkpoint}: {name}")
        try:
            part.load_state_dict(saved[name])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1].strip() if str(error) else repr(error)
            raise CheckpointError(f"{checkpoint}: {name} does not fit: {reason}") from error
    return rounded


def _settle(operator: SparseOperator, saved: Mapping[str, Tensor], prefix: str, where: str) -> bool:
    """Take over a frozen matrix that differs by rounding; refuse another one."""
    differs = False
    with torch.no_grad():
        for name, mine in operator.named_buffers(recurse=False):
            theirs = saved[prefix + name]
            same = mine.shape == theirs.shape
            if same and mine.is_floating_point():
                gap = (mine - theirs).abs().max() if mine.numel() else mine.new_zeros(())
                same = bool(gap <= ROUNDING * mine.abs().max()) if mine.numel() else True
                differs |= bool(gap > 0)
                if same:
                    mine.copy_(theirs)
            elif same:
                same = not bool((mine != theirs).any())
            if not same:
                raise CheckpointError(
                    f"{where} belongs to another template, UV map or image size than this data's"
                )
    return differs


def _frozen(problem: Problem) -> dict[str, Any]:
    """Return what the players' numbers mean: the normalisation of images and displacements."""
    images = problem.images
    return {
        "mean image": images.mean,
        "deviation": images.deviation,
        "offset": problem.offset,
        "scale": float(problem.statistics.scale),
        "half height": problem.half_height,
    }


def _differs(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    def same(a: Any, b: Any) -> bool:
        if isinstance(a, Tensor):
            return a.shape == b.shape and not bool((a != b).any())
        return bool(a == b)

    return not all(same(mine[name], theirs[name]) for name in mine)


def _template(problem: Problem) -> dict[str, Any]:
    digest = hashlib.sha256()
    for array in (problem.template.astype("<f8"), problem.faces.astype("<i8")):
        digest.update(np.ascontiguousarray(array).tobytes())
    n, m = len(problem.template), len(problem.faces)
    return {"vertices": n, "faces": m, "sha256": digest.hexdigest()}
