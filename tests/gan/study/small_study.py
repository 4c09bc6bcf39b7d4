"""A study of a few seconds: blobs, networks of a few weights, a few steps; or commands that only
say that they were called.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gan.study.carry_out import Outcome, Study, carry_out
from gan.study.job_choice import choose_jobs
from gan.study.plan import Plan, StudyJob, plan_study, workflow_settings
from gan.study.sizes import named_size
from gan.study.sources import as_sources, read_sources, settle_sources
from gan.workflow.engine import Call
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
    "image=16 width=2 steps=3 embedding=4 classes=2 batch=4 pairs=20 faces=3 samples=2 judges=1"
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
figures = false
minutes = 0.1
"""
BARE = (
    TABLE.replace("ablations = true\n", "").split("[mini.trainings.coma]")[0]
    + (TABLE[TABLE.index("[mini.evaluation]") :])
)
ABLATIONS = (
    "no-regularizer",
    "no-identity-classifier",
    "no-expression-classifier",
    "no-feature-loss",
)
MODELS = ("3dmm", "ours", "coma", *ABLATIONS)
# Stands for the command `gan`: it notes how it was called, and makes what the workflow waits for.
# A file fail-NAME beside it holds the exit code with which the run NAME ends.
STUB = """#!/bin/bash
here=$(dirname "$0")
echo "$*" >> "$here/calls"
while [ $# -gt 0 ]; do
  case $1 in -o|--out) out=$2;; make|train|baseline|compare|oracle) what=$1;; esac
  shift
done
case $what in
  make) for side in '' .extreme .judges .transfer; do touch "${out%.h5}$side.h5"; done;;
  oracle) [ ! -e "$here/fail-oracle" ] || exit "$(cat "$here/fail-oracle")"
    touch data/open-faces.oracle.json;;
  compare) mkdir -p "$out"; touch "$out/report.html";;
  train|baseline)
    mkdir -p "$out"
    name=$(basename "$out")
    if [ -e "$here/wait-$name" ]; then
      trap 'echo saved; exit 130' INT
      rm "$here/wait-$name"
      for k in $(seq 200); do sleep 0.1; done
    fi
    if [ -e "$here/fail-$name" ]; then
      echo "Error: iteration 3: adversarial is nan" >&2
      exit "$(cat "$here/fail-$name")"
    fi;;
esac
"""


def write_table(folder: Path, text: str = TABLE) -> Path:
    path = folder / "sizes.toml"
    path.write_text(text)
    return path


def write_data(folder: Path) -> Path:
    """Blobs of whom two people are held out, so that judges can be tried."""
    return blobs(folder / "blobs.h5", rings=6, split=np.where(SUBJECT < 4, 0, 2))


def write_stub(folder: Path) -> Path:
    path = folder / "stub.sh"
    path.write_text(STUB)
    path.chmod(0o755)
    return path


def calls_of(folder: Path) -> list[str]:
    """Return how the stub was called, and forget it."""
    file = folder / "calls"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def small_plan(table: Path, **changes) -> Plan:
    return plan_study("mini", named_size("mini", table), table=table, **changes)


def open_study(
    folder: Path,
    table: Path,
    *,
    gan: str,
    models: Sequence[str] = (),
    data: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
) -> Study:
    """Open the study of a folder as the command does."""
    record = settle_sources(read_sources(models, data, {}, Path()), {})
    plan = small_plan(table, seeds=seeds, sources=as_sources(record))
    asked = {"command": "reproduce", "size": "mini", "seeds": list(seeds), "sources": record}
    return Study(folder, plan, asked, workflow_settings(plan, gan, "1"), "cpu")


class QuietBoard:
    """Remembers what happened; `on_change` is told it, too."""

    def __init__(self, on_change: Callable[[StudyJob, str], None] = lambda job, kind: None) -> None:
        self.on_change, self.changes = on_change, list[tuple[str, str]]()

    def start(self, jobs: Sequence[StudyJob]) -> None:
        pass

    def change(self, job: StudyJob, kind: str) -> None:
        self.changes.append((job.name, kind))
        self.on_change(job, kind)


def do(
    study: Study,
    *only: str,
    on_change: Callable[[StudyJob, str], None] = lambda job, kind: None,
    call: Call | None = None,
) -> Outcome:
    """Carry out jobs of a study, two at a time."""
    chosen = choose_jobs(study.plan, only)
    board = QuietBoard(on_change)
    return carry_out(study, chosen, call or Call(cores=2, threads=1), board, partial=bool(only))
