"""One descent of one player: the sum of its terms, its gradients, its optimizer.

Several processes average their gradients here, explicitly, since a penalty differentiates twice.
On CUDA nothing waits for the device: an update whose terms are not finite is masked there, and so
is every later one, until `Watch.confirm` reads the flag and says which term it was.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from gan import parallel
from gan.errors import TrainingDiverged
from gan.training.buckets import OverlappedMeans
from gan.training.profile import backward_parts, part


def descend(
    optimizer: torch.optim.Optimizer,
    terms: Mapping[str, Tensor],
    weights: Mapping[str, float],
    *,
    step: int,
    watch: "Watch",
) -> dict[str, Tensor]:
    """Descend on the weighted sum of the terms; return them, detached, the mean over processes.

    Raises
    ------
    TrainingDiverged
        A term is not finite. The weights are those before the update; on CUDA this is said by
        `Watch.confirm`, some updates later.
    """
    total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    optimizer.zero_grad(set_to_none=True)
    players = [p for group in optimizer.param_groups for p in group["params"]]
    several = parallel.world() > 1
    with part("communication") if several else nullcontext():
        with OverlappedMeans(players) if several else nullcontext(), backward_parts(total):
            total.backward(inputs=players)
        (values,) = parallel.average([torch.stack([*terms.values(), total])])
    values = values.detach()
    with part("optimizers"):
        fused = bool(optimizer.defaults.get("fused"))
        # Adam's fused kernel leaves weights and moments alone where this is 1.
        optimizer.found_inf = watch.admit(  # type: ignore[attr-defined]
            step, tuple(terms), values, may_mask=fused
        )
        optimizer.step()
    return dict(zip(terms, values[:-1].unbind(), strict=True))


class _Update(NamedTuple):
    step: int
    names: tuple[str, ...]
    values: Tensor  # of the terms, then their weighted sum


class Watch:
    """Looks out for updates whose terms are not finite: at once, or later where looking would wait.

    `defer` is for devices on which reading a value waits for everything before it.
    """

    def __init__(self, *, defer: bool) -> None:
        self.defer = defer
        self._failed: Tensor | None = None  # 1 from the first bad update on
        self._seen: list[_Update] = []  # since the last confirmation

    def admit(
        self, step: int, names: tuple[str, ...], values: Tensor, *, may_mask: bool
    ) -> Tensor | None:
        """Note an update; return 1 on the device if it must not be applied, else 0, or None.

        Raises
        ------
        TrainingDiverged
            A value is not finite, and the optimizer cannot mask its update, or need not.
        """
        update = _Update(step, names, values)
        if not (self.defer and may_mask):
            _refuse(update)
            return None
        bad = (~torch.isfinite(values)).any().float()
        self._failed = bad if self._failed is None else torch.maximum(self._failed, bad)
        self._seen.append(update)
        return self._failed

    def confirm(self) -> None:
        """Make sure that every update so far was applied: before anything is logged or saved.

        Raises
        ------
        TrainingDiverged
            One was not; the message names the first one's iteration and term.
        """
        seen, failed = self._seen, self._failed
        self._seen, self._failed = [], None
        if failed is not None and failed.item():
            for update in seen:
                _refuse(update)


def _refuse(update: _Update) -> None:
    if torch.isfinite(update.values).all():
        return
    *terms, _ = update.values.tolist()
    for name, value in zip(update.names, terms, strict=True):
        if not abs(value) < float("inf"):
            raise TrainingDiverged(f"iteration {update.step}: {name} is {value}")
    raise TrainingDiverged(f"iteration {update.step}: the sum of the terms overflows")
