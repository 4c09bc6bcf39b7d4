"""The faces of a report: random ones, real ones beside them, grids of labels, interpolations."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator, Factor
from gan.report.html import Markup, element
from gan.report.pictures import Photographer

SHEET, BESIDE, FRAMES = 16, 6, 7
COLUMNS = 12  # a factor with more classes makes rows of a grid, not columns


def sheet(camera: Photographer, *, seed: int) -> Markup:
    """Draw faces whose codes are all random."""
    codes = camera.model.sample_codes(SHEET, rng=_rng(seed))
    alts = [f"generated face {k + 1}" for k in range(SHEET)]
    return element("div", *camera.shoot_codes(codes, alts, view="three-quarter"), class_="sheet")


def beside(camera: Photographer, dataset: Dataset | None, *, seed: int) -> Markup:
    """Draw real faces above generated ones; generated ones alone where there is no data."""
    codes = camera.model.sample_codes(BESIDE, rng=_rng(seed + 1))
    alts = [f"generated face {k + 1}" for k in range(BESIDE)]
    rows = [_strip("generated", camera.shoot_codes(codes, alts))]
    if dataset is not None:
        real = [
            camera.shoot(V, alt=f"real face {k + 1}")
            for k, V in enumerate(dataset.vertices(pick_real(dataset, BESIDE, seed=seed)))
        ]
        rows.insert(0, _strip("real", real))
    return element("div", *rows, class_="strips")


def pick_real(dataset: Dataset, n: int, *, seed: int) -> np.ndarray:
    """Return indices of training meshes, of different subjects as far as there are enough."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(dataset.indices("train"))
    if len(rows) == 0:
        rows = rng.permutation(dataset.n)
    _, first = np.unique(dataset.subject[rows], return_index=True)
    others = np.setdiff1d(np.arange(len(rows)), first)
    return np.asarray(rows[np.concatenate([rng.permutation(first), others])[:n]])


def grids(camera: Photographer, *, seed: int) -> list[tuple[str, Markup]]:
    """Draw a grid for each factor of few classes against the factor of most; (title, table)."""
    factors = camera.model.factors
    if len(factors) < 2:
        return []
    rows = max(factors, key=lambda factor: len(factor.classes))
    columns = [factor for factor in factors if factor is not rows]
    return [
        (f"{rows.name} × {column.name}", _grid(camera, rows, column, seed)) for column in columns
    ]


def _grid(camera: Photographer, rows: Factor, columns: Factor, seed: int) -> Markup:
    model, body = camera.model, []
    shown = columns.classes[:COLUMNS]
    spread = np.unique(np.linspace(0, len(rows.classes) - 1, 4).astype(int))
    labelled: list[str | None] = [rows.classes[c] for c in spread]
    for k, name in enumerate([*labelled, None, None, None]):
        # One draw for the whole row: nothing differs within it but the column's code.
        codes = quiet(model.sample_codes(1, rng=_rng(seed + 10 + k)))
        if name is not None:
            codes[rows.name] = fixed_code(model, rows.name, name)
        batch = {key: code.expand(len(shown), -1) for key, code in codes.items()}
        batch[columns.name] = torch.cat([fixed_code(model, columns.name, c) for c in shown])
        title = name if name is not None else "random"
        images = camera.shoot_codes(batch, [f"{title}, {column}" for column in shown])
        style = None if name is not None else "random"
        cells = [element("td", image) for image in images]
        body.append(element("tr", element("th", title, scope="row", class_=style), *cells))
    head = [element("th", column, scope="col") for column in shown]
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", element("td"), *head)),
            element("tbody", *body),
            class_="faces",
        ),
        class_="scroll",
        tabindex="0",
    )


def interpolations(camera: Photographer, *, seed: int) -> Markup:
    """For each factor, move its code in a straight line and leave the others where they are."""
    model, strips = camera.model, []
    for k, factor in enumerate(model.factors):
        ends = [quiet(model.sample_codes(1, rng=_rng(seed + 50 + 2 * k + end))) for end in (0, 1)]
        names = [factor.classes[c] for c in _two_classes(factor)]
        fixed = [fixed_code(model, factor.name, name) for name in names]
        strips += [
            _interpolation(camera, factor.name, ends[0], fixed[0], fixed[1], names),
            _interpolation(
                camera,
                factor.name,
                ends[1],
                ends[0][factor.name],
                ends[1][factor.name],
                ["random", "random"],
            ),
        ]
    return element("div", *strips, class_="strips")


def _interpolation(
    camera: Photographer,
    factor: str,
    others: Mapping[str, Tensor],
    start: Tensor,
    end: Tensor,
    names: list[str],
) -> Markup:
    t = torch.linspace(0, 1, FRAMES)[:, None]
    codes = {name: code.expand(FRAMES, -1) for name, code in others.items()}
    codes[factor] = (1 - t) * start + t * end
    alts = [f"{factor}, {float(x):.0%} from {names[0]} to {names[1]}" for x in t]
    caption = element("span", factor, element("small", f"{names[0]} → {names[1]}"))
    return _strip(caption, camera.shoot_codes(codes, alts))


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


def _strip(title: object, images: list[Markup]) -> Markup:
    style = "strip few" if len(images) < FRAMES else "strip"  # those wrap on a phone
    return element(
        "div",
        element("div", title, class_="strip-title"),
        element("div", *images, class_=style, style=f"--n:{len(images)}"),
        class_="strip-row",
    )


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
