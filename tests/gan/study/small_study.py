"""A study of a few seconds: blobs, networks of a few weights, a few steps."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gan.study.data import Sources, settle_sources
from gan.study.plan import Plan, Stage, choose_stages, plan_study
from gan.study.record import open_record
from gan.study.reproduce import Outcome, reproduce
from gan.study.sizes import named_size
from gan.study.study import Found, Study
from tests.gan.conftest import EXPRESSIONS, REPEATS, SUBJECTS, blobs

SUBJECT = np.arange(SUBJECTS * EXPRESSIONS * REPEATS) // (EXPRESSIONS * REPEATS)
NETWORK = [
    "training.iterations=4",
    "training.batch=8",
    "training.critic_steps=1",
    "generator.hidden=16",
    "discriminator.widths=[4, 4, 8, 8]",
    "mapping.size=16",
    "factors.identity.code_size=4",
    "factors.expression.code_size=3",
    "output.log_every=1",
    "output.picture_every=100",
    "output.checkpoint_every=2",
    "output.tensorboard=false",
]
CODES = ["identity_size=3", "expression_size=4"]
COMA = [*CODES, "epochs=2", "batch=8", "filters=[4, 6]", "terms=3", "log_every=1"]
JUDGES = (
    "image=16 width=2 steps=3 embedding=4 pictures=100 classes=2 batch=4 pairs=20 faces=3 "
    "identity_samples=2"
)
METRICS = [
    "sparse.starts=1",
    "sparse.steps=2",
    "decoupling.samples=2",
    "decoupling.least_accuracy=0.0",
    *(f"decoupling.{option}" for option in JUDGES.split()),
]
TABLE = f"""
[mini]
about = "for tests"
benchmark = "tiny"
speaking = "tiny"
[mini.trainings.3dmm]
baseline = "3dmm"
set = {CODES}
minutes = 0.1
[mini.trainings.ours]
preset = "small"
set = {NETWORK}
ablations = true
minutes = 0.5
[mini.trainings.coma]
baseline = "coma"
set = {COMA}
minutes = 0.2
[mini.evaluation]
samples = 20
pairs = 20
metrics = ["specificity", "diversity", "labels", "generalisation", "decoupling"]
set = {[line for line in METRICS if line.startswith("decoupling")]}
minutes = 0.1
"""
ABLATIONS = (
    "no-regularizer",
    "no-identity-classifier",
    "no-expression-classifier",
    "no-feature-loss",
)
MODELS = ("3dmm", "ours", "coma", *ABLATIONS)


def write_table(folder: Path, text: str = TABLE) -> Path:
    path = folder / "sizes.toml"
    path.write_text(text)
    return path


def write_data(folder: Path) -> Path:
    """Blobs of whom two people are held out, so that judges can be tried."""
    return blobs(folder / "blobs.h5", rings=6, split=np.where(SUBJECT < 4, 0, 2))


def small_plan(table: Path, **changes) -> Plan:
    return plan_study("mini", named_size("mini", table), **{"threads": 1, **changes}, table=table)


def open_study(folder: Path, data: Path, table: Path, plan: Plan | None = None) -> Study:
    """Open the study of a folder as the command does."""
    plan = plan or small_plan(table)
    record = open_record(folder, {"command": "reproduce", "size": plan.size, "seed": plan.seed})
    sources = settle_sources(Sources(given=data), record)
    return Study(folder, plan, sources, record, device="cpu", threads=1)


class QuietBoard:
    """Remembers what happened; `on_report` is told stage and step."""

    def __init__(self, on_report: Callable[[str, int], None] = lambda stage, done: None) -> None:
        self.on_report, self.stages = on_report, list[Stage]()
        self.ends = dict[str, str]()
        self.now = ""

    def start(self, stages: Sequence[Stage], found: Sequence[Found]) -> None:
        self.stages = list(stages)

    def begin(self, k: int) -> None:
        self.now = self.stages[k].name

    def report(self, what: str, done: int, total: int) -> None:
        self.on_report(self.now, done)

    def end(self, k: int, found: Found, how: str) -> None:
        self.ends[self.stages[k].name] = how


def carry_out(
    study: Study,
    *only: str,
    on_report: Callable[[str, int], None] = lambda stage, done: None,
) -> Outcome:
    return reproduce(study, choose_stages(study.plan, only), QuietBoard(on_report))
