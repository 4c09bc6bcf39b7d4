"""What each of two processes runs in `test_parallel.py`: the same training, half the batch each."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist

from gan import parallel
from gan.config import load_config
from gan.datasets.store import load_dataset
from gan.runs.checkpoints import newest_good_checkpoint
from gan.training.checkpoint import restore, save_checkpoint
from gan.training.loop import start
from gan.training.state import TrainState
from gan.training.step import iterate

ITERATIONS = 2  # before the checkpoint, and after it


def run(config: Path, dataset: Path, *, save: Path | None = None) -> TrainState:
    """Train for a few iterations, and leave the state; save a checkpoint half way.

    In float64: Adam divides a gradient by its size, so that where one is 0 but for rounding (a bias
    of the critic that moves real and generated scores alike), the rounding decides the update.
    """
    with load_dataset(dataset) as opened:
        state = start(load_config(None, config), opened, torch.device("cpu"))
    in_double(state)
    go_on(state)
    if save is not None:
        save_checkpoint(state, save)
    go_on(state)
    return state


def resume(config: Path, dataset: Path, run: Path) -> TrainState:
    """Go on from a checkpoint, and leave the state."""
    with load_dataset(dataset) as opened:
        state = start(load_config(None, config), opened, torch.device("cpu"))
    in_double(state)
    restore(state, newest_good_checkpoint(run))
    go_on(state)
    return state


def go_on(state: TrainState) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        for _ in range(ITERATIONS):
            iterate(state)
    finally:
        torch.set_default_dtype(torch.float32)


def in_double(state: TrainState) -> None:
    problem = state.problem
    for module in (state.generator, state.discriminator, state.regularizers, problem.mapping):
        module.double()
    for tensors in (state.codes, state.average):
        tensors.update({name: tensor.double() for name, tensor in tensors.items()})
    problem.images._resident = problem.images._resident.double()
    object.__setattr__(problem, "offset", problem.offset.double())
    for name, table in problem.labels.items():
        problem.labels[name] = replace(table, weights=table.weights.double())


def outcome(state: TrainState) -> dict[str, torch.Tensor]:
    players = {"G": state.generator, "D": state.discriminator}
    weights = {
        f"{who}.{name}": weight.detach()
        for who, player in players.items()
        for name, weight in player.named_parameters()
    }
    return weights | {f"term.{name}": term for name, term in state.latest.items()}


def main(config: str, dataset: str, run_of_one: str, out: str) -> None:
    with parallel.processes("cpu"):
        assert parallel.world() == 2
        assert dist.get_backend() == "gloo"
        whole = run(Path(config), Path(dataset))
        torch.save(outcome(whole), f"{out}.{parallel.rank()}")
        second_half = resume(Path(config), Path(dataset), Path(run_of_one))
        torch.save(outcome(second_half), f"{out}.resumed.{parallel.rank()}")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main(*sys.argv[1:])
