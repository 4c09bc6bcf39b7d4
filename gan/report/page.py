"""One HTML page about a run: pictures first, nothing loaded from anywhere."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from gan.baselines.config import parse_baseline
from gan.config import parse_config
from gan.datasets.store import Dataset
from gan.errors import ConfigError
from gan.evaluation import Evaluation, evaluate
from gan.export.shapes import zero_codes
from gan.models.contract import FaceGenerator
from gan.progress import Progress, silent
from gan.report import faces, numbers
from gan.report.cards import data_card
from gan.report.frame import assemble
from gan.report.instruments import instruments, without_instruments
from gan.report.log import read_log
from gan.report.mapping import mapping
from gan.report.pictures import Photographer
from gan.report.viewer import model_viewer
from gan.runs.checkpoints import Which, load_model
from gan.runs.directory import RunRecord, read_run

EVALUATION = "evaluation.json"
QUICK_SAMPLES, QUICK_PAIRS = 200, 1000  # without an evaluation: seconds, not minutes
TILE = (240, 200)  # height and width of the picture of a face
BASELINE_IMAGE = 64  # texels of geometry images of models that are not trained on any
STAGES = ("metrics", "faces", "viewer", "grids", "interpolations", "images")


class _Settings(NamedTuple):
    """What the page needs to know of a run's configuration."""

    text: str
    image_size: int
    seed: int


def build_report(
    run: Path,
    dataset: Dataset | None,
    *,
    seed: int = 0,
    checkpoint: Which = "newest",
    progress: Progress = silent,
) -> str:
    """Return the page about a run.

    The metrics are those of the run's `evaluation.json`; without one they are measured quickly, on
    few samples, where there is data.

    Parameters
    ----------
    dataset
        What the run was trained on; None: the page does without real faces.
    seed
        Of the faces in the pictures.
    checkpoint
        The one that is shown and measured.
    progress
        Told which of `STAGES` begins.

    Raises
    ------
    CheckpointError
        The folder is not a run, has no whole checkpoint, or a file in it is damaged.
    ConfigError
        The run's configuration is damaged.
    DatasetError
        The data set has another topology than the model.
    """
    model = load_model(run, checkpoint=checkpoint).to("cpu")
    if dataset is not None:
        dataset.check_topology(model.faces.numpy(), where="the model")

    def begin(stage: str) -> None:
        progress(stage, STAGES.index(stage), len(STAGES))

    begin("metrics")
    record, settings = read_run(run), _read_settings(run)
    evaluation = _evaluation(run, model, dataset, seed)
    step, log = model.provenance.get("step"), read_log(run / "metrics.jsonl")
    factors = [factor.name for factor in model.factors]
    begin("faces")
    camera = Photographer(model, size=TILE)
    pictures: dict[str, object] = {
        "sheet": faces.sheet(camera, seed=seed),
        "beside": None if dataset is None else faces.beside(camera, dataset, seed=seed),
    }
    begin("viewer")
    still = camera.shoot_codes(zero_codes(model), ["the mean face"])[0]
    pictures["viewer"] = model_viewer(model, label="the mean face", still=still)
    begin("grids")
    pictures["grids"] = faces.grids(camera, seed=seed)
    begin("interpolations")
    pictures["interpolations"] = faces.interpolations(camera, seed=seed)
    begin("images")
    pictures["mapping"] = mapping(model, dataset, size=settings.image_size, seed=seed)
    return assemble(
        "run.html",
        viewers=True,
        title=f"{run.resolve().name} · face model",
        model=model,
        record=record,
        step=step,
        headline=None if evaluation is None else numbers.headline(evaluation, factors),
        metrics=None if evaluation is None else numbers.metrics(evaluation, step=step),
        instruments=instruments(log),
        losses=numbers.losses(without_instruments(log)),
        data=None if dataset is None else data_card(dataset),
        origin=_origin(run, model, record)
        | {
            "iteration": step,
            "time of training": timedelta(seconds=round(log.seconds)),
            "seed": f"{settings.seed} of the training, {seed} of these pictures",
        },
        configuration=settings.text,
        **pictures,
    )


def _origin(run: Path, model: FaceGenerator, record: RunRecord) -> dict[str, object]:
    """Say what the model is and where it comes from; a fact that is None is not known."""
    versions = record.versions
    return {
        "run": run.resolve().name,
        "generator": model.describe(),
        "device": record.device,
        "trained on": f"{record.training_meshes:,} meshes of {record.dataset.name}",
        "data fingerprint": model.provenance.get("dataset"),
        "commit": versions.get("commit"),
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items() if k != "commit"),
    }


def _read_settings(run: Path) -> _Settings:
    """Read the configuration of a run, be it of a generator or of a baseline."""
    path = run / "config.toml"
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    if "kind" in tree:
        return _Settings(text, BASELINE_IMAGE, parse_baseline(tree, str(path)).seed)
    config = parse_config(tree, str(path))
    return _Settings(text, config.mapping.size, config.training.seed)


def _evaluation(
    run: Path, model: FaceGenerator, dataset: Dataset | None, seed: int
) -> Evaluation | None:
    if (run / EVALUATION).is_file():
        return Evaluation.load(run / EVALUATION)
    if dataset is None:
        return None
    return evaluate(model, dataset, seed=seed, n_samples=QUICK_SAMPLES, n_pairs=QUICK_PAIRS)
