"""Critics of differences: two faces that share a code against two of one label.

What a code leaves alone is gone from the difference of two faces that share it. If another code
moves it all the same, or if this code drives what differs within the classes, differences of
generated pairs look unlike those of real ones, and a critic can see it without knowing the faces.
The codes of the prior come in such pairs, of one factor in each iteration; no face is made for it.

References
----------
Donahue et al., Semantically decomposing the latent space of generative adversarial networks, ICLR
2018: pairs of images, stacked. Ours are subtracted, which takes away most of who it is.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from gan.models.discriminator import AbstractDiscriminator
from gan.parallel import draw_share, own_share
from gan.training.codes import code_columns
from gan.training.state import TrainState


def paired_factor(state: TrainState) -> str | None:
    """Return the factor whose pairs are judged in this iteration: each in turn, or none."""
    wanted = list(state.discriminator.pairs)
    return wanted[state.step % len(wanted)] if wanted else None


def draw_prior(state: TrainState) -> Float[Tensor, "B Z"]:
    """Draw this process's share of a batch of random codes.

    With a pair critic, sample i of the first half shares its factor's code with sample i + B/2.
    """
    config = state.config
    size = sum(factor.code_size for factor in config.factors) + config.generator.noise_size
    batch, rng, paired = config.training.batch, state.rng, paired_factor(state)
    z = torch.randn(batch, size, generator=rng, device=rng.device)
    if paired is not None:
        columns = code_columns(state.problem.factors)[paired]
        z[batch // 2 :, columns] = z[: batch // 2, columns]
    return own_share(z)


def differences(images: Float[Tensor, "B 3 n n"]) -> Float[Tensor, "b 3 n n"]:
    """Return the first half less the second."""
    first, second = images.chunk(2)
    return first - second


def judge_pairs(
    state: TrainState, factor: str, generated: Float[Tensor, "B 3 n n"], update: int
) -> dict[str, Tensor]:
    """Return the terms of a factor's critic; `generated` are the pairs' images, without noise."""
    problem, critic = state.problem, _critic(state, factor)
    meshes = problem.labels[factor].draw_pairs(len(generated) // 2, rng=state.rng)
    real = _noisy(differences(problem.images.batch(meshes)), state)
    made = _noisy(differences(generated), state)
    score = critic.score(critic.shared(torch.cat([real, made])))
    terms = state.adversarial.discriminator(
        critic.as_critic(), real, made, *score.chunk(2), rng=state.rng, update=update
    )
    return {f"pair_{name}_{factor}": term for name, term in terms.items()}


def please_pairs(
    state: TrainState, factor: str, generated: Float[Tensor, "B 3 n n"]
) -> Float[Tensor, ""]:
    """Return the generator's term for the pairs of a factor."""
    critic = _critic(state, factor)
    made = _noisy(differences(generated), state)
    return state.adversarial.generator(critic.score(critic.shared(made)))


def _critic(state: TrainState, factor: str) -> AbstractDiscriminator:
    critic = state.discriminator.pairs[factor]
    assert isinstance(critic, AbstractDiscriminator)
    return critic


def _noisy(images: Tensor, state: TrainState) -> Tensor:
    """Add white noise only: shaped noise would put back what the difference takes away."""
    noise = draw_share(torch.randn, images.shape, rng=state.rng)
    return images.add(noise, alpha=state.config.discriminator.instance_noise)
