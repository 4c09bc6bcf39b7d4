"""Numbers, time and ceilings of a GPU: `python tools/gpu_checks.py CHECKS.json`, in a checkout.

Each check prints one line; the exit code is the number of those that failed. `--simulated`
rehearses them at small sizes without a GPU. What passes or fails at any size is a test marked
`cuda` instead.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("JAXTYPING_DISABLE", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import scipy.sparse as sp
import torch

from gan.config import load_config
from gan.datasets.store import load_dataset
from gan.runs.tf32 import tf32
from gan.training.loop import start, train
from gan.training.step import iterate
from meshkit.laplacian import cotangent_laplacian
from meshkit.nn import SparseOperator
from meshkit.primitives import hemisphere
from tests.gan.conftest import blobs, tiny
from tests.simulated_cuda import simulated_cuda

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
FOLDER = Path(tempfile.mkdtemp())
SMALL = "--simulated" in sys.argv


def sparse_products() -> dict[str, Any]:
    """Against scipy in float64; a buffer of NaN before; the same bits 100 times."""
    V, F = hemisphere(12 if SMALL else 85)  # 22,000 vertices
    p, rng = 256 if SMALL else 4096, np.random.default_rng(0)
    corners, weights = F[rng.integers(len(F), size=p)], rng.dirichlet(np.ones(3), size=p)
    entries = (weights.ravel(), (np.repeat(np.arange(p), 3), corners.ravel()))
    S = sp.csr_array(entries, (p, len(V)))
    worst, unlike = 0.0, 0
    for A in (S, sp.csr_array(S.T), cotangent_laplacian(V, F)):
        layer = SparseOperator(A).to(CUDA)
        for k in (1, 3, 384, 1536):
            X = rng.normal(size=(A.shape[1], k)).astype(np.float32)
            x, expected = torch.from_numpy(X).to(CUDA), A @ X.astype(np.float64)
            poison = torch.full((A.shape[0], k), torch.nan).to(CUDA)
            del poison  # the caching allocator gives this block to the product
            Y = layer(x)
            gap = np.linalg.norm(Y.double().cpu().numpy() - expected)
            worst = max(worst, float(gap / np.linalg.norm(expected)))
            unlike += sum(bool((layer(x) != Y).any()) for _ in range(5 if SMALL else 100))
    assert worst < 1e-6, f"relative error {worst:.1e}"  # NaN fails too
    assert not unlike, f"{unlike} products with other bits"
    return {"relative_error": worst}


@contextlib.contextmanager
def drawn_on_the_host() -> Iterator[None]:
    """Draw all random numbers from one generator on the host, whatever the device."""
    host = torch.Generator().manual_seed(7)
    real = {name: getattr(torch, name) for name in ("randn", "rand", "randint", "randperm")}

    def draw(name: str, *size: Any, generator: Any = None, device: Any = None, **kind: Any) -> Any:
        return real[name](*size, generator=host, **kind).to(device or CPU)

    for name in real:
        setattr(torch, name, lambda *a, name=name, **k: draw(name, *a, **k))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(torch, name, function)


def same_numbers() -> dict[str, Any]:
    """Three iterations with the random numbers of the CPU: the same terms."""
    data, runs = load_dataset(blobs(FOLDER / "blobs.h5", rings=8 if SMALL else 30)), []
    for device in (CPU, CUDA):
        with drawn_on_the_host():
            state = start(tiny(batch=16), data, device)
            runs.append([{k: float(t) for k, t in iterate(state).items()} for _ in range(3)])
            state.watch.confirm()
    gaps = [
        max(abs(a[k] - b[k]) / max(1.0, abs(a[k])) for k in a) for a, b in zip(*runs, strict=True)
    ]
    # Adam magnifies rounding where a gradient is 0 but for it, by the rate an update at most.
    assert gaps[0] < 1e-3, f"terms differ by {gaps[0]:.1e}"
    assert gaps[-1] < 1e-2, f"terms differ by {gaps[-1]:.1e} after three iterations"
    return {"first": gaps[0], "third": gaps[-1]}


def minutes() -> dict[str, Any]:
    """The minutes of a run are those of the clock, although the host runs ahead."""
    sizes = ["training.batch=8", "mapping.size=16", "discriminator.widths=[4,4,8,8]"]
    config = load_config(
        "paper",
        None,
        [
            "training.iterations=60",
            "output.log_every=10",
            "output.tensorboard=false",
            "output.picture_every=1000",
            "output.checkpoint_every=1000",
            *(sizes if SMALL else ["training.batch=48"]),
        ],
    )
    data = load_dataset(blobs(FOLDER / "clock.h5", rings=8 if SMALL else 60))
    marks: list[float] = []
    outcome = train(
        config,
        data,
        FOLDER / "clock",
        device="cuda",
        progress=lambda *_: marks.append(time.monotonic()),
    )
    share = 60 * outcome.minutes / (marks[-1] - marks[0])
    assert share > 0.8, f"the run counts {share:.0%} of the time that passes"
    return {"share_of_clock": share}


def ceilings() -> dict[str, Any]:
    """What this card does: a copy, products, the heaviest convolution of the paper's size."""

    def rate(work: Callable[[], Any], amount: float, n: int = 10) -> float:
        for _ in range(3):
            work()
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(n):
            work()
        last.record()
        torch.cuda.synchronize()
        return amount * n / first.elapsed_time(last) * 1e3

    n, B = (256, 2) if SMALL else (8192, 256)
    a, b = torch.randn(n, n, device=CUDA), torch.empty(n, n, device=CUDA)
    rates = {"copy_bytes": rate(lambda: b.copy_(a), 8 * n * n)}
    x = torch.randn(B, 64, 32, 32, device=CUDA)
    for name, on, kind in (
        ("float32", False, torch.float32),
        ("tf32", True, torch.float32),
        ("bf16", True, torch.bfloat16),
    ):
        c, y = a.to(kind), x.to(kind).contiguous(memory_format=torch.channels_last)
        layer = torch.nn.Conv2d(64, 128, 4, 2, 1).to(CUDA).to(kind)
        with torch.no_grad(), tf32(on):
            rates[f"{name}_product"] = rate(lambda c=c: c @ c, 2 * n**3)
            rates[f"{name}_convolution"] = rate(
                lambda y=y, layer=layer: layer(y), 2 * B * 256 * 128 * 64 * 16
            )
    return rates


def main() -> int:
    os.environ["MESHKIT_GAN_CACHE"] = str(FOLDER / "cache")
    results: dict[str, Any] = {}
    with simulated_cuda() if SMALL else contextlib.nullcontext():
        for check in (sparse_products, same_numbers, minutes, ceilings):
            began, name = time.monotonic(), check.__name__
            try:
                results[name] = {"passed": True, **check()}
            except Exception as error:  # the others are tried all the same
                traceback.print_exc()
                results[name] = {"passed": False, "error": str(error).splitlines()[0][:300]}
            print(f"{name:16} {time.monotonic() - began:6.1f} s  {results[name]}", flush=True)
    Path(sys.argv[1]).write_text(json.dumps(results, indent=1) + "\n")
    return sum(not result["passed"] for result in results.values())


if __name__ == "__main__":
    sys.exit(main())
