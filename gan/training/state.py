"""What training changes, and therefore what a resumed run needs.

A checkpoint holds what `TrainState` holds. Something new that changes while it trains (an
augmentation's strength, a running mean) needs no line in the checkpoint's code:
give it `state_dict()` and `load_state_dict()` and put it into `TrainState.components` under a name
of its own; buffers of the players, of the regularizer and of an adversarial loss that is a module
travel by themselves. Random numbers come from `TrainState.rng`, or travel too: those of torch,
numpy and Python's `random` are saved and restored. A new configuration key that a resumed run may
change is listed in `gan/training/changes.py`; every other change is refused.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gan.config import Config, FactorConfig, OptimizerConfig
from gan.errors import DatasetError
from gan.losses import ADVERSARIAL_LOSSES, FACTOR_LOSSES, REGULARIZERS
from gan.losses.base import AbstractAdversarialLoss
from gan.models.contract import Core
from gan.models.discriminator import DISCRIMINATORS, AbstractDiscriminator
from gan.models.face_model import FaceModel, Factor
from gan.models.files import StoredModel
from gan.models.generator import GENERATORS, Perceptron, check_generator
from gan.models.network_model import network_face_model, recipe
from gan.parallel import own_share
from gan.runs.rollback import RATE_AFTER_ROLLBACK
from gan.runs.trainable import Position
from gan.training.augmentation import NAME as AUGMENTATION
from gan.training.augmentation import Augmentation, build_augmentation
from gan.training.choices import (
    adversarial_options,
    discriminator_options,
    regularizer_sections,
)
from gan.training.codes import draw_fixed_codes
from gan.training.descent import Watch
from gan.training.fitted_start import fit_start
from gan.training.precision import apply_precision
from gan.training.problem import Problem
from gan.training.start import starting_groups


@runtime_checkable
class Stateful(Protocol):
    """Something whose state a checkpoint keeps: tensors, JSON values, mappings of these."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return the state by name; live tensors need no copy."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Take over what `state_dict` returned, in place."""
        ...


@dataclass(kw_only=True)
class TrainState(Position):
    """The players, their optimizers, the fixed codes, the random numbers, the data order, the step.

    `rng` makes every draw of the training on the device; `order` is the current shuffle of the
    training split and `cursor` the place in it.
    """

    config: Config
    problem: Problem
    generator: nn.Module
    recipe: Mapping[str, Any]  # what the generator was made from
    discriminator: AbstractDiscriminator
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    adversarial: AbstractAdversarialLoss
    regularizers: nn.ModuleDict  # by the names of their terms; those that weigh nothing are out
    codes: dict[str, Tensor]
    average: dict[str, Tensor]  # exponential moving average of the generator; empty without one
    rng: torch.Generator
    order: Tensor
    cursor: int = 0
    latest: dict[str, Tensor] = field(default_factory=dict)  # the last value of every term
    components: dict[str, Stateful] = field(default_factory=dict)  # what plug-ins remember
    iterations: int = field(init=False)
    watch: Watch = field(init=False)  # for terms that are not finite

    def __post_init__(self) -> None:
        self.watch = Watch(defer=self.device.type == "cuda")
        self.iterations = planned_iterations(self.config, len(self.problem.images))

    @property
    def device(self) -> torch.device:
        """The device on which everything lives."""
        return self.rng.device

    @property
    def rate_factor(self) -> float:
        """The factor of both learning rates now: the schedule's, halved by every rollback."""
        scheduled = learning_rate_factor(self.config.optimizer, self.step, self.iterations)
        return scheduled * RATE_AFTER_ROLLBACK ** len(self.rollbacks)

    @property
    def augmentation(self) -> Augmentation | None:
        """What changes images before the discriminator sees them, if the configuration has it."""
        augmentation = self.components.get(AUGMENTATION)
        return augmentation if isinstance(augmentation, Augmentation) else None

    def parts(self) -> dict[str, Stateful]:
        """Return everything that has a state of its own, by its name in a checkpoint."""
        own: dict[str, Any] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "mapping": self.problem.mapping,
            "regularizers": self.regularizers,
            "adversarial": self.adversarial,
        }
        taken = own.keys() & self.components.keys()
        if taken:
            raise ValueError(f"components: {', '.join(sorted(taken))} is a name of the trainer's")
        everything = own | self.components
        return {name: part for name, part in everything.items() if isinstance(part, Stateful)}

    def next_indices(self) -> Tensor:
        """Return this process's share of the next batch of the shuffle; advances it, in place.

        A tail short of a batch is skipped.
        """
        batch = self.config.training.batch
        if self.cursor + batch > len(self.order):
            self.order = _shuffled(self.problem, self.rng)
            self.cursor = 0
        self.cursor += batch
        return own_share(self.order[self.cursor - batch : self.cursor])

    def face_model(self) -> StoredModel:
        """Return what the run yields now: the averaged generator, the codes, the template."""
        problem, weights = self.problem, self.average or dict(self.generator.named_parameters())
        marks = problem.landmarks
        core = Core(
            factors=problem.factors,
            codes={name: code.clone() for name, code in self.codes.items()},
            noise_size=self.config.generator.noise_size,
            template=torch.from_numpy(problem.template).float(),
            faces=torch.from_numpy(problem.faces),
            UV=torch.from_numpy(problem.UV),
            landmarks=None if marks is None else torch.from_numpy(marks),
            provenance={"step": self.step, "dataset": problem.fingerprint},
        )
        core, G, scale = core.to(self.device), self.generator, problem.statistics.scale
        if isinstance(G, Perceptron):
            return FaceModel(core, G.plain(weights), scale=scale, slope=G.slope)
        return network_face_model(core, G, weights, made=self.recipe, scale=scale)


def _shuffled(problem: Problem, rng: torch.Generator) -> Tensor:
    return torch.randperm(len(problem.images), generator=rng, device=rng.device)


def planned_iterations(config: Config, n_meshes: int) -> int:
    """Return the number of generator steps; an epoch is one pass of the discriminator."""
    training = config.training
    if training.iterations is not None:
        return training.iterations
    assert training.epochs is not None
    per_epoch = (n_meshes // training.batch) / training.critic_steps
    return max(1, math.ceil(training.epochs * per_epoch))


def learning_rate_factor(config: OptimizerConfig, step: int, iterations: int) -> float:
    """Return the factor of both learning rates at an iteration."""
    t = min(step / iterations, 1.0)
    if config.decay == "linear":
        return 1 - t
    if config.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * t))
    return 1.0


def build_state(config: Config, problem: Problem, device: torch.device) -> TrainState:
    """Make the players and draw the fixed codes; every random number comes from the seed."""
    rng = torch.Generator().manual_seed(config.training.seed)
    statistics = problem.statistics
    codes = draw_fixed_codes(problem.factors, rng)
    settings, groups = config.generator, starting_groups(config.generator, problem, codes)
    code_size = sum(f.code_size for f in problem.factors) + settings.noise_size
    generator = GENERATORS.build(
        settings.name,
        settings.options,
        code_size=code_size,
        hidden=settings.hidden,
        slope=settings.slope,
        mean=torch.from_numpy(statistics.mean.ravel() / statistics.scale).float(),
        groups=groups,
        rng=rng,
    )
    check_generator(generator, settings.name, code_size, len(problem.template))
    if settings.start == "fitted":
        fit_start(generator, problem, codes, rng)
    discriminator = _discriminator(config, {f.name: len(f.classes) for f in problem.factors}, rng)
    for ours, factor in zip(config.factors, problem.factors, strict=True):
        discriminator.heads[factor.name] = _factor_losses(ours, factor, discriminator, rng)
        if ours.pair_critic:
            _check_pairs(factor.name, problem)
            discriminator.pairs[factor.name] = _discriminator(config, {}, rng)
    generator, discriminator = generator.to(device), discriminator.to(device)
    apply_precision(discriminator, config.precision, device)
    average = {}
    if config.generator.ema:
        average = {n: copy.deepcopy(w.detach()) for n, w in generator.named_parameters()}
    draws = torch.Generator(device=device).manual_seed(config.training.seed + 1)
    return TrainState(
        config=config,
        problem=problem,
        generator=generator,
        recipe=recipe(
            settings.name,
            settings.options,
            hidden=settings.hidden,
            slope=settings.slope,
            groups=groups,
        ),
        discriminator=discriminator,
        optimizer_g=_adam(generator, config.optimizer.rate_g, config),
        optimizer_d=_adam(discriminator, config.optimizer.rate_d, config),
        adversarial=ADVERSARIAL_LOSSES.build(
            config.adversarial.name, adversarial_options(config)
        ).to(device),
        regularizers=_regularizers(config, problem).to(device),
        codes={name: code.to(device) for name, code in codes.items()},
        average=average,
        rng=draws,
        order=_shuffled(problem, draws),
        components=dict(
            build_augmentation(config.augmentation, problem.images.mean, problem.images.deviation)
        ),
    )


def _discriminator(
    config: Config, classes: dict[str, int], rng: torch.Generator
) -> AbstractDiscriminator:
    return DISCRIMINATORS.build(
        config.discriminator.name,
        discriminator_options(config),
        size=config.mapping.size,
        widths=config.discriminator.widths,
        slope=config.discriminator.slope,
        classes=classes,
        rng=rng,
    )


def _check_pairs(factor: str, problem: Problem) -> None:
    if not problem.labels[factor].has_pairs:
        raise DatasetError(
            f"{factor}: no two training meshes have the same label, so there is no pair for a "
            f"critic to see; set factors.{factor}.pair_critic to 0"
        )


def _regularizers(config: Config, problem: Problem) -> nn.ModuleDict:
    V = problem.template / problem.half_height
    return nn.ModuleDict(
        {
            term: REGULARIZERS.build(section.name, section.options, V=V, F=problem.faces)
            for term, section in regularizer_sections(config).items()
        }
    )


def _factor_losses(
    config: FactorConfig, factor: Factor, D: AbstractDiscriminator, rng: torch.Generator
) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            name: FACTOR_LOSSES.build(
                name,
                loss.options,
                classes=len(factor.classes),
                code_size=factor.code_size,
                feature_size=D.feature_size,
                rng=rng,
            )
            for name, loss in config.losses.items()
            if loss.d or loss.g
        }
    )


def _adam(player: nn.Module, rate: float, config: Config) -> torch.optim.Optimizer:
    betas, fused = config.optimizer.betas, config.precision.fused_adam
    return torch.optim.Adam(player.parameters(), lr=rate, betas=betas, fused=fused)
