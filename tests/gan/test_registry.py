"""Names in a configuration find classes, or a list of the names there are."""

import pytest

from gan.errors import ConfigError
from gan.losses import ADVERSARIAL_LOSSES, REGULARIZERS
from gan.models.discriminator import DISCRIMINATORS
from gan.models.generator import GENERATORS
from gan.registry import Registry


def test_a_registered_class_is_built_with_its_options():
    shapes: Registry[dict] = Registry("shape")
    shapes.register("box")(dict)
    assert shapes.build("box", side=2) == {"side": 2}


def test_a_name_is_registered_once():
    shapes: Registry[dict] = Registry("shape")
    shapes.register("box")(dict)
    with pytest.raises(ValueError, match="shape 'box' is registered twice"):
        shapes.register("box")(dict)


@pytest.mark.parametrize(
    ("registry", "message"),
    [
        (GENERATORS, "unknown generator 'x'; known: mlp, mlp-components"),
        (DISCRIMINATORS, "unknown discriminator 'x'; known: dcgan"),
        (ADVERSARIAL_LOSSES, "unknown adversarial loss 'x'; known: wgan-gp"),
        (REGULARIZERS, "unknown regularizer 'x'; known: cotangent"),
    ],
)
def test_an_unknown_name_lists_the_known(registry, message):
    with pytest.raises(ConfigError, match=message):
        registry.build("x")
