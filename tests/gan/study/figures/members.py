"""Small models of the people of `tests.gan.replay`, and the grids that figures lay out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gan.datasets.store import Dataset, load_dataset
from gan.study.figures import editing, factors, geometry, samples, sparse, specificity, transfer
from gan.study.figures.grid import Axis, Cell
from gan.study.member import Member, member
from tests.gan.replay import EXPRESSIONS, write_people
from tests.linear_model import linear_model

FIGURES = (editing, factors, geometry, samples, sparse, specificity, transfer)
CLASSES = {"identity": ("anna", "bert"), "viseme": ("rest", "PP", "aa")}


class Study(NamedTuple):
    """A data set with landmarks, and models of its topology."""

    data: Path
    members: tuple[Member, ...]


def make_study(folder: Path) -> Study:
    """Write people, and two linear models, of which one is called ours."""
    data = write_people(folder / "people.h5", landmarks=np.linspace(0, 146, 68).astype(int))
    with load_dataset(data) as dataset:
        members = [
            member(name, write_linear(folder / f"{name}.safetensors", dataset, seed=seed))
            for seed, name in enumerate(("ours", "3dmm"))
        ]
    return Study(data, tuple(members))


def write_linear(
    path: Path,
    dataset: Dataset,
    factors: tuple[str, ...] = ("identity", "expression"),
    seed: int = 0,
) -> Path:
    """Write a model of a data set's topology whose factors move smooth random modes."""
    rng = np.random.default_rng(seed)
    V = dataset.template.astype(np.float64)
    x, y, z = V.T / 100
    smooth = np.stack([x, y, z, x * y, y * z, x**2 - y**2], axis=1)
    modes = {name: smooth @ rng.normal(size=(2, 6, 3)) * 5 for name in (*factors, "noise")}
    model = linear_model(
        modes,
        template=V,
        faces=dataset.faces,
        classes={name: CLASSES.get(name, EXPRESSIONS) for name in factors},
    )
    model.save(path)
    return path


class Grid(NamedTuple):
    """What a figure gave to `draw_grid`."""

    cells: list[list[Cell | None]]
    rows: Axis
    columns: Axis

    def pictures(self) -> list[list[bytes | None]]:
        return [[None if c is None else c.picture.tobytes() for c in row] for row in self.cells]

    def captions(self) -> list[list[str]]:
        return [[c.caption for c in row if c is not None] for row in self.cells]


def record_grids(monkeypatch: pytest.MonkeyPatch) -> list[Grid]:
    """Return a list that fills with every grid that is drawn from now on."""
    grids: list[Grid] = []
    for module in FIGURES:
        draw = module.draw_grid

        def spy(cells, *, rows, columns, bar=None, draw=draw):
            grids.append(Grid(cells, rows, columns))
            return draw(cells, rows=rows, columns=columns, bar=bar)

        monkeypatch.setattr(module, "draw_grid", spy)
    return grids
