"""Faces that are nearly symmetric."""

from typing import final

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from gan.losses.base import AbstractRegularizer
from meshkit.errors import MeshError
from meshkit.nn import SparseOperator

MIRROR = (-1.0, 1.0, 1.0)  # faces look along z, with their left at positive x


@final
class SymmetryRegularizer(AbstractRegularizer):
    """Mean over vertices of `‖d − R d'‖² / 4`: d' at the mirrored vertex, R the mirror.

    For small data sets in which expressions are symmetric. A wink or a crooked smile costs.

    Parameters
    ----------
    tolerance : half-heights
        How far from a vertex its mirror image may be.
    """

    def __init__(
        self,
        *,
        V: Float[np.ndarray, "n 3"],
        F: Int[np.ndarray, "m 3"],
        tolerance: float = 0.02,
    ) -> None:
        super().__init__()
        middle = (V[:, 0].min() + V[:, 0].max()) / 2
        centred = V - (middle, 0, 0)
        distance, mirrored = KDTree(centred).query(centred * MIRROR)
        if not distance.max() <= tolerance:
            v = int(distance.argmax())
            raise MeshError(
                f"the template is not symmetric: vertex {v} has its mirror image "
                f"{distance[v]:.3f} half-heights from the nearest vertex, more than {tolerance}"
            )
        n = len(V)
        # Not an index: the gradient of a sparse product is deterministic on a GPU too.
        self.mirrored = SparseOperator(
            sp.csr_array((np.ones(n), mirrored, np.arange(n + 1)), shape=(n, n))
        )

    def forward(self, d: Float[Tensor, "V 3 B"]) -> Float[Tensor, ""]:
        """Return the mean over vertices and batch; d in half-heights."""
        image: Tensor = self.mirrored(d.reshape(len(d), -1))
        odd = d - image.view_as(d) * d.new_tensor(MIRROR)[:, None]
        return odd.square().sum(dim=1).mean() / 4
