"""The ablations of a preset, as data: each differs from it in one line."""

import functools
import tomllib
from importlib.resources import files
from typing import NamedTuple

from gan.config import Config

FACTOR = "{factor}"


class Ablation(NamedTuple):
    """A model without one of its parts.

    Attributes
    ----------
    name : of its run
    title : what tables call it
    override : the one line, as `--set` takes it
    """

    name: str
    title: str
    override: str


def ablations_of(config: Config) -> tuple[Ablation, ...]:
    """Return the ablations of a configuration; those of classifiers follow its factors."""
    ablations = list[Ablation]()
    for name, entry in _table().items():
        fields = (name, entry["title"], entry["set"])
        for factor in config.factors if FACTOR in name else config.factors[:1]:
            ablations.append(Ablation(*(text.replace(FACTOR, factor.name) for text in fields)))
    return tuple(ablations)


@functools.cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("gan.presets") / "ablations.toml").read_text(encoding="utf-8"))
