"""Generated faces that are nearest to the training set, and those that are farthest."""

from collections.abc import Iterator

import numpy as np

from gan.evaluation.generated import decode_all
from gan.evaluation.nearest import NearestMesh
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, Cell, draw_grid
from gan.study.figures.studio import METHODS, Studio, absent, join_text

NAME, TITLE = "specificity", "Best and worst specificity"
_DRAWN, _EXTREMES = 60, 3  # random faces of each method; the best of them, and as many of the worst


def specificity_figure(studio: Studio) -> Iterator[Figure]:
    """Draw for every method its nearest and farthest faces above the nearest training faces."""
    cast = studio.cast(METHODS)
    if not cast.members:
        yield from absent(NAME, TITLE, join_text("no model takes part.", cast.missing))
        return
    dataset = studio.dataset
    rows = dataset.indices("train")
    search = NearestMesh(lambda k: dataset.vertices(rows[k]), len(rows), dataset.template)
    cells = list[list[Cell]]()
    for member in cast.members:
        model = studio.model(member)
        X = decode_all(model, model.sample_codes(_DRAWN, rng=studio.rng(NAME)))
        nearest = search.query(X)
        order = np.argsort(nearest.distance, kind="stable")
        chosen = np.concatenate([order[:_EXTREMES], order[-_EXTREMES:]])
        near = dataset.vertices(rows[nearest.mesh[chosen]])
        distances = [f"{mm:.2f} mm" for mm in nearest.distance[chosen]]
        cells.append([studio.shoot(V, mm) for V, mm in zip(X[chosen], distances, strict=True)])
        cells.append([studio.shoot(V) for V in near])
    titles = ("generated", "nearest training face") * len(cast.members)
    columns = Axis(
        groups=[("nearest to the training set", _EXTREMES), ("farthest from it", _EXTREMES)]
    )
    text = (
        f"Of {_DRAWN} random faces of each method the three that are nearest to a training face, "
        "and the three that are farthest, with the mean vertex distance and that training face. "
        "The farthest should still be faces."
    )
    groups = [(title, 2) for title in studio.titles(cast.members, "specificity")]
    image = draw_grid(cells, rows=Axis(titles, groups), columns=columns)
    yield Figure(NAME, TITLE, join_text(text, cast.missing), image)
