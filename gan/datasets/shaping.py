"""From planned rows to vertices, person by person, in this process or in several.

What a person looks like depends on the seed and on the person alone, so the number of processes
changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.datasets.plan import Row, purpose_rng
from gan.datasets.processes import crew
from gan.datasets.scanner import Scanner
from gan.datasets.source import FaceSource, translate_units

BLOCK = 32  # meshes in memory at a time


class Shaper(NamedTuple):
    """All that turns rows into vertices."""

    source: FaceSource
    seed: int
    scanner: Scanner

    def blocks(self, rows: Sequence[Row]) -> Iterator[Float[np.ndarray, "_ V 3"]]:
        """Yield the vertices of one person's rows, mm, few at a time."""
        source, subject = self.source, rows[0].subject
        identity = source.sample_identity(purpose_rng(self.seed, subject, "identity"))
        rng = purpose_rng(self.seed, subject, "noise")
        for first in range(0, len(rows), BLOCK):
            units = [translate_units(row.units, source.controls) for row in rows[first:][:BLOCK]]
            V = np.stack([source.shape(identity, each) for each in units])
            yield self.scanner.scan(V, source.faces, rng)


def shape_people(
    shaper: Shaper, people: Sequence[Sequence[Row]], jobs: int, advance: Callable[[int], None]
) -> Iterator[Float[np.ndarray, "_ V 3"]]:
    """Yield the vertices of all people in order, mm.

    Parameters
    ----------
    jobs
        Processes; 1: this one alone.
    advance
        Is told the number of meshes that were written since it was last called.
    """
    with crew(min(jobs, len(people)), shaper) as run:
        for blocks in run(_shape_person, people):
            for block in blocks:
                yield block
                advance(len(block))


def _shape_person(shaper: Shaper, rows: Sequence[Row]) -> list[np.ndarray]:
    return [block.astype(np.float32) for block in shaper.blocks(rows)]
