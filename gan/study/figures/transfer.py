"""Expressions of held-out people on the faces of others, by every method."""

from collections.abc import Iterator

import torch

from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, draw_grid
from gan.study.figures.people import held_out, moving_faces, resting_face
from gan.study.figures.studio import EXPRESSION, METHODS, Studio, absent, join_text

NAME, TITLE = "expression-transfer", "Expression transfer"
_PAIRS = 5


def transfer_figure(studio: Studio) -> Iterator[Figure]:
    """Draw source, target and every method's result for the same pairs of held-out faces."""
    cast = studio.cast(METHODS, factors=(EXPRESSION,))
    if not cast.members:
        yield from absent(NAME, TITLE, join_text("no model takes part.", cast.missing))
        return
    dataset = studio.dataset
    split, rows = held_out(dataset)
    shown = moving_faces(dataset, rows, _PAIRS, rng=studio.numpy_rng(NAME))
    others = [resting_face(dataset, rows, after=face.subject) for face in shown]
    if None in others:
        yield from absent(NAME, TITLE, f"the {split} split has a single person.")
        return
    source = dataset.vertices([face.mesh for face in shown])
    target = dataset.vertices([mesh for mesh in others if mesh is not None])
    columns = [source, target]
    for member in cast.members:
        with torch.no_grad():
            given = studio.model(member).transfer(
                torch.from_numpy(source), torch.from_numpy(target), EXPRESSION
            )
        columns.append(given.numpy())
    cells = [[studio.shoot(X[k]) for X in columns] for k in range(len(shown))]
    titles = ("source", "target", *(member.title for member in cast.members))
    groups = (("given", 2), ("target with the source's expression", len(cast.members)))
    text = (
        f"Faces of the {split} split: each method encodes both, and decodes the target with the "
        "source's expression code. The expression should be the source's, the person the target."
    )
    labels = Axis([face.label for face in shown])
    image = draw_grid(cells, rows=labels, columns=Axis(titles, groups))
    yield Figure(NAME, TITLE, join_text(text, cast.missing), image)
