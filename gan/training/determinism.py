"""`training.deterministic`: the same bits from run to run, on a GPU too, at some cost in speed."""

import contextlib
import os
from collections.abc import Iterator

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # what CUDA's matrix products need to be reproducible


@contextlib.contextmanager
def reproducible(on: bool) -> Iterator[None]:
    """Let torch use only operations that give the same bits again; undone after the block."""
    if not on:
        yield
        return
    named = os.environ.get(WORKSPACE)  # torch looks at it before every product, not only at first
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn
    benchmark, fixed = cudnn.benchmark, cudnn.deterministic
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        cudnn.benchmark, cudnn.deterministic = benchmark, fixed
        if named is None:
            del os.environ[WORKSPACE]
