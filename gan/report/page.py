"""One HTML page about a run: pictures first, nothing loaded from anywhere."""

import tomllib
from collections.abc import Callable
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
from gan.report import cards, faces, numbers
from gan.report.frame import assemble, section
from gan.report.html import Markup, element, join
from gan.report.log import Log, read_log
from gan.report.mapping import mapping
from gan.report.pictures import Photographer
from gan.report.viewer import model_viewer
from gan.runs.checkpoints import load_model
from gan.runs.directory import RunRecord, read_run

EVALUATION = "evaluation.json"
QUICK_SAMPLES, QUICK_PAIRS = 200, 1000  # without an evaluation: seconds, not minutes
TILE = (240, 200)  # height and width of the picture of a face
BASELINE_IMAGE = 64  # texels of geometry images of models that are not trained on any
STAGES = ("metrics", "faces", "viewer", "grids", "interpolations", "images")
Watcher = Callable[[str], None]  # called with the name of each stage as it begins


class _Settings(NamedTuple):
    """What the page needs to know of a run's configuration."""

    text: str
    image_size: int
    seed: int


class _Subject(NamedTuple):
    """Everything that the page is about."""

    run: Path
    model: FaceGenerator
    record: RunRecord
    settings: _Settings
    log: Log
    dataset: Dataset | None
    found: Evaluation | None
    seed: int

    @property
    def step(self) -> object:
        """The iteration of the model in the pictures."""
        return self.model.provenance.get("step")


def build_report(
    run: Path,
    dataset: Dataset | None,
    *,
    seed: int = 0,
    watch: Watcher = lambda stage: None,
) -> Markup:
    """Return the page about a run.

    The metrics are those of the run's `evaluation.json`; without one they are measured quickly, on
    few samples, where there is data.

    Parameters
    ----------
    dataset
        What the run was trained on; None: the page does without real faces.
    seed
        Of the faces in the pictures.

    Raises
    ------
    CheckpointError
        The folder is not a run, has no whole checkpoint, or a file in it is damaged.
    ConfigError
        The run's configuration is damaged.
    DatasetError
        The data set has another topology than the model.
    """
    model = load_model(run).to("cpu")
    if dataset is not None:
        dataset.check_topology(model.faces.numpy(), where="the model")
    watch(STAGES[0])
    subject = _Subject(
        run=run,
        model=model,
        record=read_run(run),
        settings=_read_settings(run),
        log=read_log(run / "metrics.jsonl"),
        dataset=dataset,
        found=_evaluation(run, model, dataset, seed),
        seed=seed,
    )
    return assemble(
        title=join([run.resolve().name, " · face model"]),
        lead=_lead(subject),
        body=join([*_pictures(subject, watch), *_facts(subject)]),
        maker="gan report",
        viewers=True,
    )


def _pictures(subject: _Subject, watch: Watcher) -> list[Markup]:
    model, dataset, seed = subject.model, subject.dataset, subject.seed
    watch(STAGES[1])
    camera = Photographer(model, size=TILE)
    sheet = faces.sheet(camera, seed=seed)
    parts = [element("section", sheet, aria_label="generated faces", class_="hero")]
    watch(STAGES[2])
    parts.append(_viewer(camera))
    if subject.found is not None:
        parts.append(numbers.headline(subject.found, [f.name for f in model.factors]))
    if dataset is not None:
        title = "Real and generated"
        text = "Faces of the training set above faces from random codes, all at one scale."
        parts.append(section(title, text, faces.beside(camera, dataset, seed=seed)))
    watch(STAGES[3])
    for title, table in faces.grids(camera, seed=seed):
        text = (
            "In a row everything but the column's code stays the same. Rows marked random have "
            "codes that belong to no label; the noise is 0."
        )
        parts.append(section(title[0].upper() + title[1:], text, table))
    watch(STAGES[4])
    text = "One code moves in a straight line; all others stay where they are."
    parts.append(section("One code at a time", text, faces.interpolations(camera, seed=seed)))
    watch(STAGES[5])
    size = subject.settings.image_size
    text = "What lets a discriminator of images judge meshes: the template flattened to a square."
    parts.append(section("From face to image", text, mapping(model, dataset, size=size, seed=seed)))
    return parts


def _viewer(camera: Photographer) -> Markup:
    model = camera.model
    still = camera.shoot_codes(zero_codes(model), ["the mean face"])[0]
    text = (
        "The mean face of the model. Sliders go along the directions in which a factor's code "
        "changes faces most, the strongest first; buttons are labels. Each is exact by itself; "
        "mixtures add the displacements, which the model itself need not do."
    )
    viewer = model_viewer(model, label="the mean face", still=still)
    return section("Turn it, move it", text, viewer)


def _facts(subject: _Subject) -> list[Markup]:
    parts = []
    if subject.found is not None:
        text = "Generated against training faces, in millimetres."
        parts.append(section("Metrics", text, numbers.metrics(subject.found, step=subject.step)))
    text = "Every term of the log on its own scale; the thick line is a running average."
    parts.append(section("Losses", text, numbers.losses(subject.log)))
    missing = f"The data set of this run, {subject.record.dataset.name}, was not at hand."
    parts.append(section("Data", None, cards.data_card(subject.dataset, missing)))
    versions = subject.record.versions
    facts = {
        "iteration": subject.step,
        "time of training": str(timedelta(seconds=round(subject.log.seconds))),
        "device": subject.record.device,
        "seed": subject.settings.seed,
        "trained on": f"{subject.record.training_meshes:,} meshes of {subject.record.dataset.name}",
        "data fingerprint": subject.model.provenance.get("dataset"),
        "commit": versions.get("commit"),
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items() if k != "commit"),
        "pictures": f"seed {subject.seed}",
    }
    configuration = cards.configuration(subject.settings.text)
    content = join([cards.origin(subject.model, subject.run, facts), configuration])
    parts.append(section("Origin", None, content))
    return parts


def _lead(subject: _Subject) -> Markup:
    factors = join(
        f"{', ' if k else ''}{factor.name} ({len(factor.classes)} labels)"
        for k, factor in enumerate(subject.model.factors)
    )
    return element(
        "p",
        "A generator of faces with separate codes for ",
        factors,
        f", after {subject.step:,} iterations" if isinstance(subject.step, int) else None,
        f" on {subject.record.training_meshes:,} registered faces.",
    )


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
