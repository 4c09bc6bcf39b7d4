"""Gradients averaged over all processes while the backward pass still makes others."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan import parallel

BUCKET = 25 * 2**20  # bytes sent at once: large enough for bandwidth, small enough to overlap


class _Sent(NamedTuple):
    gradients: list[Tensor]
    flat: Tensor
    sum: parallel.Sum


class OverlappedMeans:
    """Within the block, a backward pass; at its end the gradients are the means over processes.

    Parameters go into buckets in reverse order, which is about that of the backward pass. A bucket
    is sent when all its gradients are there, but never before an earlier one: every process sends
    the same buckets in the same order.

    References
    ----------
    Li et al., PyTorch Distributed: experiences on accelerating data parallel training, VLDB 2020,
    Section 3.2.
    """

    def __init__(self, parameters: Sequence[Tensor], *, size: int = BUCKET) -> None:
        self._buckets = list[list[Tensor]]()
        room = 0
        for parameter in reversed(parameters):
            if parameter.nbytes > room:
                self._buckets.append([])
                room = size
            self._buckets[-1].append(parameter)
            room -= parameter.nbytes
        self._place = {p: k for k, bucket in enumerate(self._buckets) for p in bucket}
        self._awaited = [len(bucket) for bucket in self._buckets]
        self._sent = list[_Sent]()
        self._next = 0
        self._hooks = list[Any]()

    def __enter__(self) -> "OverlappedMeans":
        for parameter in self._place:
            self._hooks.append(parameter.register_post_accumulate_grad_hook(self._arrived))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        if kind is not None:
            return
        while self._next < len(self._buckets):  # those with a parameter that no term reaches
            self._send()
        for gradients, flat, total in self._sent:
            total.wait()
            flat /= parallel.world()
            parts = flat.split([gradient.numel() for gradient in gradients])
            shaped = [part.view_as(g) for part, g in zip(parts, gradients, strict=True)]
            torch._foreach_copy_(gradients, shaped)

    def _arrived(self, parameter: Tensor) -> None:
        self._awaited[self._place[parameter]] -= 1
        while self._next < len(self._buckets) and self._awaited[self._next] == 0:
            self._send()

    def _send(self) -> None:
        gradients = [p.grad for p in self._buckets[self._next] if p.grad is not None]
        self._next += 1
        if gradients:
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            self._sent.append(_Sent(gradients, flat, parallel.begin_sum(flat)))
