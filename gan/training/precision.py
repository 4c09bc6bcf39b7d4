"""How the discriminator computes: bfloat16, TF32, channels last, compiled; `[precision]`.

The discriminator's convolutions are nearly all of the work, so that this is where the switches
act, around the methods of whatever discriminator is configured. Its features and scores come out
in float32 always; losses, gradient penalties, generator, mapping and optimizers stay in it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from gan.models.critic import ImageCritic
from gan.models.discriminator import AbstractDiscriminator
from gan.runs.tf32 import tf32
from gan.sections import PrecisionConfig

_full = False  # within `full_precision`
_eager = False  # within `uncompiled`


@contextmanager
def full_precision(settings: PrecisionConfig) -> Iterator[None]:
    """Compute in float32 within the block, or in TF32 if the configuration says so of penalties.

    A penalty squares a gradient: eight bits of mantissa are too few for it. Its own derivative is
    taken with that of all other terms, later, as the configuration says.
    """
    global _full
    before, _full = _full, True
    try:
        with tf32(settings.penalty == "tf32"):
            yield
    finally:
        _full = before


def within_full_precision() -> bool:
    """Tell whether a penalty is being computed."""
    return _full


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run what `compile` would compile as it is written, so that its operations can be seen."""
    global _eager
    before, _eager = _eager, True
    try:
        yield
    finally:
        _eager = before


@contextmanager
def products(settings: PrecisionConfig, device: torch.device) -> Iterator[None]:
    """Let all of CUDA compute within a block as the configuration says; undone afterwards."""
    cuda, cudnn = device.type == "cuda", torch.backends.cudnn
    before = cudnn.benchmark
    # Which algorithm is the fastest can differ from run to run, and so can its rounding.
    if cuda and not torch.are_deterministic_algorithms_enabled():
        cudnn.benchmark = settings.cudnn_benchmark
    try:
        with tf32(settings.tf32 and cuda):
            yield
    finally:
        cudnn.benchmark = before


def apply_precision(
    D: AbstractDiscriminator, settings: PrecisionConfig, device: torch.device
) -> None:
    """Let a discriminator compute as the configuration says, in place."""
    critic = D.as_critic()  # it looks its methods up in D when it is called
    for name in ("shared", "score", "features"):
        method = getattr(D, name)
        if settings.compile:
            method = _compiled(method, graphs=settings.graphs)
        if settings.channels_last and name == "shared":
            method = _channels_last(method)
        if settings.autocast == "bf16":
            method = _in_bf16(method, device, keep=name == "shared")
        setattr(D, name, method)
    if isinstance(critic, ImageCritic):
        slope = critic.slope
        if settings.compile:  # differentiated once, like any network: see `piecewise_linear_slope`
            slope = _compiled(slope, once=True, graphs=settings.graphs)
        if settings.channels_last:
            slope = _channels_last(slope)
        own = ImageCritic(critic.score, slope)
        setattr(D, "as_critic", lambda: own)  # noqa: B010 - mypy: a method


def _compiled(
    method: Callable[..., Tensor], *, once: bool = False, graphs: bool = False
) -> Callable[..., Tensor]:
    """Return the method compiled; what a penalty may differentiate twice stays as it is there."""
    # "reduce-overhead" records CUDA graphs: a whole method is one launch.
    fast = torch.compile(method, dynamic=False, mode="reduce-overhead" if graphs else None)

    def choose(*arguments: Any) -> Tensor:
        plain = _eager or (_full and not once)
        answer: Tensor = method(*arguments) if plain else fast(*arguments)
        return answer

    return choose


def _channels_last(method: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    # The layout of the input is passed on from layer to layer; the weights keep theirs.
    return lambda images: method(images.contiguous(memory_format=torch.channels_last))


def _in_bf16(method: Callable[..., Tensor], device: torch.device, *, keep: bool) -> Any:
    def cast(*arguments: Any) -> Tensor:
        if _full:
            return method(*arguments)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            answer = method(*arguments)
        return answer if keep else answer.float()

    return cast
