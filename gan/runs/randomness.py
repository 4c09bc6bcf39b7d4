"""The global random numbers, which plug-ins may use: seeded for a run, saved, put back after it.

The trainer's own draws come from `TrainState.rng`. Dropout and much third-party code draw from the
global generators of torch, numpy or Python, so that these, too, must go on where they stood.
"""

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch


def capture() -> dict[str, Any]:
    """Return the state of every global generator: tensors and plain values.

    CUDA's where CUDA is in use; where it is not, asking would take memory of every GPU.
    """
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [
            name,
            torch.from_numpy(np.asarray(keys, dtype=np.int64)),
            position,
            has_gauss,
            gauss,
        ],
        "python": random.getstate(),
    }
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_back(state: Mapping[str, Any]) -> None:
    """Set the global generators to what `capture` returned; CUDA's where devices are as many."""
    torch.set_rng_state(state["torch"].cpu())
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    random.setstate(state["python"])
    cuda = state.get("cuda", [])
    if torch.cuda.is_initialized() and len(cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in cuda])


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators for a block; the caller finds them as they were."""
    before = capture()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_back(before)
