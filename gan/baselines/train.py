"""Train any baseline into a run's directory, which `gan sample`, `evaluate` and `report` read."""

import warnings
from pathlib import Path

import torch

from gan.baselines.baseline import BASELINES
from gan.baselines.config import BaselineConfig, TrainedConfig, dump_baseline
from gan.baselines.descent import BaselineTraining, habits_of
from gan.baselines.faces import LabelledFaces, labelled_faces
from gan.baselines.reconstruction import write_reconstruction
from gan.datasets.store import Dataset, check_dataset, load_dataset
from gan.errors import DatasetError
from gan.progress import Progress, silent
from gan.runs.checkpoints import load_model
from gan.runs.directory import Outcome, pick_device, write_run_files
from gan.runs.log import MetricsLog
from gan.runs.randomness import seeded
from gan.runs.trainer import Teller, refuse_a_run, train_into


def train_baseline(
    config: BaselineConfig,
    dataset: Dataset | Path | str,
    run: Path | str,
    *,
    resume: bool = False,
    device: str = "auto",
    progress: Progress = silent,
    tell: Teller = lambda line: None,
) -> Outcome:
    """Train a baseline into the directory `run`.

    The first Ctrl-C or SIGTERM saves a checkpoint and returns. At the end the reconstruction error
    on unseen faces is measured and written to `reconstruction.json`.

    Parameters
    ----------
    resume : continue from the newest whole checkpoint of `run`; on a CPU the weights come out as
        if the run had never stopped, bit for bit. Keys of the configuration that differ from the
        run's are told.
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
    if not resume:
        refuse_a_run(run)
    chosen = pick_device(device)
    if chosen.type == "cpu" and config.threads:
        torch.set_num_threads(config.threads)
    check_dataset(opened)
    faces = labelled_faces(opened, config)

    def measure(outcome: Outcome) -> None:
        """Measure and write how well the trained model gives faces back."""
        progress("reconstruction", 0, 0)
        rows = write_reconstruction(run, load_model(run), opened)
        with MetricsLog(run, outcome.step, tensorboard=False) as log:
            log.write(outcome.step, outcome.minutes, rows)

    with seeded(config.seed):
        baseline = BASELINES.build(
            config.kind,
            config=config,
            faces=faces,
            validation=_validation(opened, config),
            progress=progress,
        ).to(chosen)
        return train_into(
            run,
            BaselineTraining(baseline, chosen),
            habits_of(config),
            resume=resume,
            describe=lambda: write_run_files(
                run,
                opened,
                config=dump_baseline(config),
                training_meshes=len(faces),
                device=chosen,
                template=faces.mesh,
            ),
            measure=measure,
            progress=progress,
            tell=tell,
        )


def _validation(dataset: Dataset, config: BaselineConfig) -> LabelledFaces | None:
    """Return the validation faces, where something is trained and there are people enough."""
    if not isinstance(config, TrainedConfig):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the training faces have said what is missing
        try:
            return labelled_faces(dataset, config, "validation")
        except DatasetError:
            return None
