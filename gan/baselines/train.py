"""Train any baseline into a run's directory, which `gan sample`, `evaluate` and `report` read."""

import warnings
from pathlib import Path

import torch

from gan.baselines.baseline import BASELINES, AbstractBaseline
from gan.baselines.config import BaselineConfig, TrainedConfig, dump_baseline
from gan.baselines.descent import KEEP, Descent, descend
from gan.baselines.faces import LabelledFaces, labelled_faces
from gan.baselines.reconstruction import write_reconstruction
from gan.datasets.store import Dataset, load_dataset
from gan.errors import CheckpointError, DatasetError
from gan.progress import Progress, silent
from gan.runs.checkpoints import (
    list_checkpoints,
    load_model,
    newest_good_checkpoint,
    write_checkpoint,
)
from gan.runs.directory import Outcome, one_writer, pick_device, write_run_files
from gan.runs.interruption import stop_requests
from gan.runs.log import MetricsLog


def train_baseline(
    config: BaselineConfig,
    dataset: Dataset | Path | str,
    run: Path | str,
    *,
    resume: bool = False,
    device: str = "auto",
    progress: Progress = silent,
) -> Outcome:
    """Train a baseline into the directory `run`.

    The first Ctrl-C or SIGTERM saves a checkpoint and returns. At the end the reconstruction error
    on unseen faces is measured and written to `reconstruction.json`.

    Parameters
    ----------
    resume : continue from the newest whole checkpoint of `run`, with the configuration given
        here; on a CPU the weights come out as if the run had never stopped, bit for bit.
    device : "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".

    Raises
    ------
    CheckpointError
        `run` holds a run already and `resume` is false, or the checkpoint does not fit.
    DatasetError
        The data lack a label, or neutral faces.
    TrainingDiverged
        A term is not finite; the last checkpoint is good.
    """
    run = Path(run)
    opened = load_dataset(dataset) if not isinstance(dataset, Dataset) else dataset
    if not resume and list_checkpoints(run):
        raise CheckpointError(f"{run} holds a run already: continue it with --resume")
    chosen = pick_device(device)
    if chosen.type == "cpu" and config.threads:
        torch.set_num_threads(config.threads)
    faces = labelled_faces(opened, config)
    with one_writer(run):
        write_run_files(
            run,
            opened,
            config=dump_baseline(config),
            training_meshes=len(faces),
            device=chosen,
            template=faces.mesh,
        )
        baseline = _build(config, faces, progress).to(chosen)
        if not isinstance(config, TrainedConfig):
            return _save_closed_form(baseline, run, progress)
        descent = Descent(baseline, opened.fingerprint, chosen)
        if resume:
            descent.restore(newest_good_checkpoint(run))

        def tell(now: Descent) -> None:
            progress("training", now.step, now.steps)

        with stop_requests() as stop:
            reason = descend(descent, run, stop, tell)
        outcome = Outcome(run, descent.step, descent.steps, descent.minutes, reason)
        if reason != "interrupted":
            _judge(outcome, opened, progress)
        return outcome


def _save_closed_form(baseline: AbstractBaseline, run: Path, progress: Progress) -> Outcome:
    dataset = baseline.faces.dataset
    record = {"dataset": dataset.fingerprint, "config": dump_baseline(baseline.config)}
    model = baseline.face_model(1, thorough=True)
    write_checkpoint(
        run, 1, model=model, tensors={"step": torch.ones(())}, record=record, keep=KEEP
    )
    outcome = Outcome(run, 1, 1, 0.0, "done")
    _judge(outcome, dataset, progress)
    return outcome


def _build(config: BaselineConfig, faces: LabelledFaces, progress: Progress) -> AbstractBaseline:
    trained = isinstance(config, TrainedConfig)
    return BASELINES.build(
        config.kind,
        config=config,
        faces=faces,
        validation=_validation(faces.dataset, config) if trained else None,
        progress=progress,
    )


def _validation(dataset: Dataset, config: BaselineConfig) -> LabelledFaces | None:
    """Return the validation faces, where there are people enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the training faces have said what is missing
        try:
            return labelled_faces(dataset, config, "validation")
        except DatasetError:
            return None


def _judge(outcome: Outcome, dataset: Dataset, progress: Progress) -> None:
    """Measure and write how well the trained model gives faces back."""
    progress("reconstruction", 0, 0)
    rows = write_reconstruction(outcome.run, load_model(outcome.run), dataset)
    with MetricsLog(outcome.run, outcome.step, tensorboard=False) as log:
        log.write(outcome.step, outcome.minutes, rows)
