"""Which codes the generator gets: fixed ones for labels, pairs that share one, and alternation."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.models.face_model import Factor
from gan.parallel import own_share, world


class CodeBatch(NamedTuple):
    """Codes for one batch. Sample i of the first half is paired with sample i + B/2."""

    z: Float[Tensor, "B Z"]  # the factors' codes in order, then the noise
    labelled: str  # the factor whose codes are fixed ones; "": none, all are random
    labels: Int[Tensor, " B"] | None  # its classes
    pairs: dict[
        str, tuple[int, int]
    ]  # unlabelled factor -> its range of pairs, which share its code


def code_columns(factors: tuple[Factor, ...]) -> dict[str, slice]:
    """Return where the code of each factor lies in z; the noise follows the last."""
    columns, start = {}, 0
    for factor in factors:
        columns[factor.name] = slice(start, start + factor.code_size)
        start += factor.code_size
    return columns


def draw_fixed_codes(factors: tuple[Factor, ...], rng: torch.Generator) -> dict[str, Tensor]:
    """Draw one code for every class, N(0, I): Z_k, kept for the whole training."""
    return {
        f.name: torch.randn(len(f.classes), f.code_size, generator=rng, device=rng.device)
        for f in factors
    }


def labelled_factor(factors: tuple[Factor, ...], step: int) -> str:
    """Return the factor that is labelled in this iteration: each in turn."""
    return factors[step % len(factors)].name


def draw_codes(
    factors: tuple[Factor, ...],
    fixed: Mapping[str, Tensor],
    noise_size: int,
    labelled: str,
    batch: int,
    *,
    rng: torch.Generator,
) -> CodeBatch:
    """Draw a batch: fixed codes of random classes for `labelled`, random codes for the others.

    The pairs are shared out among the unlabelled factors; a pair shares the code of its own
    factor and of no other, so that the feature loss of a factor sees every other one change.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Section 4.4.
    """
    half = batch // 2
    others = [f.name for f in factors if f.name != labelled]
    codes, pairs = [], {}
    for factor in factors:
        if factor.name == labelled:
            classes = len(factor.classes)
            labels = torch.randint(classes, (batch,), generator=rng, device=rng.device)
            codes.append(fixed[labelled][labels])
            continue
        z = torch.randn(batch, factor.code_size, generator=rng, device=rng.device)
        k = others.index(factor.name)
        first, last = half * k // len(others), half * (k + 1) // len(others)
        z[half + first : half + last] = z[first:last]
        pairs[factor.name] = (first, last)
        codes.append(z)
    codes.append(torch.randn(batch, noise_size, generator=rng, device=rng.device))
    return CodeBatch(torch.cat(codes, dim=1), labelled, labels, pairs)


def share_of_codes(whole: CodeBatch) -> CodeBatch:
    """Return this process's share of a batch: the same pairs as in the whole, only fewer."""
    n = world()
    pairs = {name: (first // n, last // n) for name, (first, last) in whole.pairs.items()}
    labels = None if whole.labels is None else own_share(whole.labels)
    return CodeBatch(own_share(whole.z), whole.labelled, labels, pairs)
