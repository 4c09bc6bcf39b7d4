"""All registries in one place: for `gan plugins`, and for whoever wants to list what there is."""

from importlib import import_module
from typing import Any

from gan.registry import Registry

# In the order in which a training meets them; imported when asked for, since most need torch.
_REGISTRIES = {
    "generators": "gan.models.generator:GENERATORS",
    "discriminators": "gan.models.discriminator:DISCRIMINATORS",
    "adversarial_losses": "gan.losses:ADVERSARIAL_LOSSES",
    "factor_losses": "gan.losses:FACTOR_LOSSES",
    "regularizers": "gan.losses:REGULARIZERS",
    "baselines": "gan.baselines.baseline:BASELINES",
    "metrics": "gan.evaluation.metric:METRICS",
}
KINDS = tuple(_REGISTRIES)


def registry(kind: str) -> Registry[Any]:
    """Return the registry of a kind, one of KINDS: the last part of its entry points' group.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    if kind not in _REGISTRIES:
        raise ValueError(f"unknown kind of plug-in {kind!r}; known: {', '.join(KINDS)}")
    module, attribute = _REGISTRIES[kind].split(":")
    value: Registry[Any] = getattr(import_module(module), attribute)
    return value
