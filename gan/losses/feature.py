"""The feature loss: faces that share a code must look alike to that factor's classifier."""

import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor


def feature_distance(
    a: Float[Tensor, "P f"], b: Float[Tensor, "P f"], *, kind: str
) -> Float[Tensor, ""]:
    """Return the mean over pairs of `1 − cos(a, b)` ("cosine") or of `‖a − b‖²` ("l2").

    "Aligned" in Fernández Abrevaya et al., ICCV 2019, Eq. 10 and 11, fits both; cosine is ours.
    """
    if kind == "cosine":
        return (1 - nnf.cosine_similarity(a, b)).mean()
    if kind == "l2":
        return (a - b).square().sum(dim=1).mean()
    raise ValueError(f"unknown feature distance {kind!r}; known: cosine, l2")
