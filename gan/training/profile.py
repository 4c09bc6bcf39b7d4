"""Where an iteration's time goes: parts of the step, forward and backward, each counted once.

`with part("penalty"):` costs nothing until a `Profile` is active. Parts may be nested: time goes to
the innermost. The backward pass is one call for all parts; its nodes carry the number at which the
forward pass made them, which tells the part that each belongs to.
"""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

PARTS = (
    "data",
    "noise",
    "generator",
    "mapping",
    "discriminator",
    "penalty",
    "regularizer",
    "optimizers",
    "averaging",
    "communication",
)
REST = "rest"
_PREPARING = "preparing the profile"  # not counted

_active: "Profile | None" = None


def part(name: str) -> AbstractContextManager[None]:
    """Say that what follows belongs to a part of the step."""
    return nullcontext() if _active is None else _active.inside(name)


def backward_parts(total: Tensor) -> AbstractContextManager[None]:
    """Attribute the backward pass of `total` to the parts whose forward passes made its nodes."""
    return nullcontext() if _active is None else _active.backwards(total)


class Profile:
    """Seconds by part, of everything that runs while it is active.

    On CUDA marks are events on the current stream: nothing waits until `seconds` is called.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[tuple[str, Any]] = []
        self._stack = [REST]
        self._made: list[tuple[int, str]] = []  # nodes from this number on belong to this part

    def __enter__(self) -> "Profile":
        global _active
        if _active is not None:
            raise RuntimeError("a profile is active already")
        _active = self
        self._mark(REST)
        return self

    def __exit__(self, *error: object) -> None:
        global _active
        self._mark(REST)
        _active = None

    def seconds(self) -> dict[str, float]:
        """Return the time of every part that ran."""
        if self._cuda:
            torch.cuda.synchronize()
        spent: dict[str, float] = defaultdict(float)
        for (name, began), (_, ended) in zip(self._marks, self._marks[1:], strict=False):
            spent[name] += began.elapsed_time(ended) / 1e3 if self._cuda else ended - began
        spent.pop(_PREPARING, None)
        return dict(spent)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Count time for `name` until the block ends."""
        if name not in PARTS:
            raise KeyError(f"unknown part {name!r}; known: {', '.join(PARTS)}")
        self._stack.append(name)
        self._mark(name)
        try:
            yield
        finally:
            self._stack.pop()
            self._mark(self._stack[-1])

    @contextmanager
    def backwards(self, total: Tensor) -> Iterator[None]:
        """Count the time of each node of the graph for the part that made it."""
        self._now(_PREPARING)
        handles = [
            node.register_prehook(self._prehook(self._maker(node)))
            for node in _graph(total.grad_fn)
            if type(node).__name__ != "AccumulateGrad"  # made anew in each step, by no part
        ]
        self._now(self._stack[-1])
        try:
            yield
        finally:
            self._now(_PREPARING)
            for handle in handles:
                handle.remove()
            self._mark(self._stack[-1])
            self._made.clear()

    def _mark(self, name: str) -> None:
        self._made.append((torch._C._autograd._get_sequence_nr(), name))
        self._now(name)

    def _now(self, name: str) -> None:
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append((name, event))
        else:
            self._marks.append((name, time.perf_counter()))

    def _maker(self, node: Any) -> str:
        # A node made after the mark "from number n on" has the number n or more.
        place = bisect_right(self._made, (node._sequence_nr(), "￿")) - 1
        return self._made[place][1] if place >= 0 else REST

    def _prehook(self, name: str) -> Any:
        def hook(gradients: tuple[Tensor, ...]) -> None:
            if self._marks[-1][0] != name:
                self._now(name)

        return hook


def _graph(root: Any) -> list[Any]:
    nodes, todo = {root}, [root]
    while todo:
        for node, _ in todo.pop().next_functions:
            if node is not None and node not in nodes:
                nodes.add(node)
                todo.append(node)
    return list(nodes)
