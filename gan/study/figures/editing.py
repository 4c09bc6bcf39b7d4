"""What codes are good for: going from face to face, replacing and adding expressions."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from torch import Tensor

from gan.editing import path_of_codes, transfer_codes
from gan.models.contract import FaceGenerator
from gan.report.faces import fixed_code, quiet
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, Cell, draw_grid
from gan.study.figures.studio import EXPRESSION, IDENTITY, Studio, absent, lively, rest_of

_STEPS = np.linspace(-0.5, 1.5, 9)
_SOURCES = 3


class _Subject(NamedTuple):
    title: str
    model: FaceGenerator


def interpolation_figure(studio: Studio) -> Iterator[Figure]:
    """Draw the way between two faces and beyond, for each factor alone and for all codes."""
    name, title = "interpolation", "Interpolation and extrapolation"
    subject = _best_with(studio, ())
    if subject is None:
        yield from absent(name, title, "no run of ours takes part.")
        return
    model, rows = subject.model, list[str]()
    first, last = (_labelled_end(studio, model, end) for end in (0, 1))
    cells = list[list[Cell]]()
    moves = [(factor.name, (factor.name,)) for factor in reversed(model.factors)]
    for row, factors in (*moves, ("all codes", ())):
        codes = path_of_codes(model, first, last, _STEPS, factors=factors)
        cells.append(studio.shoot_codes(model, codes))
        rows.append(row)
    titles = [_place(t) for t in _STEPS]
    inside = int(((_STEPS >= 0) & (_STEPS <= 1)).sum())
    beyond = (len(_STEPS) - inside) // 2
    groups = (("before the first", beyond), ("between two faces", inside), ("beyond", beyond))
    text = (
        f"{subject.title}: codes on the straight line through two faces; in each row only the "
        "codes that it names move. Only they should change, evenly, and stay faces beyond the ends."
    )
    image = draw_grid(cells, rows=Axis(rows), columns=Axis(titles, groups))
    yield Figure(name, title, text, image)


def editing_figure(studio: Studio) -> Iterator[Figure]:
    """Draw expressions replaced by those of sources, and added to them."""
    name, title = "editing", "Expressions replaced and added"
    subject = _best_with(studio, (IDENTITY, EXPRESSION))
    if subject is None:
        yield from absent(name, title, "no run of ours with an expression code takes part.")
        return
    model = subject.model
    labels = lively(model.factor(EXPRESSION))
    sources = labels[:_SOURCES]
    # Targets show what no source shows, as far as there are enough expressions.
    targets = (labels[_SOURCES:] or labels)[:2]
    people = quiet(model.sample_codes(len(sources) + len(targets), rng=studio.rng(name)))
    cells = list[list[Cell]]()
    for k, label in enumerate(sources):
        source = _posed(model, people, k, label)
        row = studio.shoot_codes(model, source, [label])
        for j, other in enumerate(targets):
            target = _posed(model, people, len(sources) + j, other)
            replaced, added = (
                transfer_codes(model, source, target, EXPRESSION, mode=mode)
                for mode in ("replace", "add")
            )
            row += studio.shoot_codes(model, target, [other])
            row += studio.shoot_codes(model, replaced, [label])
            row += studio.shoot_codes(model, added, [f"{other} + {label}"])
        cells.append(row)
    titles = ("source", *("target", "replaced", "added") * len(targets))
    groups = (("", 1), *((f"person {j + 1}", 3) for j in range(len(targets))))
    text = (
        f"{subject.title}: the target's expression code is replaced by the source's, or the "
        "source's is added to it. Replaced, only the source's expression shows; added, both."
    )
    image = draw_grid(cells, rows=Axis(), columns=Axis(titles, groups))
    yield Figure(name, title, text, image)


def _best_with(studio: Studio, factors: tuple[str, ...]) -> _Subject | None:
    member = studio.best()
    if member is None:
        return None
    model = studio.model(member)
    if not {factor.name for factor in model.factors}.issuperset(factors):
        return None
    return _Subject(member.title, model)


def _labelled_end(studio: Studio, model: FaceGenerator, end: int) -> dict[str, Tensor]:
    """Return a random face whose factors of few classes show a class that one can tell."""
    codes = quiet(model.sample_codes(1, rng=studio.rng(f"interpolation {end}")))
    for factor in model.factors:
        if rest_of(factor) is not None:
            labels = lively(factor)
            codes[factor.name] = fixed_code(model, factor.name, labels[end % len(labels)])
    return codes


def _posed(
    model: FaceGenerator, people: Mapping[str, Tensor], k: int, label: str
) -> dict[str, Tensor]:
    """Return person k with the expression of a label."""
    codes = {name: code[k : k + 1] for name, code in people.items()}
    return {**codes, EXPRESSION: fixed_code(model, EXPRESSION, label)}


def _place(t: float) -> str:
    """Write a place on the way: 0 and 1 are its ends."""
    return f"{t:.2f}".rstrip("0").rstrip(".").replace("-", "−")
