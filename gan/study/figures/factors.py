"""Three factors or more: what each code moves alone, and two of them against each other."""

from collections.abc import Iterator
from pathlib import Path

import torch

from gan.models.contract import FaceGenerator, Factor
from gan.report.faces import fixed_code, quiet
from gan.runs.checkpoints import load_model
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, Cell, draw_grid
from gan.study.figures.studio import Studio, absent, lively, rest_of

NAME, TITLE = "three-factors", "Three factors"
_ROW_FACES = 7  # faces of a row
_PEOPLE, _MOUTHS = 2, 3  # of the grid
_CROSSED = ("expression", "viseme")  # its columns and rows


def factors_figures(studio: Studio, run: Path | None) -> Iterator[Figure]:
    """Draw each code of a model of three factors alone, then visemes against expressions.

    Parameters
    ----------
    run
        None: there is no such model, and the figure says so. Its data set may be another one than
        the study's, of the same topology.
    """
    if run is None:
        yield from absent(NAME, TITLE, "the study has no run with three factors.")
        return
    model = load_model(run).to("cpu")
    studio.dataset.check_topology(model.faces.numpy(), where=str(run))
    if len(model.factors) < 3:
        names = ", ".join(factor.name for factor in model.factors)
        yield from absent(NAME, TITLE, f"{run.name} has only these factors: {names}.")
        return
    yield _each_alone(studio, model)
    yield from _crossed(studio, model)


def _each_alone(studio: Studio, model: FaceGenerator) -> Figure:
    start = _at_rest(studio, model, 0)
    cells = list[list[Cell]]()
    for factor in model.factors:
        labels = _labels(factor)
        if labels:
            moved = torch.cat([fixed_code(model, factor.name, label) for label in labels])
        else:
            rng = studio.rng(f"{NAME}: {factor.name}")
            moved = model.sample_codes(_ROW_FACES, rng=rng)[factor.name]
        codes = {name: code.expand(len(moved), -1) for name, code in start.items()}
        cells.append(studio.shoot_codes(model, {**codes, factor.name: moved}, labels))
    text = (
        "In each row one code moves and all others stay: random identities, then the labelled "
        f"classes of {_listed([f.name for f in model.factors if _labels(f)])}. Nothing but the "
        "row's factor should change."
    )
    rows = Axis([factor.name for factor in model.factors])
    return Figure(NAME, TITLE, text, draw_grid(cells, rows=rows, columns=Axis()))


def _crossed(studio: Studio, model: FaceGenerator) -> Iterator[Figure]:
    """Draw visemes (rows) against expressions (columns) for several people, if it has both."""
    across, down = (next((f for f in model.factors if f.name == n), None) for n in _CROSSED)
    if across is None or down is None:
        return
    columns, mouths = _labels(across)[:5], _mouths(down)
    cells = list[list[Cell]]()
    for mouth in mouths:
        for person in range(_PEOPLE):
            base = _at_rest(studio, model, person) | {
                down.name: fixed_code(model, down.name, mouth)
            }
            codes = {name: code.expand(len(columns), -1) for name, code in base.items()}
            codes[across.name] = torch.cat(
                [fixed_code(model, across.name, label) for label in columns]
            )
            cells.append(studio.shoot_codes(model, codes))
    text = (
        f"The same two people with every {across.name} (columns) and {down.name} (rows). Lips that "
        f"the {down.name} asks for, and brows, cheeks and lids that the {across.name} asks for."
    )
    groups = [(mouth, _PEOPLE) for mouth in mouths]
    image = draw_grid(cells, rows=Axis(groups=groups), columns=Axis(columns))
    yield Figure(f"{NAME}-crossed", f"{across.name} × {down.name}".capitalize(), text, image)


def _at_rest(studio: Studio, model: FaceGenerator, person: int) -> dict[str, torch.Tensor]:
    """Return a random person whose other factors are at rest, where they have such a class."""
    codes = quiet(model.sample_codes(1, rng=studio.rng(f"{NAME}: person {person}")))
    for factor in model.factors:
        if (rest := rest_of(factor)) is not None:
            codes[factor.name] = fixed_code(model, factor.name, rest)
    return codes


def _labels(factor: Factor) -> list[str]:
    """Return classes to show, rest first; none for a factor whose classes are people."""
    rest = rest_of(factor)
    return [] if rest is None else [rest, *_spread(lively(factor), _ROW_FACES - 1)]


def _mouths(factor: Factor) -> list[str]:
    """Return classes that move the lips in different ways: PP closes, aa opens, ou rounds."""
    named: list[str] = [label for label in ("PP", "aa", "ou") if label in factor.classes]
    return (named or _spread(lively(factor), _MOUTHS))[:_MOUTHS]


def _spread(labels: list[str], n: int) -> list[str]:
    """Return at most n of the labels, from all over the list."""
    step = max(1.0, (len(labels) - 1) / max(1, n - 1))
    return [labels[round(k * step)] for k in range(min(n, len(labels)))]


def _listed(names: list[str]) -> str:
    return " and ".join(names)
