"""Measure iterations of training: whole, split by part, and against the floor of `floor.py`."""

import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan.cache import cache_folder
from gan.datasets.store import write_dataset
from gan.parallel import world
from gan.training.floor import record_floor
from gan.training.precision import products, uncompiled
from gan.training.profile import PARTS, REST, Profile
from gan.training.roofline import Roofline, roofline
from gan.training.state import TrainState
from gan.training.step import iterate
from meshkit.primitives import hemisphere

MESHES, CLASSES = 512, 4  # of the made-up surface
PRODUCT = {"cuda": 8192, "cpu": 1024}  # rows of the matrices whose product gives the peak
WARM = 3  # rounds that are not counted: allocators and kernels settle


@dataclass(frozen=True)
class Benchmark:
    """Times are medians, in seconds of one iteration (all discriminator steps, one generator step).

    Attributes
    ----------
    batch : of all processes together; the floor is that of one process's share.
    floor : the iteration's bare convolutions and dense matrix products (`gan.training.floor`).
    parts : forward and backward passes of each part; from iterations of their own.
    operations : floating-point operations of the floor.
    peak : floating-point operations a second that a large matrix product reaches here.
    memory : bytes; the device's own peak on CUDA, that of the process on a CPU.
    """

    device: str
    processes: int
    threads: int
    vertices: int
    size: int
    batch: int
    critic_steps: int
    iteration: float
    floor: float
    parts: dict[str, float]
    operations: float
    peak: float
    memory: int

    @property
    def ratio(self) -> float:
        """Step time over floor."""
        return self.iteration / self.floor

    @property
    def share_of_peak(self) -> float:
        """What the whole iteration reaches of `peak`."""
        return self.operations / self.iteration / self.peak

    def seconds_for(self, epochs: float, meshes: int) -> float:
        """Return the time of so many passes of the discriminator over so many meshes."""
        per_epoch = (meshes // self.batch) / self.critic_steps
        return epochs * per_epoch * self.iteration

    def record(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self) | {"ratio": self.ratio, "share_of_peak": self.share_of_peak}


def surface_dataset(vertices: int, factors: Sequence[str]) -> Path:
    """Return a made-up data set of about so many vertices; made once, kept in the cache.

    Half a sphere, stretched by the class of every factor: speed does not depend on what it shows.
    """
    rings = max(3, round(math.sqrt(vertices / 3)))
    path = cache_folder() / f"surface-{rings}-{'-'.join(factors)}.h5"
    if path.is_file():
        return path
    V, F = hemisphere(rings)
    rng = np.random.default_rng(0)
    labels = {name: np.arange(MESHES) // CLASSES**k % CLASSES for k, name in enumerate(factors)}
    stretch = {name: rng.normal(size=(CLASSES, 3)) * 0.05 for name in factors}
    amount = sum((stretch[name][labels[name]] for name in factors), np.ones(3))
    write_dataset(
        path,
        faces=F,
        template=100 * V,
        labels=labels,
        names={name: [str(c) for c in range(CLASSES)] for name in factors},
        subject=np.arange(MESHES),
        sequence=np.full(MESHES, -1),
        frame=np.zeros(MESHES, dtype=int),
        split=np.zeros(MESHES, dtype=int),
        vertices=(100 * V * a for a in amount[:, None, None]),
        n=MESHES,
        provenance={"source": "surface for gan bench"},
    )
    return path


def measure(
    state: TrainState, rounds: int, watch: Callable[[int], None] = lambda n: None
) -> Benchmark:
    """Train `state` for some iterations and time them; iteration and floor take turns.

    Factors are labelled in turn, so that a round runs one iteration for each. Nothing waits for
    the device inside a round. `watch` gets the number of each round as it begins, below 0 while
    it warms up.
    """
    turns, device = len(state.problem.factors), state.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def iterations() -> None:
        for _ in range(turns):
            iterate(state)

    def replay() -> None:
        with products(state.config.precision, device):
            floor.replay()

    with uncompiled():
        floor = record_floor(iterations)
    times: dict[str, list[float]] = {"iteration": [], "floor": []}
    profiles = []
    for n in range(WARM + rounds):
        watch(n - WARM)
        times["iteration"].append(_timed(iterations, device) / turns)
        times["floor"].append(_timed(replay, device) / turns)
        with Profile(device) as profile:
            iterations()
        profiles.append(profile.seconds())
    with products(state.config.precision, device):
        peak = _peak(device)
    parts = {
        name: statistics.median(profile.get(name, 0.0) for profile in profiles[WARM:]) / turns
        for name in (*PARTS, REST)
    }
    return Benchmark(
        device=_name(device),
        processes=world(),
        threads=torch.get_num_threads(),
        vertices=len(state.problem.template),
        size=state.config.mapping.size,
        batch=state.config.training.batch,
        critic_steps=state.config.training.critic_steps,
        iteration=statistics.median(times["iteration"][WARM:]),
        floor=statistics.median(times["floor"][WARM:]),
        parts={name: seconds for name, seconds in parts.items() if seconds},
        operations=floor.operations / turns,
        peak=peak,
        memory=_memory(device),
    )


def predict(state: TrainState, device: str) -> Roofline:
    """Train `state` for one iteration of each factor, and predict their time on a device."""
    turns = len(state.problem.factors)

    def iterations() -> None:
        for _ in range(turns):
            iterate(state)

    with uncompiled():
        return roofline(iterations, device, state.config.precision, iterations=turns)


def _timed(work: Callable[[], Any], device: torch.device) -> float:
    """Return the seconds of `work`; on CUDA by events, which wait only at the end."""
    if device.type != "cuda":
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    first.record()
    work()
    last.record()
    torch.cuda.synchronize(device)
    return float(first.elapsed_time(last)) / 1e3


def _peak(device: torch.device) -> float:
    """Return the operations a second of a large float32 matrix product, the best of a few."""
    n = PRODUCT[device.type]
    A = torch.randn(n, n, device=device)
    best = min(_timed(lambda: A @ A, device) for _ in range(5))
    return 2 * n**3 / best


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type
