"""Which model of the comparison a run is: by the name that it is given, or by what it trained."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan.errors import ConfigError
from gan.study.member import TITLES, Member, apart, member, with_share
from gan.study.runs import OUTSIDE, RunFacts, differing_keys, read_facts

_SEED = re.compile(r"[-_. ]?(seed|s)[-_ ]?\d+$")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)")
_PAPER = {"classification", "feature"}  # the losses of the paper
_OURS = "quadratic"  # the generator that is not the paper's


class _Claimant(NamedTuple):
    """A run, and the name that it goes by; `given`: by the user's own word."""

    facts: RunFacts
    name: str
    given: bool


def members_of(arguments: Sequence[str]) -> list[Member]:
    """Return the members that arguments like `RUN` or `NAME=RUN` mean, in the order of the tables.

    A run without a name is what its folder is called, if that is a key of `TITLES`; else what its
    configuration says: which baseline, without which part, with losses of the paper alone or with
    more. Where runs of several configurations would go by one name so, all keep the names of their
    folders. Runs of one name, or of one folder name but for the seed in it, are one member's seeds.

    Raises
    ------
    CheckpointError
        A folder is not a run, or has no checkpoint.
    ConfigError
        A run is given twice, or a name is given to runs that differ in more than their seeds.
    """
    claimants = [_claimant(argument) for argument in arguments]
    places = [c.facts.run.resolve() for c in claimants]
    for k, place in enumerate(places):
        if place in places[:k]:
            raise ConfigError(f"{claimants[k].facts.run} is given twice")
    members = [
        member(name, claimant.facts.run)
        for name, group in _settled(claimants).items()
        for claimant in group
    ]
    rank = {name: k for k, name in enumerate(TITLES)}
    return sorted(members, key=lambda m: (rank.get(apart(m.name)[0], len(rank)), -apart(m.name)[1]))


def recognise(config: Mapping[str, Any]) -> str | None:
    """Return the key of `TITLES` that a configuration amounts to; None if it is none of them.

    A model that learns from a share of the labels is called by that share, too.
    """
    if "kind" in config:
        return with_share(str(config["kind"]), config.get("label_share", 1.0))
    share = min(factor["label_share"] for factor in config["factors"].values())
    losses = {name: _losses(factor["losses"]) for name, factor in config["factors"].items()}
    for name, factor in config["factors"].items():
        losses[name] |= {"classification"} if factor["label_share"] == 0 else set()
    unclassified = [name for name, own in losses.items() if "classification" not in own]
    learning = [own for own in losses.values() if own]
    missing = [] if config["regularizer"]["weight"] > 0 else ["no-regularizer"]
    missing += [f"no-{name}-classifier" for name in unclassified]
    if not any("feature" in own for own in learning):
        missing.append("no-feature-loss")
    if len(missing) > 1:
        return None
    plain = config["generator"]["name"] != _OURS and all(own <= _PAPER for own in learning)
    whole = "ours" if plain else "ours-plus"
    return with_share(missing[0] if missing else whole, share)


def _claimant(argument: str) -> _Claimant:
    named = None if Path(argument).exists() else _NAMED.fullmatch(argument)
    if named is not None:
        return _Claimant(read_facts(Path(named[2])), named[1], given=True)
    facts = read_facts(Path(argument))
    stem = _stem(facts.run)
    told = None if facts.baseline == OUTSIDE else recognise(facts.config)
    name = stem if stem in TITLES else told or stem
    return _Claimant(facts, name, given=False)


def _settled(claimants: Sequence[_Claimant]) -> dict[str, list[_Claimant]]:
    """Return the runs of each name; what cannot be pooled is taken apart, or refused."""
    groups: dict[str, list[_Claimant]] = {}
    for claimant in claimants:
        groups.setdefault(claimant.name, []).append(claimant)
    settled: dict[str, list[_Claimant]] = {}
    for name, group in groups.items():
        why = _cannot_be_pooled(group)
        if why is not None and any(claimant.given for claimant in group):
            raise ConfigError(f"{name!r} is the name of several runs, but {why}")
        if why is None:
            settled[name] = group
    for name, group in groups.items():
        if name not in settled:
            for claimant in group:
                settled[_free_name(claimant.facts, settled)] = [claimant]
    return settled


def _cannot_be_pooled(group: Sequence[_Claimant]) -> str | None:
    """Return why runs are not the same but for their seeds; None if they are."""
    first = group[0].facts
    for claimant in group[1:]:
        if keys := differing_keys(first.method, claimant.facts.method):
            listed = ", ".join([*keys][:4]) + (", …" if len(keys) > 4 else "")
            return f"{first.run} and {claimant.facts.run} differ in {listed}"
    seeds = [claimant.facts.seed for claimant in group]
    for k, seed in enumerate(seeds):
        if seed in seeds[:k]:
            twin = group[seeds.index(seed)].facts.run
            return f"{twin} and {group[k].facts.run} have the same seed, {seed}"
    return None


def _free_name(facts: RunFacts, taken: Mapping[str, object]) -> str:
    """Return the name of a run's folder, with its parents' as far as it takes to be the only."""
    parts = facts.run.resolve().parts
    for k in range(1, len(parts)):
        name = "/".join(parts[-k:])
        if name not in taken and name not in TITLES:
            return name
    return str(facts.run.resolve())


def _stem(run: Path) -> str:
    name = run.resolve().name.lower()
    return _SEED.sub("", name) or name


def _losses(table: Mapping[str, Any]) -> set[str]:
    """Return the losses of a factor that the generator feels."""
    return {
        name
        for name, weight in table.items()
        if (weight.get("g", 1.0) if isinstance(weight, Mapping) else weight) > 0
    }
