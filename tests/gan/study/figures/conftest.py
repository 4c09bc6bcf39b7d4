"""A small study: people, two linear models, one camera."""

import pytest

from gan.datasets.store import load_dataset
from gan.study.figures import sparse as sparse_module
from gan.study.figures import studio as studio_module
from gan.study.figures.studio import Studio
from tests.gan.study.figures.members import Grid, Study, make_study, record_grids


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Draw faces of 34 × 30 pixels, fit in few steps."""
    monkeypatch.setattr(studio_module, "TILE", (34, 30))
    monkeypatch.setattr(sparse_module, "_STEPS", 10)


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def dataset(study):
    with load_dataset(study.data) as opened:
        yield opened


@pytest.fixture
def studio(study, dataset) -> Studio:
    return Studio(study.members, dataset, seed=3)


@pytest.fixture
def grids(monkeypatch) -> list[Grid]:
    return record_grids(monkeypatch)
