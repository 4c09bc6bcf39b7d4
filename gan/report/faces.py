"""The faces of a report: random ones, real ones beside them, grids of labels, interpolations."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator, Factor
from gan.report.pictures import Photographer
from meshkit.report.pictures import Picture

SHEET, BESIDE, FRAMES = 16, 6, 7  # faces on top, of real beside generated ones, of an interpolation
COLUMNS = 12  # classes of a factor that become columns of a grid; more than so many are left out


class Strip(NamedTuple):
    """Pictures in a row, with a title and a small note at its side."""

    title: str
    note: str
    pictures: list[Picture]


class GridRow(NamedTuple):
    """A row of a grid; a random one shows no label."""

    title: str
    random: bool
    pictures: list[Picture]


class Grid(NamedTuple):
    """Faces with the classes of one factor in rows, those of another in columns."""

    title: str
    columns: tuple[str, ...]
    rows: list[GridRow]


def sheet(camera: Photographer, *, seed: int) -> list[Picture]:
    """Draw faces whose codes are all random."""
    codes = camera.model.sample_codes(SHEET, rng=_rng(seed))
    return camera.shoot_codes(codes, _numbered("generated", SHEET), view="three-quarter")


def beside(camera: Photographer, dataset: Dataset, *, seed: int) -> list[Strip]:
    """Draw real faces above generated ones."""
    V = dataset.vertices(pick_real(dataset, BESIDE, seed=seed))
    real = [camera.shoot(X, alt) for X, alt in zip(V, _numbered("real", len(V)), strict=True)]
    codes = camera.model.sample_codes(BESIDE, rng=_rng(seed + 1))
    generated = camera.shoot_codes(codes, _numbered("generated", BESIDE))
    return [Strip("real", "", real), Strip("generated", "", generated)]


def pick_real(dataset: Dataset, n: int, *, seed: int) -> np.ndarray:
    """Return indices of training meshes, of different subjects as far as there are enough."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(dataset.indices("train"))
    if len(rows) == 0:
        rows = rng.permutation(dataset.n)
    _, first = np.unique(dataset.subject[rows], return_index=True)
    others = np.setdiff1d(np.arange(len(rows)), first)
    return np.asarray(rows[np.concatenate([rng.permutation(first), others])[:n]])


def grids(camera: Photographer, *, seed: int) -> list[Grid]:
    """Draw a grid for each factor of few classes against the factor of most."""
    factors = camera.model.factors
    rows = max(factors, key=lambda factor: len(factor.classes), default=None)
    return [_grid(camera, rows, factor, seed) for factor in factors if rows and factor is not rows]


def _grid(camera: Photographer, rows: Factor, columns: Factor, seed: int) -> Grid:
    model, drawn = camera.model, list[GridRow]()
    classes = columns.classes[:COLUMNS]
    across = torch.cat([fixed_code(model, columns.name, label) for label in classes])
    spread = np.unique(np.linspace(0, len(rows.classes) - 1, 4).astype(int))
    labels = [rows.classes[c] for c in spread]
    for k, label in enumerate([*labels, None, None, None]):
        # One draw for the whole row: nothing differs within it but the column's code.
        codes = quiet(model.sample_codes(1, rng=_rng(seed + 10 + k)))
        if label is not None:
            codes[rows.name] = fixed_code(model, rows.name, label)
        batch = {name: code.expand(len(classes), -1) for name, code in codes.items()}
        title = "random" if label is None else label
        images = camera.shoot_codes(
            batch | {columns.name: across}, [f"{title}, {column}" for column in classes]
        )
        drawn.append(GridRow(title, label is None, images))
    return Grid(f"{rows.name} × {columns.name}", classes, drawn)


def interpolations(camera: Photographer, *, seed: int) -> list[Strip]:
    """For each factor, move its code in a straight line and leave the others where they are."""
    model, strips = camera.model, []
    for k, factor in enumerate(model.factors):
        one, other = (
            quiet(model.sample_codes(1, rng=_rng(seed + 50 + 2 * k + end))) for end in (0, 1)
        )
        names = [factor.classes[c] for c in _two_classes(factor)]
        start, end = (fixed_code(model, factor.name, name) for name in names)
        strips.append(_interpolation(camera, factor.name, one, start, end, names))
        start, end = one[factor.name], other[factor.name]
        strips.append(_interpolation(camera, factor.name, other, start, end, ["random", "random"]))
    return strips


def _interpolation(
    camera: Photographer,
    factor: str,
    others: Mapping[str, Tensor],
    start: Tensor,
    end: Tensor,
    names: list[str],
) -> Strip:
    t = torch.linspace(0, 1, FRAMES)[:, None]
    codes = {name: code.expand(FRAMES, -1) for name, code in others.items()}
    codes[factor] = (1 - t) * start + t * end
    alts = [f"{factor}, {float(x):.0%} from {names[0]} to {names[1]}" for x in t]
    return Strip(factor, f"{names[0]} → {names[1]}", camera.shoot_codes(codes, alts))


def quiet(codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Set the noise to 0, its mean, so that it explains no difference."""
    return {**codes, "noise": torch.zeros_like(codes["noise"])}


def fixed_code(model: FaceGenerator, factor: str, label: str) -> Tensor:
    """Return the fixed code of a label as a batch of one."""
    return model.codes[factor][model.label_index(factor, label)][None]


def _two_classes(factor: Factor) -> tuple[int, int]:
    """Pick two classes that lie apart, past the first, which is often the class of rest."""
    last = len(factor.classes) - 1
    return min(1, last - 1), min(max(2, last // 2), last)


def _numbered(kind: str, n: int) -> list[str]:
    return [f"{kind} face {k + 1}" for k in range(n)]


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
