"""From planned rows to vertices, person by person, in this process or in several.

What a person looks like depends on the seed and on the person alone, so the number of processes
changes nothing.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.datasets.plan import Row, purpose_rng
from gan.datasets.scanner import Scanner
from gan.datasets.source import FaceSource, translate_units

BLOCK = 32  # meshes in memory at a time
AHEAD = 2  # people per process that are begun before they are written


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
    shaper: Shaper, people: Sequence[Sequence[Row]], jobs: int, progress: Callable[[int], None]
) -> Iterator[Float[np.ndarray, "_ V 3"]]:
    """Yield the vertices of all people in order, mm.

    Parameters
    ----------
    jobs
        Processes; 1: this one alone.
    progress
        Is told the number of meshes that were written since it was last called.
    """
    if jobs > 1 and len(people) > 1:
        yield from _shape_in_processes(shaper, people, min(jobs, len(people)), progress)
        return
    for rows in people:
        for block in shaper.blocks(rows):
            yield block
            progress(len(block))


def _shape_in_processes(
    shaper: Shaper, people: Sequence[Sequence[Row]], jobs: int, progress: Callable[[int], None]
) -> Iterator[np.ndarray]:
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(shaper,)
    )
    begun = deque[Future[list[np.ndarray]]]()
    left = iter(people)
    try:
        while True:
            while len(begun) < AHEAD * jobs and (rows := next(left, None)) is not None:
                begun.append(pool.submit(_shape_person, rows))
            if not begun:
                return
            for block in begun.popleft().result():
                yield block
                progress(len(block))
    finally:
        pool.shutdown(cancel_futures=True)


_shaper: Shaper | None = None  # of a worker process; sending it once beats sending it per person


def _begin(shaper: Shaper) -> None:
    """Prepare a worker: Ctrl-C is the parent's to handle, and the parent's end is its own."""
    global _shaper
    _shaper = shaper
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _shape_person(rows: Sequence[Row]) -> list[np.ndarray]:
    assert _shaper is not None
    return [block.astype(np.float32) for block in _shaper.blocks(rows)]
