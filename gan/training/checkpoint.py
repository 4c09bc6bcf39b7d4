"""What a resumed training needs, into a checkpoint and out of it; `gan.runs.checkpoints` writes.

A checkpoint holds the players with their buffers, the optimizers, the averaged weights, the fixed
codes, every random generator, the shuffle and the place in it, the step, the last value of every
term, the state of plug-ins, the mapping, the regularizer's matrix, the normalisation of the real
images, the configuration, and the fingerprints of data set and template.
"""

import hashlib
import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gan.config import Config, dump_config, parse_config
from gan.errors import CheckpointError, TrainingDiverged
from gan.runs.checkpoints import (
    RECORD,
    STATE,
    list_checkpoints,
    load_model,
    newest_good_checkpoint,
    read_record,
    write_checkpoint,
)
from gan.training import randomness
from gan.training.changes import check_changes
from gan.training.problem import Problem
from gan.training.snapshot import pack, unpack
from gan.training.state import TrainState
from meshkit.nn import SparseOperator

__all__ = [
    "list_checkpoints",
    "load_model",
    "newest_good_checkpoint",
    "restore",
    "save_checkpoint",
]

ROUNDING = 1e-4  # of the largest entry: what other libraries may change in a matrix of the same map


def save_checkpoint(state: TrainState, run: Path) -> Path:
    """Write a checkpoint whole or not at all; drop the oldest past the number to keep.

    Raises
    ------
    TrainingDiverged
        A weight is not finite: such a checkpoint would be good for nothing.
    CheckpointError
        The disk is full, or refuses.
    """
    check_finite(state)
    tensors: dict[str, Tensor] = {}
    record = {
        "config": dump_config(state.config),
        "dataset": state.problem.fingerprint,
        "template": _template(state.problem),
        "device": state.device.type,
        "state": pack(_contents(state), "", tensors),
    }
    return write_checkpoint(
        run,
        state.step,
        model=state.face_model(),
        tensors=tensors,
        record=record,
        keep=state.config.output.keep,
        every=state.config.output.checkpoint_every,
    )


def restore(state: TrainState, checkpoint: Path) -> list[str]:
    """Set a state to a checkpoint's, in place; return what its configuration changes, line by line.

    Raises
    ------
    CheckpointError
        The checkpoint was made with another template, data set or configuration, or does not fit.
    """
    record = read_record(checkpoint)
    try:
        template, fingerprint = record["template"], record["dataset"]
        before = _parse(record["config"], checkpoint)
        if template != _template(state.problem):
            raise CheckpointError(
                f"{checkpoint}: the run was trained on another template: {template['vertices']} "
                f"vertices, {template['faces']} faces, sha256 {template['sha256'][:12]}…; this "
                f"data set has {len(state.problem.template)} and {len(state.problem.faces)}"
            )
        if fingerprint != state.problem.fingerprint:
            raise CheckpointError(
                f"{checkpoint}: the run was trained on another data set: its fingerprint is "
                f"{fingerprint[:12]}…, this one's is {state.problem.fingerprint[:12]}…"
            )
        changes = check_changes(before, state.config, str(checkpoint))
        tensors = _load_tensors(checkpoint / STATE, state.device)
        _take_over(state, unpack(record["state"], tensors), record["device"], checkpoint)
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip() if str(error) else repr(error)
        raise CheckpointError(f"{checkpoint} does not fit: {reason}") from error
    return changes


def _load_tensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    try:
        return load_file(path, device=str(device))
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from None


def _contents(state: TrainState) -> dict[str, Any]:
    """Return everything that training changes, and what it rests on; tensors are the live ones."""
    return {
        "step": state.step,
        "cursor": state.cursor,
        "minutes": state.minutes,
        "order": state.order,
        "rng": state.rng.get_state(),
        "random": randomness.capture(),
        "latest": {name: float(term) for name, term in state.latest.items()},
        "rollbacks": state.rollbacks,
        "codes": state.codes,
        "average": state.average,
        "parts": {name: part.state_dict() for name, part in state.parts().items()},
        "moments": {
            "generator": _moments(state.optimizer_g, state.generator),
            "discriminator": _moments(state.optimizer_d, state.discriminator),
        },
        "frozen": _frozen(state.problem),
    }


def _take_over(state: TrainState, saved: dict[str, Any], device: str, checkpoint: Path) -> None:
    """Set the state, in place, to what `_contents` returned."""
    ours = state.parts()
    for name in sorted(ours.keys() ^ saved["parts"].keys()):
        where = "this configuration" if name in saved["parts"] else "the checkpoint"
        raise CheckpointError(f"{checkpoint}: {where} has no {name}")
    other = _restore_parts(ours, saved["parts"], checkpoint)
    other |= _differs(_frozen(state.problem), saved["frozen"])
    if other:
        warnings.warn(
            f"{checkpoint}: the mapping or the data's normalisation comes out differently here "
            "(other libraries or another machine): the run goes on, but not bit for bit",
            stacklevel=3,
        )
    _restore_moments(state.optimizer_g, state.generator, saved["moments"]["generator"])
    _restore_moments(state.optimizer_d, state.discriminator, saved["moments"]["discriminator"])
    for name in ("codes", "average"):
        mine, theirs = getattr(state, name), saved[name]
        if mine.keys() != theirs.keys():
            raise ValueError(f"{name} of {', '.join(theirs)}, expected {', '.join(mine)}")
        for key, tensor in mine.items():
            _put(tensor, theirs[key], f"{name}.{key}")
    _put(state.order, saved["order"], "order")
    if device == state.device.type:
        state.rng.set_state(saved["rng"].cpu())
    else:
        warnings.warn(f"{checkpoint} was made on {device}: new random numbers", stacklevel=3)
    randomness.set_back(saved["random"])
    state.step, state.cursor = int(saved["step"]), int(saved["cursor"])
    state.minutes = float(saved["minutes"])
    state.rollbacks = list(saved["rollbacks"])
    state.latest = {name: torch.tensor(term) for name, term in saved["latest"].items()}


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


def _moments(optimizer: torch.optim.Optimizer, player: nn.Module) -> dict[str, Any]:
    """Return the optimizer's memory by the name of the weight."""
    return {name: dict(optimizer.state.get(weight, {})) for name, weight in _weights(player)}


def _restore_moments(
    optimizer: torch.optim.Optimizer, player: nn.Module, saved: Mapping[str, Any]
) -> None:
    """Set the optimizer's memory: in place where there is some, so that graphs stay valid."""
    weights = _weights(player)
    if [name for name, _ in weights] != list(saved):
        raise ValueError("the optimizer's memory is of other weights")
    fresh = not optimizer.state
    if fresh:
        numbers = {id(w): i for i, w in enumerate(_in_order(optimizer))}
        state = {numbers[id(w)]: dict(saved[name]) for name, w in weights if saved[name]}
        groups = optimizer.state_dict()["param_groups"]  # rates and switches are configuration
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        return
    for name, weight in weights:
        mine, theirs = optimizer.state[weight], saved[name]
        if not theirs:  # a checkpoint from before the first step
            for value in mine.values():
                if isinstance(value, Tensor):
                    value.zero_()
        for key, value in theirs.items():
            if isinstance(value, Tensor):
                _put(mine[key], value, f"{name}.{key}")
            else:
                mine[key] = value


def _weights(player: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(player.named_parameters())


def _in_order(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _put(mine: Tensor, theirs: Tensor, name: str) -> None:
    """Copy a tensor, in place; refuse another shape or type."""
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        found, wanted = f"{theirs.dtype} {tuple(theirs.shape)}", f"{mine.dtype} {tuple(mine.shape)}"
        raise ValueError(f"{name} is {found}, expected {wanted}")
    with torch.no_grad():
        mine.copy_(theirs)


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


def _parse(text: str, checkpoint: Path) -> Config:
    return parse_config(tomllib.loads(text), str(checkpoint / RECORD))


def check_finite(state: TrainState) -> None:
    """Raise TrainingDiverged, and name the weight, if one is not finite."""
    named: list[tuple[str, Callable[[], Any]]] = [
        ("generator", state.generator.named_parameters),
        ("discriminator", state.discriminator.named_parameters),
        ("average", state.average.items),
    ]
    for who, tensors in named:
        for name, tensor in tensors():
            if not bool(torch.isfinite(tensor.detach()).all()):
                raise TrainingDiverged(f"iteration {state.step}: {who}.{name} is not finite")
