"""Random faces whose codes are shared: what every loss does, how well every method decouples."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from gan.models.contract import FaceGenerator
from gan.report.faces import fixed_code, quiet
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, Cell, draw_grid
from gan.study.figures.studio import (
    ABLATIONS,
    EXPRESSION,
    IDENTITY,
    METHODS,
    OURS,
    Studio,
    absent,
    join_text,
    lively,
)

_PER_GROUP = 4  # faces that share a code
_PEOPLE, _FACES = 3, 6  # identity codes and expression codes of a grid


def ablation_figure(studio: Studio) -> Iterator[Figure]:
    """Draw faces with one expression and with one identity, a row for each ablation."""
    name, title = "ablations", "What each loss does"
    ablations = studio.cast(ABLATIONS, factors=(IDENTITY, EXPRESSION))
    if not any(member.kind == "ablation" for member in ablations.members):
        yield from absent(name, title, "no ablation takes part; gan ablate trains them.")
        return
    shown = studio.cast((*ABLATIONS, *reversed(OURS)), factors=(IDENTITY, EXPRESSION))
    members = [member for member in shown.members if member.kind != "other"]
    cells, label = list[list[Cell]](), ""
    for member in members:
        model = studio.model(member)
        label = lively(model.factor(EXPRESSION))[0]
        cells.append(_same_then_same(studio, model, label))
    groups = ((f"one expression: {label}", _PER_GROUP), ("one person", _PER_GROUP))
    text = (
        f"Left, one expression code ({label}) and four people; right, one person and four "
        "expressions; all rows have the same random numbers. Where a loss is missing, faces on the "
        "left differ in expression, those on the right in identity, or they are no faces."
    )
    rows = Axis([member.title for member in members])
    image = draw_grid(cells, rows=rows, columns=Axis(groups=groups))
    yield Figure(name, title, join_text(text, shown.missing), image)


def _same_then_same(studio: Studio, model: FaceGenerator, label: str) -> list[Cell]:
    codes = quiet(model.sample_codes(_PER_GROUP, rng=studio.rng("ablations: people")))
    expression = fixed_code(model, EXPRESSION, label)
    left = {**codes, EXPRESSION: expression.expand(_PER_GROUP, -1)}
    others = quiet(model.sample_codes(_PER_GROUP, rng=studio.rng("ablations: expressions")))
    right = {**others, IDENTITY: others[IDENTITY][:1].expand(_PER_GROUP, -1)}
    return [*studio.shoot_codes(model, left), *studio.shoot_codes(model, right)]


def decoupling_figure(studio: Studio) -> Iterator[Figure]:
    """Draw for every method people in rows and expressions in columns."""
    name, title = "decoupling", "Random people, random expressions"
    cast = studio.cast(METHODS, factors=(IDENTITY, EXPRESSION))
    if not cast.members:
        yield from absent(name, title, join_text("no model takes part.", cast.missing))
        return
    cells = list[list[Cell]]()
    for member in cast.members:
        model = studio.model(member)
        drawn = studio.shoot_codes(model, crossed(model, rng=studio.rng(name)))
        cells += [drawn[k * _FACES : (k + 1) * _FACES] for k in range(_PEOPLE)]
    names = studio.titles(cast.members, "decoupling.identity", "decoupling.expression")
    rows = Axis(groups=[(title, _PEOPLE) for title in names])
    columns = Axis(groups=[("one random expression code in every column", _FACES)])
    text = (
        "For each method three random people (rows) with six random expressions (columns). In a "
        "row the person should stay, in a column the expression; rows should differ from each "
        "other, and columns too."
    )
    image = draw_grid(cells, rows=rows, columns=columns)
    yield Figure(name, title, join_text(text, cast.missing), image)


def crossed(model: FaceGenerator, *, rng: torch.Generator) -> Mapping[str, Tensor]:
    """Return codes of every person with every expression, person by person; the noise is 0."""
    codes = quiet(model.sample_codes(_PEOPLE * _FACES, rng=rng))
    person = codes[IDENTITY][:_PEOPLE].repeat_interleave(_FACES, dim=0)
    expression = codes[EXPRESSION][:_FACES].repeat(_PEOPLE, 1)
    return {**codes, IDENTITY: person, EXPRESSION: expression}
