"""One training iteration, split by part; the floor is the discriminator's bare networks."""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from measure import Row

from gan.config import load_config
from gan.datasets.make import SIZES, make_dataset
from gan.datasets.procedural import ProceduralHead
from gan.datasets.store import load_dataset
from gan.training import step
from gan.training.loop import pick_device, start

ITERATIONS = 20


def rows(*, full: bool) -> Iterator[Row]:
    """Yield the parts of the iteration of the presets `demo` and `small` on the embedded heads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heads.h5"
        make_dataset(ProceduralHead(), path, size=SIZES["tiny"], seed=0)
        for preset in ("demo", "small"):
            with load_dataset(path) as dataset:
                state = start(load_config(preset), dataset, pick_device("auto"))
            yield from _split(preset, state)


def _split(preset: str, state: step.TrainState) -> Iterator[Row]:
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0])

    def timed(name: str, function: Callable) -> Callable:
        def wrapper(*args: object, **kwargs: object) -> object:
            began = time.perf_counter()
            result = function(*args, **kwargs)
            if state.device.type == "cuda":
                torch.cuda.synchronize()
            spent[name][-1] += time.perf_counter() - began
            return result

        return wrapper

    threads = f"{torch.get_num_threads()} threads on {state.device}"
    for _ in range(3):
        step.iterate(state)
    names = ("discriminator_step", "generator_step", "fold_last_layer", "update_average")
    kept = {name: getattr(step, name) for name in names}
    for name in names:
        setattr(step, name, timed(name, kept[name]))
    state.adversarial.discriminator = timed("penalty", state.adversarial.discriminator)
    state.optimizer_d.step = timed("optimizer_d", state.optimizer_d.step)
    state.optimizer_g.step = timed("optimizer_g", state.optimizer_g.step)
    for regularizer in state.regularizers.values():
        regularizer.forward = timed("regularizer", regularizer.forward)
    whole = timed("iteration", step.iterate)
    try:
        for _ in range(ITERATIONS):
            whole(state)
            for parts in spent.values():
                parts.append(0.0)
    finally:
        for name in names:
            setattr(step, name, kept[name])
    for name, parts in spent.items():
        yield Row(f"{preset}: {name}", statistics.median(parts[:-1]), None, "", threads)
