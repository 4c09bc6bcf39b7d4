"""One iteration: several steps of the discriminator, one of the generator.

Signals stay vertex-major: displacements are (V, 3, B), so that sparse products need no transpose.
In discriminator steps only the image is needed; there the mapping is folded into the generator's
last layer once, if that is linear, and the mesh is never made.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.losses.factor import GeneratedFaces, RealFaces, factor_loss
from gan.models.generator import composed
from gan.parallel import draw_share, world
from gan.training.choices import regularizer_sections
from gan.training.codes import (
    CodeBatch,
    code_columns,
    draw_codes,
    labelled_factor,
    share_of_codes,
)
from gan.training.descent import descend
from gan.training.pairs import draw_prior, judge_pairs, paired_factor, please_pairs
from gan.training.precision import full_precision, products
from gan.training.profile import part
from gan.training.state import TrainState


def iterate(state: TrainState) -> dict[str, Tensor]:
    """Run one iteration, in place; return every term, detached, by name."""
    with products(state.config.precision, state.device):
        return _iterate(state)


def _iterate(state: TrainState) -> dict[str, Tensor]:
    config = state.config
    _set_rate(state.optimizer_d, config.optimizer.rate_d * state.rate_factor)
    _set_rate(state.optimizer_g, config.optimizer.rate_g * state.rate_factor)
    labelled = labelled_factor(state.problem.factors, state.step)
    with part("generator"):
        images = image_decoder(state)
    terms: dict[str, Tensor] = {}
    for k in range(config.training.critic_steps):
        terms = discriminator_step(state, labelled, images, k)
    terms = {f"d/{name}": term for name, term in terms.items()}
    terms |= {f"g/{name}": term for name, term in generator_step(state, labelled).items()}
    with part("averaging"):
        update_average(state)
    state.step += 1
    # Which factor is labelled alternates, and so do the terms: the log wants the last of each.
    state.latest |= terms
    return terms


def image_decoder(state: TrainState) -> Callable[[Tensor], Tensor]:
    """Return the function from codes to normalised images, for the generator's weights of now."""
    with torch.no_grad():
        pixels = composed(state.generator, state.problem.mapping)
    return lambda z: as_images(pixels(z), state)


def discriminator_step(
    state: TrainState, labelled: str, images: Callable[[Tensor], Tensor], k: int
) -> dict[str, Tensor]:
    """Update the discriminator for the k-th time in this iteration, in place; return its terms."""
    D, problem = state.discriminator, state.problem
    update = state.step * state.config.training.critic_steps + k
    with part("data"):
        indices = state.next_indices()
        real = problem.images.batch(indices)
        further = _labelled_meshes(state)
    with part("generator"), torch.no_grad():
        prior = state.config.adversarial.prior_codes
        batch = CodeBatch(draw_prior(state), "", None, {}) if prior else _draw(state, labelled)
        made = images(batch.z)
    with part("noise"):
        real, fake = _augmented(real, state), _augmented(made, state)
        real, fake = add_noise(real, state), add_noise(fake, state)
        extra = [_labelled_images(name, meshes, state) for name, meshes in further.items()]
    B = len(real)
    with part("discriminator"):
        shared = D.shared(torch.cat([real, fake, *extra]))
        score = D.score(shared[: 2 * B])
    with part("penalty"), full_precision(state.config.precision):
        terms = state.adversarial.discriminator(
            D.as_critic(),
            real,
            fake,
            score[:B],
            score[B:],
            rng=state.rng,
            update=update,
        )
    with part("discriminator"):
        paired = paired_factor(state)
        if paired is not None:
            terms |= judge_pairs(state, paired, made, update)
        weights = dict.fromkeys(terms, 1.0)
        _judge_factors(state, shared, batch, indices, further, terms, weights)
    shown = _adapt(state, score[:B], score[B:], update)
    optimizer, step = state.optimizer_d, state.step
    return descend(optimizer, terms, weights, step=step, watch=state.watch) | shown


def _judge_factors(
    state: TrainState,
    shared: Tensor,
    batch: CodeBatch,
    indices: Tensor,
    further: dict[str, Tensor],
    terms: dict[str, Tensor],
    weights: dict[str, float],
) -> None:
    """Add the discriminator's terms of every factor.

    `shared` holds the real faces `indices`, then generated ones, then those of `further`.
    """
    D, problem, B = state.discriminator, state.problem, len(indices)
    chunks = shared[2 * B :].split([len(meshes) for meshes in further.values()])
    own = dict(zip(further, chunks, strict=True))
    for factor in state.config.factors:
        table, name = problem.labels[factor.name], factor.name
        if name in own:
            labels = table.labels[further[name]]
            truth = RealFaces(name, D, own[name], labels, table.even_weights, 1.0)
        else:
            labels = table.labels[indices]
            truth = RealFaces(name, D, shared[:B], labels, table.weights, table.share)
        made = _generated(state, name, shared[B : 2 * B], batch)
        for loss, weight in factor.losses.items():
            if weight.d:
                term = factor_loss(D, name, loss).discriminator(truth, made)
                _add(terms, weights, f"{loss}_{name}", term, weight.d)


class GeneratorTerms(NamedTuple):
    """What the generator is to minimise, and the images through which the terms see its faces."""

    terms: dict[str, Tensor]
    weights: dict[str, float]
    images: Float[Tensor, "B 3 n n"]  # before augmentation and noise
    displacements: Float[Tensor, "V 3 B"]


def generator_step(state: TrainState, labelled: str) -> dict[str, Tensor]:
    """Update the generator once, in place; return its terms."""
    made = generator_terms(state, labelled)
    return descend(state.optimizer_g, made.terms, made.weights, step=state.step, watch=state.watch)


def generator_terms(state: TrainState, labelled: str) -> GeneratorTerms:
    """Generate a batch and judge it by every term of the generator; draws from `state.rng`."""
    D, G, problem, config = state.discriminator, state.generator, state.problem, state.config
    with part("generator"):
        batch = _draw(state, labelled)
        B, z = len(batch.z), batch.z
        if config.adversarial.prior_codes:
            z = torch.cat([z, draw_prior(state)])
        d = G(z)  # (V, 3, B), or (V, 3, 2 B)
    with part("mapping"):
        pixels = problem.mapping(d.reshape(len(d), -1)).view(-1, 3, len(z))
        images = as_images(pixels, state)
    with part("noise"):
        fake = seen(images, state)
    with part("discriminator"):
        shared = D.shared(fake)
        # The critic judges the last batch: that of the prior, or the only one.
        terms = {"adversarial": state.adversarial.generator(D.score(shared[-B:]))}
        weights = {"adversarial": config.adversarial.weight}
        for factor in config.factors:
            if factor.name == paired_factor(state):
                name = f"pair_{factor.name}"
                terms[name] = please_pairs(state, factor.name, images[-B:])
                weights[name] = factor.pair_critic
        pairs = D.shared(images[:B]) if config.discriminator.clean_features else shared[:B]
    with part("regularizer"):
        half_heights = d * (problem.statistics.scale / problem.half_height)
        for key, section in regularizer_sections(config).items():
            terms[key], weights[key] = state.regularizers[key](half_heights), section.weight
    with part("discriminator"):
        for factor in config.factors:
            name = factor.name
            made = _generated(state, name, shared[:B] if name == labelled else pairs, batch)
            for loss, weight in factor.losses.items():
                if weight.g:
                    term = factor_loss(D, name, loss).generator(made)
                    _add(terms, weights, f"{loss}_{name}", term, weight.g)
    return GeneratorTerms(terms, weights, images, d)


def update_average(state: TrainState) -> None:
    """Move the averaged generator towards the current one, in place."""
    if not state.average:
        return
    # Early on the average would remember the start for 1 / (1 - decay) steps: ramp it up.
    decay = min(state.config.generator.ema, (1 + state.step) / (10 + state.step))
    current = [w.detach() for _, w in state.generator.named_parameters()]
    torch._foreach_lerp_(list(state.average.values()), current, 1 - decay)


def add_noise(images: Float[Tensor, "B 3 n n"], state: TrainState) -> Float[Tensor, "B 3 n n"]:
    """Add instance noise: white in normalised units, and shaped along the data's components.

    Both are annealed to 0 if so configured.
    """
    settings, shapes = state.config.discriminator, state.problem.shapes
    annealed = 1 - min(state.step / state.iterations, 1.0) if settings.anneal_noise else 1.0
    if white := settings.instance_noise * annealed:
        images = images.add(draw_share(torch.randn, images.shape, rng=state.rng), alpha=white)
    if shaped := settings.shaped_noise * annealed:
        for directions in shapes:
            images = _shaped(images, directions, shaped, state)
    return images


def _shaped(images: Tensor, directions: Tensor, sigma: float, state: TrainState) -> Tensor:
    weights = draw_share(torch.randn, (len(images), len(directions)), rng=state.rng)
    return images.add((weights @ directions).view_as(images), alpha=sigma)


def _labelled_images(factor: str, meshes: Tensor, state: TrainState) -> Tensor:
    """Return further images for a factor's classifier; it must not learn who shows the label."""
    images, sigma = state.problem.images.batch(meshes), state.config.discriminator.labelled_noise
    if sigma and factor != state.problem.factors[0].name:
        images = _shaped(images, state.problem.shapes[0], sigma, state)
    return seen(images, state)


def seen(images: Float[Tensor, "B 3 n n"], state: TrainState) -> Float[Tensor, "B 3 n n"]:
    """Return images as the discriminator sees them: augmented, with noise."""
    return add_noise(_augmented(images, state), state)


def _augmented(images: Float[Tensor, "B 3 n n"], state: TrainState) -> Float[Tensor, "B 3 n n"]:
    """Return images as the discriminator may see them."""
    if state.augmentation is None:
        return images
    changed: Tensor = state.augmentation(images, rng=state.rng)
    return changed


def _adapt(state: TrainState, real: Tensor, fake: Tensor, update: int) -> dict[str, Tensor]:
    """Let the augmentation follow the scores of one update, in place; return what the log shows."""
    if state.augmentation is None:
        return {}
    boundary = state.adversarial.boundary(real, fake)
    state.augmentation.observe(real, boundary, update)
    return state.augmentation.terms()


def _labelled_meshes(state: TrainState) -> dict[str, Int[Tensor, " L"]]:
    """Draw this process's further labelled meshes for every factor that some meshes do not have."""
    n = state.config.training.labelled_batch // world()
    tables = state.problem.labels.items() if n else ()
    return {name: table.draw(n, rng=state.rng) for name, table in tables if table.share < 1}


def _draw(state: TrainState, labelled: str) -> CodeBatch:
    whole = draw_codes(
        state.problem.factors,
        state.codes,
        state.config.generator.noise_size,
        labelled,
        state.config.training.batch,
        rng=state.rng,
    )
    return share_of_codes(whole)


def as_images(pixels: Float[Tensor, "k 3 B"], state: TrainState) -> Float[Tensor, "B 3 n n"]:
    """Return displacements at the pixels, in the generator's units, as normalised images."""
    problem = state.problem
    n, unit = problem.images.mean.shape[-1], problem.statistics.scale / problem.images.deviation
    normalised = pixels * unit + problem.offset[:, :, None]
    return normalised.view(n, n, 3, -1).permute(3, 2, 0, 1).contiguous()


def _add(
    terms: dict[str, Tensor],
    weights: dict[str, float],
    name: str,
    term: Tensor | None,
    weight: float,
) -> None:
    if term is not None:
        terms[name], weights[name] = term, weight


def _generated(state: TrainState, factor: str, shared: Tensor, batch: CodeBatch) -> GeneratedFaces:
    codes = batch.z[:, code_columns(state.problem.factors)[factor]]
    labels = batch.labels if factor == batch.labelled else None
    return GeneratedFaces(
        factor, state.discriminator, shared, codes, labels, batch.pairs.get(factor)
    )


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
