"""The floor of an iteration: its convolutions and dense matrix products, and nothing else.

Every call of a convolution, of its backward pass (also within the gradient penalty) and of a dense
matrix product is recorded in real iterations, then replayed: same operation, shapes, strides and
types, random values, no autograd, one after the other. Not in it: activations, losses, random
numbers, sparse products, optimizers, copies between layouts, data, Python.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_map
from torch.utils.flop_counter import flop_registry

_aten = torch.ops.aten
COUNTED = {
    _aten.convolution.default,
    _aten.convolution_backward.default,
    _aten.mm.default,
    _aten.addmm.default,
    _aten.bmm.default,
    _aten.baddbmm.default,
    _aten.mv.default,
    _aten.addmv.default,
}


class Floor:
    """What was recorded: the calls in order, and how many floating-point operations they are."""

    def __init__(self, calls: list[Callable[[], Any]], operations: float) -> None:
        self.calls = calls
        self.operations = operations

    def replay(self) -> None:
        """Run the calls; results are dropped."""
        with torch.no_grad():
            for call in self.calls:
                call()


def record_floor(work: Callable[[], Any]) -> Floor:
    """Run `work` once and record its convolutions and dense matrix products."""
    recorder = _Recorder()
    with recorder:
        work()
    return Floor(recorder.calls, recorder.operations)


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Callable[[], Any]] = []
        self.operations = 0.0
        self._pool: dict[tuple[Any, ...], Tensor] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func in COUNTED and not tree_any(_is_sparse, (args, kwargs)):
            own_args, own_kwargs = tree_map(self._stand_in, (args, kwargs))
            self.calls.append(lambda: func(*own_args, **own_kwargs))
            if (formula := flop_registry.get(func.overloadpacket)) is not None:
                self.operations += formula(*args, **kwargs, out_val=out)
        return out

    def _stand_in(self, value: Any) -> Any:
        """Return, for a tensor, one like it with random values: one for each shape and layout."""
        if not isinstance(value, Tensor):
            return value
        key = (value.shape, value.stride(), value.dtype, value.device)
        if key not in self._pool:
            like = torch.empty_strided(
                value.shape, value.stride(), dtype=value.dtype, device=value.device
            )
            self._pool[key] = like.normal_()
        return self._pool[key]


def _is_sparse(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout is not torch.strided
