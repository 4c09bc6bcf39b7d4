"""Meshes of a model in blocks of bounded memory."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator

_BLOCK_BYTES = 1 << 25


def decode_blocks(
    model: FaceGenerator, codes: Mapping[str, Tensor], *, multiple: int = 1
) -> Iterator[Float[np.ndarray, "k V 3"]]:
    """Yield the meshes of a batch of codes, in order, in mm.

    Parameters
    ----------
    multiple
        Every block but the last holds a multiple of this many meshes.

    Raises
    ------
    CheckpointError
        A vertex is not finite.
    """
    n = len(codes["noise"])
    size = max(1, _BLOCK_BYTES // (4 * model.template.numel() * multiple)) * multiple
    for start in range(0, n, size):
        block = {name: code[start : start + size] for name, code in codes.items()}
        with torch.no_grad():
            X = model.decode(block).cpu().numpy()
        if not np.isfinite(X).all():
            raise CheckpointError("the model generates vertices that are not finite")
        yield X


def decode_all(model: FaceGenerator, codes: Mapping[str, Tensor]) -> Float[np.ndarray, "n V 3"]:
    """Return the meshes of a batch of codes that is known to be small."""
    return np.concatenate(list(decode_blocks(model, codes)))


def share_code(codes: Mapping[str, Tensor], name: str, size: int) -> dict[str, Tensor]:
    """Give consecutive groups of `size` rows the code that the first of each group has.

    Parameters
    ----------
    name
        A factor, or "noise".

    Raises
    ------
    KeyError
        There is no such code; the message lists those there are.
    """
    if name not in codes:
        raise KeyError(f"the model has no code {name!r}; it has {', '.join(codes)}")
    shared = codes[name][::size].repeat_interleave(size, dim=0)[: len(codes[name])]
    return {**codes, name: shared}
