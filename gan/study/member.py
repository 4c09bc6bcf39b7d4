"""One model of a comparison: what it is called, what sort it is, and where its run lies."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from gan.errors import ConfigError
from gan.plugins import registry

Kind = Literal["ours", "ablation", "baseline", "other"]


class Member(NamedTuple):
    """A run that takes part in a comparison.

    Attributes
    ----------
    name : key of the model, as in `TITLES`, or else the name of the run's folder
    title : what tables and figures call it
    kind : what it is to the comparison
    run : the folder of `gan train` or `gan baseline`
    """

    name: str
    title: str
    kind: Kind
    run: Path


# In the order of the tables' rows.
TITLES: dict[str, tuple[str, Kind]] = {
    "no-regularizer": ("without regularizer", "ablation"),
    "no-identity-classifier": ("without identity classifier", "ablation"),
    "no-expression-classifier": ("without expression classifier", "ablation"),
    "no-feature-loss": ("without feature loss", "ablation"),
    "3dmm": ("3DMM", "baseline"),
    "copula": ("Copula 3DMM", "baseline"),
    "mae": ("MAE", "baseline"),
    "coma": ("CoMA", "baseline"),
    "swap-vae": ("Swap VAE", "baseline"),
    "ours": ("Ours", "ours"),
    "ours-plus": ("Ours, plus", "ours"),
}


_FEWER = re.compile(r"(.+)-labels([\d.]+)")


def with_share(name: str, share: float) -> str:
    """Return the name of a model that learns from a share of the labels of expressions."""
    return name if share == 1 else f"{name}-labels{100 * share:g}"


def apart(name: str) -> tuple[str, float]:
    """Return the name of a model that has all labels, and the share of them that this one has."""
    fewer = _FEWER.fullmatch(name)
    return (fewer[1], float(fewer[2]) / 100) if fewer else (name, 1.0)


def member(name: str, run: Path) -> Member:
    """Return the member of this name."""
    return Member(name, *titled(name), run)


def titled(name: str) -> tuple[str, Kind]:
    """Return the title and the kind of a model: of `TITLES`, of a baseline, or the name itself."""
    whole, share = apart(name)
    if share < 1:
        title, kind = titled(whole)
        return f"{title}, {share:.3g} of the labels", kind
    if name in TITLES:
        return TITLES[name]
    try:
        return registry("baselines").find(name).title, "baseline"  # type: ignore[attr-defined]
    except ConfigError:
        return name, "other"
