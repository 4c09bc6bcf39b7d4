"""One training iteration, split by part; the peer is its floor (`gan bench`)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row

from gan.config import load_config
from gan.datasets.make import SIZES, make_dataset
from gan.datasets.procedural import ProceduralHead
from gan.datasets.store import load_dataset
from gan.training.benchmark import measure
from gan.training.loop import pick_device, start

ROUNDS = 10


def rows(*, full: bool) -> Iterator[Row]:
    """Yield the iteration and its parts, of `demo` and `small` on the embedded heads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heads.h5"
        make_dataset(ProceduralHead(), path, size=SIZES["tiny"], seed=0)
        for preset in ("demo", "small"):
            with load_dataset(path) as dataset:
                state = start(load_config(preset), dataset, pick_device("auto"))
            result = measure(state, ROUNDS)
            note = f"{result.threads} threads on {result.device}"
            floor = "its convolutions and dense products"
            yield Row(f"{preset}: iteration", result.iteration, result.floor, floor, note)
            for name, seconds in result.parts.items():
                yield Row(f"{preset}: {name}", seconds, None, "", note)
