"""The critic as adversarial losses see it: images to scores, and the slope of the scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn

Critic = Callable[[Tensor], Tensor]  # images (B, 3, n, n) -> scores (B,)


@dataclass(frozen=True)
class ImageCritic:
    """A critic that knows a shorter way to its slope than autograd's."""

    score: Critic
    slope: Callable[[Tensor], Tensor]

    def __call__(self, images: Tensor) -> Tensor:
        """Return the score of every image."""
        return self.score(images)


def slope_of(critic: Critic, images: Float[Tensor, "B 3 n n"]) -> Float[Tensor, "B 3 n n"]:
    """Return the gradient of each score in its own image, differentiable in the weights.

    An `ImageCritic` is asked; any other is differentiated by autograd, twice when the result is.
    """
    if isinstance(critic, ImageCritic):
        return critic.slope(images)
    images = images.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return slope


def piecewise_linear_slope(
    layers: Sequence[nn.Conv2d], last: nn.Linear, leak: float, images: Float[Tensor, "B 3 n n"]
) -> Float[Tensor, "B 3 n n"]:
    """Return the slope of `last(flatten(LeakyReLU(conv(… images))))`, made as a network of its own.

    Between its kinks a LeakyReLU is linear: which side each unit is on is all that the slope needs
    of the image, and no gradient flows through that choice. So the slope is a product of the
    layers' transposes, differentiated once for a penalty. Autograd, differentiating the gradient,
    also runs a whole backward pass of zeros, and takes the weights' gradient by a dilated
    convolution.
    """
    weights = [layer.weight for layer in layers]  # read once: a parametrization may work on reading
    kinks, x = [], images
    with torch.no_grad():
        for layer, weight in zip(layers, weights, strict=True):
            x = nnf.conv2d(x, weight, layer.bias, layer.stride, layer.padding)
            kinks.append(torch.where(x > 0, x.new_ones(()), x.new_full((), leak)))
            x = x * kinks[-1]
    slope = last.weight[0].view(x.shape[1:]) * kinks[-1]
    for i in reversed(range(len(layers))):
        padding = layers[i].padding
        assert not isinstance(padding, str)
        slope = nnf.conv_transpose2d(slope, weights[i], stride=layers[i].stride, padding=padding)
        if i:
            slope = slope * kinks[i - 1]
    return slope
