"""What a judge minimises: faces of one label nearer to each other, and to a place of their own.

Triplets are mined within the batch. The mining is one comparison of all distances; the library that
offers it (pytorch-metric-learning) would bring scikit-learn along for it.
"""

import numpy as np
import torch
import torch.nn.functional as nnf
from jaxtyping import Float, Int
from torch import Tensor, nn

TEMPERATURE = 0.1  # of the cosines of an embedding with the places of the classes


class Places(nn.Module):
    """A place for each class on the sphere of embeddings, and how surely a face is put there.

    References
    ----------
    Zhai, Wu, Classification is a strong baseline for deep metric learning, BMVC 2019 (normalised
    softmax).
    """

    def __init__(self, classes: int, size: int, *, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        # Of length 1 about, as what is compared with them: so a step turns them as it turns those.
        self.direction = nn.Parameter(torch.randn(classes, size, generator=rng) / size**0.5)

    def forward(
        self, embedding: Float[Tensor, "B E"], label: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """Return the cross entropy of the labels of embeddings of length 1."""
        cosine = embedding @ nnf.normalize(self.direction, dim=1).T
        return nnf.cross_entropy(cosine / TEMPERATURE, label)


def triplet_loss(
    embedding: Float[Tensor, "B E"], label: Int[Tensor, " B"], *, margin: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Average `max(0, ‖a − p‖² − ‖a − n‖² + margin)` over the triplets where it is not 0.

    All triplets of the batch are looked at; those that are satisfied would only dilute the mean.

    Returns
    -------
    loss : 1
        0 where every triplet is satisfied.
    active : 1
        The share of the triplets that are not; NaN where the batch has no triplet.

    References
    ----------
    Schroff et al., FaceNet, CVPR 2015, Eq. 3. Hermans et al., In defense of the triplet loss for
    person re-identification, 2017: "batch all", averaged over what is not 0.
    """
    # Of vectors of length 1; the diagonal never counts.
    square = 2 - 2 * embedding @ embedding.T
    same = label[:, None] == label
    positive = same & ~torch.eye(len(label), dtype=torch.bool, device=label.device)
    valid = positive[:, :, None] & ~same[:, None, :]
    cost = (square[:, :, None] - square[:, None, :] + margin).clamp(min=0) * valid
    unsatisfied = (cost > 0).sum()
    return cost.sum() / unsatisfied.clamp(min=1), unsatisfied / valid.sum()


def draw_batch(
    label: Int[np.ndarray, " n"], classes: int, batch: int, *, rng: np.random.Generator
) -> Int[np.ndarray, " b"]:
    """Draw some classes, and of each as many rows; negative labels take no part.

    Of each class `batch` divided by how many are drawn, but two at least. A class with fewer rows
    gives some of them twice; one with a single row has no pair and is never drawn. With fewer
    classes than wanted, all are taken.

    Raises
    ------
    ValueError
        Fewer than two classes have two rows.
    """
    names, count = np.unique(label[label >= 0], return_counts=True)
    names = names[count > 1]
    if len(names) < 2:
        raise ValueError("triplets need two classes with two meshes each")
    drawn = rng.permutation(names)[:classes]
    each = max(2, batch // len(drawn))
    rows = [rng.permutation(np.flatnonzero(label == c)) for c in drawn]
    return np.concatenate([np.resize(of_class, each) for of_class in rows])
