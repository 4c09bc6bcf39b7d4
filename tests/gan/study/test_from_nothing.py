"""A study that makes its own data from the embedded head: once, whole, with three factors."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.datasets.store import load_dataset
from gan.errors import DatasetError
from gan.study.data import Sources, settle_sources
from gan.study.record import open_record
from gan.study.reproduce import survey
from gan.study.study import Study
from tests.gan.conftest import blobs
from tests.gan.study.small_study import METRICS, NETWORK, TABLE, carry_out, small_plan, write_table

THREE = f"""
[mini.trainings.three-factors]
preset = "small"
config = "three.toml"
data = "speaking"
set = {[line for line in NETWORK if "code_size" not in line and "batch" not in line]}
minutes = 0.5
"""
WHOLE = (
    TABLE.replace("ablations = true\n", "")
    .replace('["specificity",', '["sparse", "model-free", "specificity",')
    .replace(str([line for line in METRICS if line.startswith("decoupling")]), str(METRICS))
)


@pytest.fixture
def table(tmp_path) -> Path:
    names = ("identity", "expression", "viseme")
    factors = "".join(f'[[factors]]\nname = "{name}"\ncode_size = 3\n' for name in names)
    (tmp_path / "three.toml").write_text(factors)
    return write_table(tmp_path, WHOLE + THREE)


def open_again(folder: Path, table: Path, sources: Sources | None = None) -> Study:
    plan = small_plan(table)
    record = open_record(folder, {"command": "reproduce"})
    settled = settle_sources(sources or Sources(), record)
    return Study(folder, plan, settled, record, device="cpu", threads=1)


@pytest.mark.slow
def test_from_nothing_to_a_report_with_three_factors(tmp_path, table):
    folder = tmp_path / "study"
    outcome = carry_out(open_again(folder, table))
    assert not outcome.failed
    assert outcome.found == ()
    for name in ("sparse-reconstruction-free", "three-factors", "three-factors-crossed"):
        with Image.open(folder / f"figures/{name}.png") as picture:
            shades = np.asarray(picture.convert("L"))
        assert np.ptp(shades) > 100, f"{name} is blank"
    page = (folder / "report.html").read_text()
    assert "Models that are not here" not in page
    _survives_a_lost_file(folder, table)
    _refuses_another_file(folder, table)


def _survives_a_lost_file(folder: Path, table: Path) -> None:
    """Made again, the data are the same, and everything that rests on them still counts."""
    path = folder / "data/speaking.h5"
    with load_dataset(path) as opened:
        before = opened.fingerprint
    path.unlink()
    outcome = carry_out(open_again(folder, table))
    assert outcome.computed == ("speaking-data",)
    with load_dataset(path) as opened:
        assert opened.fingerprint == before


def _refuses_another_file(folder: Path, table: Path) -> None:
    path = folder / "data/open-faces.h5"
    kept = path.read_bytes()
    blobs(path)
    study = open_again(folder, table)
    with pytest.raises(DatasetError, match=r"open-faces.h5: benchmark is None, the study asks for"):
        survey(study, study.plan.stages)
    path.write_bytes(kept)
    with pytest.raises(DatasetError, match="the study has a benchmark of its own"):
        open_again(folder, table, Sources(given=path))
