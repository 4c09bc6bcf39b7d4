"""The image discriminator: one trunk, one branch to tell real from fake, one for each factor."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import final

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from gan.models.critic import Critic, ImageCritic, piecewise_linear_slope
from gan.registry import Registry


class AbstractDiscriminator(nn.Module, ABC):
    """What the trainer asks of a discriminator: a score, and a branch of features per factor.

    Built with the `size` of the images, `widths` and `slope` of the configuration, the number of
    `classes` of every factor by name, `rng` for its weights, and the configuration's options.

    Attributes
    ----------
    feature_size : int
        Length of the feature vectors of every branch.
    heads : of the factors' losses, by factor, then by loss; the trainer fills it.
    pairs : critics of differences, by factor; the trainer fills it.
    """

    def __init__(self, *, feature_size: int) -> None:
        super().__init__()
        self.feature_size = feature_size
        self.heads = nn.ModuleDict()
        self.pairs = nn.ModuleDict()

    @abstractmethod
    def shared(self, images: Float[Tensor, "B 3 n n"]) -> Float[Tensor, "B ..."]:
        """Return what every branch starts from."""

    @abstractmethod
    def score(self, shared: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
        """Return the critic's score: high for real."""

    @abstractmethod
    def features(self, factor: str, shared: Float[Tensor, "B ..."]) -> Float[Tensor, "B f"]:
        """Return the feature vectors f_k of a factor: the layer before the last of its branch."""

    @abstractmethod
    def classify(self, factor: str, features: Float[Tensor, "B f"]) -> Float[Tensor, "B C"]:
        """Return the classifier's logits for features of a factor's branch."""

    def logits(self, factor: str, shared: Float[Tensor, "B ..."]) -> Float[Tensor, "B C"]:
        """Return the classifier's logits for a factor."""
        return self.classify(factor, self.features(factor, shared))

    def as_critic(self) -> Critic:
        """Return the critic as adversarial losses see it, from images to scores."""
        return lambda images: self.score(self.shared(images))


DISCRIMINATORS: Registry[AbstractDiscriminator] = Registry(
    "discriminator",
    "meshkit_gan.discriminators",
    AbstractDiscriminator,
    context=("size", "widths", "slope", "classes", "rng"),
)


@final
@DISCRIMINATORS.register("dcgan")
class BranchedDiscriminator(AbstractDiscriminator):
    """DC-GAN's convolutions, kernel 4, stride 2; no batch norm, which breaks a penalty per sample.

    Parameters
    ----------
    size : int, pixels
        Side of the square images; a multiple of 16.
    widths : channels of the four blocks; the first two are the trunk.
    classes : number of classes of every factor, by name.
    spectral_norm : divide every weight between the image and the score by its largest singular
        value, so that the score's slope is bounded; the classifiers' branches stay free.
    embedding : size of a linear layer after each classifier's convolutions. Its output has length
        1, and so have the classes' weights, so that a logit is a cosine over the temperature and
        cannot grow without bound; it is then the feature vector f_k. 0: none, logits are free.
    temperature : 1
        Of the embedding's logits.

    References
    ----------
    Radford et al., ICLR 2016; Fernández Abrevaya et al., ICCV 2019, Section 4.3; Miyato et al.,
    Spectral normalization for generative adversarial networks, ICLR 2018; Kang et al., Rebooting
    ACGAN, NeurIPS 2021 (the embedding).
    """

    def __init__(
        self,
        *,
        size: int,
        widths: Sequence[int],
        slope: float,
        classes: Mapping[str, int],
        rng: torch.Generator,
        spectral_norm: bool = False,
        embedding: int = 0,
        temperature: float = 0.2,
    ) -> None:
        if embedding < 0 or not temperature > 0:
            raise ValueError(
                "discriminator dcgan: embedding must be 0 or more and temperature positive, got "
                f"{embedding} and {temperature}"
            )
        w1, w2, w3, w4 = widths
        flat = w4 * (size // 16) ** 2
        super().__init__(feature_size=embedding or flat)
        self.slope = slope
        self.trunk = nn.ModuleList([_convolution(3, w1, rng), _convolution(w1, w2, rng)])
        self.critic = _Branch((w2, w3, w4), flat, 1, slope, rng)
        self.branches = nn.ModuleDict()
        for name, n in classes.items():
            if embedding:
                branch: _Branch = _BoundedBranch(
                    (w2, w3, w4), flat, embedding, n, slope, temperature, rng
                )
            else:
                branch = _Branch((w2, w3, w4), flat, n, slope, rng)
            self.branches[name] = branch
        if spectral_norm:
            for layer in (*self.trunk, *self.critic.blocks, self.critic.last):
                _normalise(layer, rng)

    def shared(self, images: Float[Tensor, "B 3 n n"]) -> Float[Tensor, "B w k k"]:
        """Return the trunk's features, from which every branch starts."""
        for block in self.trunk:
            images = nnf.leaky_relu(block(images), self.slope, inplace=True)
        return images

    def score(self, shared: Float[Tensor, "B w k k"]) -> Float[Tensor, " B"]:
        """Return the critic's score: high for real."""
        scores: Tensor = self.critic(self.critic.features(shared))
        return scores[:, 0]

    def as_critic(self) -> ImageCritic:
        """Return the critic's branch as adversarial losses see it, from images to scores."""
        layers = [*self.trunk, *self.critic.blocks]
        return ImageCritic(
            lambda images: self.score(self.shared(images)),
            lambda images: piecewise_linear_slope(layers, self.critic.last, self.slope, images),
        )

    def features(self, factor: str, shared: Float[Tensor, "B w k k"]) -> Float[Tensor, "B f"]:
        """Return the feature vectors f_k of a factor: the layer before the last of its branch."""
        branch = self.branches[factor]
        assert isinstance(branch, _Branch)
        return branch.features(shared)

    def classify(self, factor: str, features: Float[Tensor, "B f"]) -> Float[Tensor, "B C"]:
        """Return the classifier's logits for features of a factor's branch."""
        logits: Tensor = self.branches[factor](features)
        return logits


class _Branch(nn.Module):
    """Two blocks to `flat` values, and a linear layer."""

    def __init__(
        self,
        widths: tuple[int, int, int],
        flat: int,
        outputs: int,
        slope: float,
        rng: torch.Generator,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.blocks = nn.ModuleList(
            [_convolution(widths[0], widths[1], rng), _convolution(widths[1], widths[2], rng)]
        )
        self.last = nn.Linear(flat, outputs, bias=bias)
        _initialise(self.last, rng)

    def features(self, shared: Tensor) -> Tensor:
        for block in self.blocks:
            shared = nnf.leaky_relu(block(shared), self.slope, inplace=True)
        return shared.flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        answer: Tensor = self.last(features)
        return answer


class _BoundedBranch(_Branch):
    """A branch whose features and classes lie on the unit sphere."""

    def __init__(
        self,
        widths: tuple[int, int, int],
        flat: int,
        embedding: int,
        outputs: int,
        slope: float,
        temperature: float,
        rng: torch.Generator,
    ) -> None:
        super().__init__(widths, embedding, outputs, slope, rng, bias=False)
        self.temperature = temperature
        self.embed = nn.Linear(flat, embedding)
        _initialise(self.embed, rng)

    def features(self, shared: Tensor) -> Tensor:
        return nnf.normalize(self.embed(super().features(shared)), dim=1)

    def forward(self, features: Tensor) -> Tensor:
        return nnf.linear(features, nnf.normalize(self.last.weight, dim=1)) / self.temperature


def _convolution(inputs: int, outputs: int, rng: torch.Generator) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel_size=4, stride=2, padding=1)
    _initialise(layer, rng)
    return layer


def _initialise(layer: nn.Conv2d | nn.Linear, rng: torch.Generator) -> None:
    """He's initialisation, in place, from the run's own random numbers."""
    fan = layer.weight[0].numel()
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=rng) * (2 / fan) ** 0.5)
        if layer.bias is not None:
            layer.bias.zero_()


def _normalise(layer: nn.Module, rng: torch.Generator) -> None:
    """Put a layer's weight under its spectral norm, in place.

    Its singular vectors, one step of power iteration nearer at every use, are buffers.
    """
    with torch.random.fork_rng(devices=[]):  # torch draws the first vectors from its global numbers
        torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=rng)))
        parametrizations.spectral_norm(layer)
