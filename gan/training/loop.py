"""Train a GAN into a run's directory; the loop itself is `gan.runs.trainer`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gan import parallel
from gan.cache import cache_folder
from gan.config import Config, dump_config
from gan.datasets.store import Dataset, check_dataset, load_dataset
from gan.errors import ConfigError
from gan.progress import Progress, silent
from gan.runs.directory import Outcome, RunRecord, pick_device, read_run, write_run_files
from gan.runs.randomness import seeded
from gan.runs.trainer import Teller, refuse_a_run, train_into
from gan.training.checkpoint import GanTraining, habits_of
from gan.training.determinism import reproducible
from gan.training.instruments import SCORE, Instruments, instruments_every, summary
from gan.training.periodic import draw_progress, faces_of_progress
from gan.training.problem import prepare, seen_vertices
from gan.training.state import TrainState, build_state
from meshkit.files import clean_stale
from meshkit.mesh import Mesh

__all__ = ["Outcome", "RunRecord", "pick_device", "read_run", "start", "train"]


def train(
    config: Config,
    dataset: Dataset | Path | str,
    run: Path | str,
    *,
    resume: bool = False,
    device: str = "auto",
    progress: Progress = silent,
    tell: Teller = lambda line: None,
) -> Outcome:
    """Train a face model into the directory `run`.

    The first Ctrl-C or SIGTERM saves a checkpoint and returns; a second Ctrl-C stops at once.

    Parameters
    ----------
    resume : continue from the newest whole checkpoint of `run`; on a CPU with as many threads,
        and with `training.deterministic` on a GPU, the weights come out as if the run had never
        stopped, bit for bit. The configuration may differ in the keys of
        `gan.training.changes.CHANGEABLE`. A run without a checkpoint starts from the beginning.
    device : "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".
    progress : called after every iteration.

    Raises
    ------
    CheckpointError
        `run` holds a run already and `resume` is false; every checkpoint is damaged, or the newest
        whole one is of another template, data set or configuration; the disk is full.
    DatasetError, MeshError
        The data cannot be trained on.
    TrainingDiverged
        A term is not finite; the last checkpoint is good.
    """
    run = Path(run)
    opened = load_dataset(dataset) if not isinstance(dataset, Dataset) else dataset
    with (
        parallel.processes(device) as own_device,
        reproducible(config.training.deterministic),
        seeded(config.training.seed),
    ):
        if not resume:
            refuse_a_run(run)
        parallel.from_first(lambda: check_dataset(opened) is None)
        state = start(config, opened, pick_device(own_device))
        if not resume:
            seen, share = seen_vertices(state.problem.mapping)
            n = len(state.problem.template)
            tell(f"images show {seen:,} of {n:,} vertices, {share:.0%} of those that they could")
        return train_into(
            run,
            _WatchedTraining(state, opened),
            habits_of(config),
            resume=resume,
            describe=lambda: _describe_run(state, opened, run),
            progress=progress,
            tell=tell,
        )


class _WatchedTraining(GanTraining):
    """A training that shows faces of its data set beside its own, and its figures on others."""

    def __init__(self, state: TrainState, dataset: Dataset) -> None:
        super().__init__(state)
        self.dataset = dataset
        self._every = instruments_every(state.config, state.iterations)
        self._instruments = Instruments(state, dataset) if self._every else None
        self._scored: tuple[int, float | None] = (-1, None)

    def picture(self, run: Path) -> Callable[[], np.ndarray]:
        """Return a job that draws real and generated faces; the faces are made here and now."""
        shown = faces_of_progress(self.state, self.dataset)
        return lambda: draw_progress(shown, self.dataset, run)

    def after_step(self) -> dict[str, float]:
        """Return the figures of the instruments where they are due: at every checkpoint, too."""
        step, checkpoints = self.at.step, self.state.config.output.checkpoint_every
        intervals = (self._every, checkpoints)
        if self._instruments is None or (
            step != self.steps and all(step % every for every in intervals)
        ):
            return {}
        figures = self._instruments.measure(self.state)
        self._scored = (step, figures.get(SCORE))
        self.stage = ", ".join([GanTraining.stage, *summary(figures, self.state.problem.factors)])
        return figures

    def score(self) -> float | None:
        """Return the instruments' score of this very step, at a regular checkpoint or the last."""
        step, score = self._scored
        return score if step == self.at.step else None


def start(config: Config, dataset: Dataset, device: torch.device) -> TrainState:
    """Build the state of iteration 0; nothing is written but the cache."""
    if device.type == "cpu":
        torch.set_num_threads(config.training.threads or parallel.processors())
    _check_shares(config)
    with parallel.first_process_first():
        clean_stale(cache_folder() / dataset.fingerprint[:16])
        return build_state(config, prepare(dataset, config, device), device)


def _check_shares(config: Config) -> None:
    """Refuse batches that cannot be shared out evenly among the processes, pair by pair."""
    n, batch = parallel.world(), config.training.batch
    share = 2 * n * max(1, len(config.factors) - 1)
    if n > 1 and batch % share:
        raise ConfigError(
            f"training.batch: {batch} is not a multiple of {share}, which {n} processes need for "
            f"the pairs of {len(config.factors)} factors"
        )
    if config.training.labelled_batch % n:
        raise ConfigError(
            f"training.labelled_batch: {config.training.labelled_batch} is not a multiple of the "
            f"{n} processes"
        )


def _describe_run(state: TrainState, dataset: Dataset, run: Path) -> None:
    problem = state.problem
    write_run_files(
        run,
        dataset,
        config=dump_config(state.config),
        training_meshes=len(problem.indices),
        device=state.device,
        template=Mesh(problem.template, problem.faces, UV=problem.UV),
    )
