"""How fast a device could run an iteration: its operations and bytes against the device's limits.

Every kernel that torch calls is counted, wherever it runs: what it computes, what it reads and
writes. A kernel takes the longer of both times at the rates that large kernels reach, and never
less than its launch. What is compiled into one kernel is counted apart, as it is written.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gan.sections import PrecisionConfig
from gan.training.precision import within_full_precision

REACHED = 0.6  # of the operations a second that are on paper: large convolutions
REACHED_BYTES = 0.8  # of the bandwidth: large copies
LAUNCH = 4e-6  # s: from Python to the device, one kernel


class Limits(NamedTuple):
    """What a device's data sheet says, without sparsity: operations and bytes a second."""

    float32: float
    tf32: float
    bf16: float
    bytes: float


DEVICES = {
    "v100": Limits(15.7e12, 15.7e12, 15.7e12, 0.9e12),
    "a100": Limits(19.5e12, 156e12, 312e12, 2.04e12),
    "rtx4090": Limits(82.6e12, 82.6e12, 165e12, 1.01e12),
    "h100": Limits(67e12, 495e12, 989e12, 3.35e12),
    "h200": Limits(67e12, 495e12, 989e12, 4.8e12),
}


@dataclass(frozen=True)
class Roofline:
    """One iteration: what it is made of, and the seconds that a device would take.

    Attributes
    ----------
    compute, memory, launches : s, of all kernels, if nothing else took time
    predicted : s; the longest of the three for every kernel
    """

    device: str
    operations: float
    bytes: float
    kernels: float
    compute: float
    memory: float
    launches: float
    predicted: float

    def record(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def roofline(
    work: Callable[[], Any], device: str, settings: PrecisionConfig, *, iterations: int = 1
) -> Roofline:
    """Run `work`, of so many iterations, and predict one iteration's time on a device of `DEVICES`.

    References
    ----------
    Williams, Waterman, Patterson, Roofline: an insightful visual performance model for multicore
    architectures, Communications of the ACM 2009.
    """
    counter = _Counter(DEVICES[device], settings)
    with counter:
        work()
    sums = {name: value / iterations for name, value in counter.sums.items()}
    return Roofline(device=device, launches=sums["kernels"] * LAUNCH, **sums)


class _Counter(TorchDispatchMode):
    def __init__(self, limits: Limits, settings: PrecisionConfig) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._limits, self._settings = limits, settings
        names = ("operations", "bytes", "kernels", "compute", "memory", "predicted")
        self.sums = dict.fromkeys(names, 0.0)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        read, made = _tensors((args, kwargs)), _tensors(out)
        if (not read and not made) or _is_view(func, read, made):
            return out
        operations = 0.0
        if (formula := flop_registry.get(func.overloadpacket)) is not None:
            operations = float(formula(*args, **kwargs, out_val=out))
        moved = sum(map(_bytes, read)) + sum(map(_bytes, made or read))
        compute = operations / (REACHED * self._rate(read))
        memory = moved / (REACHED_BYTES * self._limits.bytes)
        for name, value in (
            ("operations", operations),
            ("bytes", moved),
            ("kernels", 1),
            ("compute", compute),
            ("memory", memory),
            ("predicted", max(compute, memory, LAUNCH)),
        ):
            self.sums[name] += value
        return out

    def _rate(self, tensors: list[Tensor]) -> float:
        if any(t.dtype in (torch.bfloat16, torch.float16) for t in tensors):
            return self._limits.bf16
        within = within_full_precision()
        tf32 = self._settings.penalty == "tf32" if within else self._settings.tf32
        return self._limits.tf32 if tf32 else self._limits.float32


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _bytes(tensor: Tensor) -> int:
    """Return the bytes behind a tensor: one that is expanded repeats what it has."""
    strides = zip(tensor.shape, tensor.stride(), strict=True)
    return tensor.element_size() * math.prod(size for size, stride in strides if stride)


def _is_view(func: Any, read: list[Tensor], made: list[Tensor]) -> bool:
    """Tell whether nothing runs: all that is returned is memory that was passed in."""
    if func._schema.is_mutable or not made:
        return False
    known = {tensor.untyped_storage().data_ptr() for tensor in read}
    return all(tensor.untyped_storage().data_ptr() in known for tensor in made)
