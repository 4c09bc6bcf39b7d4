"""How the real meshes of an epoch are drawn: all once in any order, or classes evenly.

A sampler makes the order of one epoch; the training state keeps it, and the place in it, in its
checkpoints. So a sampler needs no memory: it draws from the generator it is given, and a resumed
run goes on with the very mesh that comes next.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.registry import Registry


class AbstractSampler(ABC):
    """The order of the meshes in an epoch.

    Built with `n_meshes` of the training split, `labels` of its factors by name ((n,), −1: none),
    and the options of the configuration.
    """

    @abstractmethod
    def epoch(self, *, rng: torch.Generator) -> Int[Tensor, " n"]:
        """Return the meshes of one epoch in order, by number; as many as the split has.

        On the device of `rng`, from which every random number must come.
        """

    @abstractmethod
    def draws(self) -> Float[Tensor, " n"]:
        """Return how often each mesh is expected in an epoch; the class weights count with it."""


SAMPLERS: Registry[AbstractSampler] = Registry(
    "sampler", "meshkit_gan.samplers", AbstractSampler, context=("n_meshes", "labels")
)


@final
@SAMPLERS.register("uniform")
class UniformSampler(AbstractSampler):
    """Every mesh once in an epoch, shuffled."""

    def __init__(self, *, n_meshes: int) -> None:
        self.n_meshes = n_meshes

    def epoch(self, *, rng: torch.Generator) -> Int[Tensor, " n"]:
        """Return a permutation."""
        return torch.randperm(self.n_meshes, generator=rng, device=rng.device)

    def draws(self) -> Float[Tensor, " n"]:
        """Return ones."""
        return torch.ones(self.n_meshes)


@final
@SAMPLERS.register("balanced")
class BalancedSampler(AbstractSampler):
    """The classes of a factor in turns, so that any stretch of an epoch has all alike.

    Meshes without a label of the factor come once each, strewn in between. The labelled ones share
    the rest of the epoch: a class larger than its share shows a random part of itself, a smaller
    one comes several times, each mesh as often as any other of its class, give or take one.

    Parameters
    ----------
    factor : name
    """

    def __init__(self, *, n_meshes: int, labels: Mapping[str, Tensor], factor: str) -> None:
        if factor not in labels:
            raise ValueError(
                f"sampler balanced: no factor {factor!r}; the model has {', '.join(labels)}"
            )
        own = labels[factor].cpu()
        self.n_meshes = n_meshes
        self.unlabelled = torch.nonzero(own < 0)[:, 0]
        classes = torch.unique(own[own >= 0]).tolist()
        self.members = [torch.nonzero(own == c)[:, 0] for c in classes]

    def epoch(self, *, rng: torch.Generator) -> Int[Tensor, " n"]:
        """Return rounds of all classes, each in an order of its own; the last may be cut short."""
        device, C = rng.device, len(self.members)
        n_labelled = self.n_meshes - len(self.unlabelled)
        rounds = -(-n_labelled // C)
        columns = [_repeated(members.to(device), rounds, rng) for members in self.members]
        turns = torch.rand(rounds, C, generator=rng, device=device).argsort(dim=1)
        labelled = torch.stack(columns, dim=1).gather(1, turns).flatten()[:n_labelled]
        order = torch.empty(self.n_meshes, dtype=torch.int64, device=device)
        place = torch.randperm(self.n_meshes, generator=rng, device=device)
        order[place[n_labelled:]] = self.unlabelled.to(device)
        order[place[:n_labelled].sort().values] = labelled
        return order

    def draws(self) -> Float[Tensor, " n"]:
        """Return 1 for an unlabelled mesh; a class's share over its size for a labelled one."""
        draws = torch.ones(self.n_meshes)
        share = (self.n_meshes - len(self.unlabelled)) / len(self.members)
        for members in self.members:
            draws[members] = share / len(members)
        return draws


def _repeated(
    members: Int[Tensor, " m"], times: int, rng: torch.Generator
) -> Int[Tensor, " times"]:
    """Return so many of the members: whole shuffles of all of them, the last one cut short."""
    shuffles = -(-times // len(members))
    keys = torch.rand(shuffles, len(members), generator=rng, device=members.device)
    return members[keys.argsort(dim=1)].flatten()[:times]
