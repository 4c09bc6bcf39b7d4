"""The plug-ins that a configuration chooses: checked before hours of preparation, by name."""

from typing import Any

from gan.config import Config
from gan.losses import ADVERSARIAL_LOSSES, FACTOR_LOSSES, REGULARIZERS
from gan.models.discriminator import DISCRIMINATORS
from gan.models.generator import GENERATORS
from gan.plugins import registry
from gan.sections import RegularizerConfig


def check_choices(config: Config) -> None:
    """Refuse a configuration that names something unknown, or gives it options it has not.

    Raises
    ------
    ConfigError
        The first name or option that does not fit; the message lists the known ones.
    """
    GENERATORS.check(config.generator.name, config.generator.options)
    DISCRIMINATORS.check(config.discriminator.name, discriminator_options(config))
    ADVERSARIAL_LOSSES.check(config.adversarial.name, adversarial_options(config))
    for regularizer in regularizer_sections(config).values():
        REGULARIZERS.check(regularizer.name, regularizer.options)
    for factor in config.factors:
        for name, loss in factor.losses.items():
            FACTOR_LOSSES.check(name, loss.options)
    for metric in config.metrics:  # by name: evaluation is no part of training
        registry("metrics").check(metric.name, metric.options)


def regularizer_sections(config: Config) -> dict[str, RegularizerConfig]:
    """Return the regularizers that weigh something, by the names of their terms."""
    chosen = {"regularizer": config.regularizer}
    for further in config.regularizers:
        chosen["regularizer_" + further.name.replace(".", "_")] = further
    return {term: section for term, section in chosen.items() if section.weight}


def adversarial_options(config: Config) -> dict[str, Any]:
    """Return the options of the game; a penalty that is set must be one it knows."""
    section = config.adversarial
    own = {} if section.penalty is None else {"penalty": section.penalty}
    return own | section.options


def discriminator_options(config: Config) -> dict[str, Any]:
    """Return the options of the discriminator; spectral norms that are wanted must be known."""
    section = config.discriminator
    own = {"spectral_norm": True} if section.spectral_norm else {}
    return own | section.options
