"""How near generated faces are to real ones."""

from typing import final

import numpy as np
import torch

from gan.evaluation.estimate import estimate
from gan.evaluation.metric import METRICS, AbstractMetric, Column, Context, Measured

ANOTHER_MESH = "training, another mesh"


@final
@METRICS.register("specificity")
class Specificity(AbstractMetric):
    """Mean vertex distance of generated faces to the nearest training face.

    Held against the distance of training faces to the nearest one of another subject. "another
    mesh" is that to the nearest other one, which may be of the same subject.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Section 5.3 (Sp.).
    """

    unit = "mm"
    meaning = (
        "distance of generated faces to the nearest training face; for training faces, of another "
        "subject"
    )
    better = "lower"
    columns = (Column("specificity", "Sp.", headline=True),)
    by_default = "always"
    place = 30

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the mean distances of generated and of training faces."""
        search, subject = context.nearest, context.subject
        made = [search.query(X).distance for X in context.generated()]
        everyone = np.arange(len(context.rows))
        meshes, people = list[np.ndarray](), list[np.ndarray]()
        for rows, X in context.training():
            meshes.append(search.query(X, group=rows, groups=everyone).distance)
            if context.several_people:
                people.append(search.query(X, group=subject[rows], groups=subject).distance)
        group = subject[context.chosen]
        values = {
            "model": estimate(np.concatenate(made)),
            ANOTHER_MESH: estimate(np.concatenate(meshes), unit="subjects", group=group),
        }
        if not context.several_people:
            why = "the training split has a single subject"
            return Measured(values, skipped={"training": why})
        real = estimate(np.concatenate(people), unit="subjects", group=group)
        return Measured(values | {"training": real})
