"""From action units to a face model's own controls: tables, one for each family of names.

A table maps a unit to a weighted sum of controls. `{S}` stands for L or R, `{Side}` for Left or
Right, `{side}` for left or right. Sums are cut at 1, then the limits of the table hold.
"""

import functools
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from gan.datasets.tables import read_table
from gan.errors import DatasetError

SIDES = {"L": "Left", "R": "Right"}


class ControlTable(NamedTuple):
    """What the action units do to a face model's own controls."""

    units: dict[str, dict[str, float]]  # unit -> control -> weight
    at_most: dict[str, str]  # control -> the control whose weight it may not exceed
    speech: frozenset[str] = frozenset()  # units that visemes use and expressions never do

    def weights(self, units: Mapping[str, float]) -> dict[str, float]:
        """Return the weight of every control that takes part, in [0, 1]."""
        total: dict[str, float] = {}
        for unit, value in units.items():
            for control, share in self.units[unit].items():
                total[control] = total.get(control, 0.0) + share * value
        total = {control: min(1.0, max(0.0, weight)) for control, weight in total.items()}
        for control, limit in self.at_most.items():
            if control in total:
                total[control] = min(total[control], total.get(limit, 0.0))
        return total

    @property
    def of_expressions(self) -> tuple[str, ...]:
        """Return the units without those that are for speech alone."""
        return tuple(sorted(self.units.keys() - self.speech))

    def controls(self, units: Iterable[str]) -> tuple[str, ...]:
        """Return the controls that some of these units move."""
        return tuple(sorted({control for unit in units for control in self.units[unit]}))


def load_table(name: str, known: Collection[str], path: Path) -> ControlTable:
    """Read a table of this package, without the units whose first control the model has not."""
    units, at_most, speech = read_units(name)
    known_units: dict[str, dict[str, float]] = {}
    for unit, parts in units.items():
        resolved = {name: _resolve(name, known) for name in parts}
        if resolved[next(iter(parts))]:
            known_units[unit] = {
                control.name: parts[name] * control.share
                for name, control in resolved.items()
                if control is not None
            }
    if not known_units:
        raise DatasetError(
            f"{path}: no control has a name of the table {name}; store a field 'action_units'"
        )
    limits = {a: b for a, b in at_most.items() if a in known}
    return ControlTable(known_units, limits, speech & known_units.keys())


class Control(NamedTuple):
    """What a model calls a control of a table."""

    name: str
    share: float  # one half where the model has one control for both sides


def _resolve(control: str, known: Collection[str]) -> Control | None:
    """Find a control under its own name, as browDownLeft for browDown_L, or for both sides."""
    if control in known:
        return Control(control, 1.0)
    stem, _, side = control.rpartition("_")
    if side in SIDES and f"{stem}{SIDES[side]}" in known:
        return Control(f"{stem}{SIDES[side]}", 1.0)
    if side in SIDES and stem in known:
        return Control(stem, 0.5)
    return None


def own_table(
    units: dict[str, dict[str, float]], known: Collection[str], path: Path
) -> ControlTable:
    """Return the table that a face model file carries itself."""
    for unit, parts in units.items():
        if strange := sorted(parts.keys() - set(known)):
            raise DatasetError(f"{path}: action_units: {unit} names {strange[0]!r}, no control")
    if not units:
        raise DatasetError(f"{path}: action_units is empty")
    return ControlTable(units, {})


@functools.cache
def read_units(
    name: str,
) -> tuple[dict[str, dict[str, float]], dict[str, str], frozenset[str]]:
    """Read tables/NAME.toml and write out both sides of each sided unit."""
    table = read_table(name)
    units: dict[str, dict[str, float]] = {}
    speech = table.get("speech", {})
    for unit, parts in (table["units"] | speech).items():
        for letter, word in SIDES.items() if "{S}" in unit else {"": ""}.items():
            fill = functools.partial(str.format, S=letter, Side=word, side=word.lower())
            units[fill(unit)] = {fill(control): float(share) for control, share in parts.items()}
    return units, table.get("at_most", {}), frozenset(speech)
