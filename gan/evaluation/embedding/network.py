"""ResNet-18 with an embedding of length 1 as its output; narrower and shallower by choice."""

import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn


class EmbeddingNetwork(nn.Module):
    """A residual network of basic blocks, an average over the image, one linear layer.

    With the defaults the layers are those of ResNet-18; the last gives an embedding in place of
    classes.

    Parameters
    ----------
    width : channels of the first stage; doubled in each further one
    blocks : residual blocks of each stage, two convolutions each
    size : of the embedding

    References
    ----------
    He et al., Deep residual learning for image recognition, CVPR 2016, Table 1.
    """

    def __init__(
        self, *, width: int = 64, blocks: tuple[int, ...] = (2, 2, 2, 2), size: int = 128
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        layers: list[nn.Module] = []
        before = width
        for stage, count in enumerate(blocks):
            for k in range(count):
                after = width * 2**stage
                stride = 2 if stage > 0 and k == 0 else 1
                layers.append(_BasicBlock(before, after, stride))
                before = after
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(before, size)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B E"]:
        """Return embeddings of length 1 of images in [-1, 1]."""
        features = self.stages(self.stem(images)).mean(dim=(2, 3))
        embedding: Tensor = nnf.normalize(self.head(features), dim=1)
        return embedding


class _BasicBlock(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.skip = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = nnf.relu(self.norm1(self.conv1(x)), inplace=True)
        return nnf.relu(self.norm2(self.conv2(y)) + self.skip(x), inplace=True)
