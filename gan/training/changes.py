"""What a resumed run may change in its configuration: how long, how often it writes, on what.

Everything else decides what is learned: a run that changed it half way would be neither the one
nor the other, so it is refused by the name of the key.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gan.config import Config
from gan.errors import CheckpointError

# A key, or a section with all its keys.
CHANGEABLE = (
    "training.iterations",
    "training.epochs",
    "training.max_minutes",
    "training.threads",
    "training.deterministic",
    "training.on_divergence",
    "output",
    "metrics",
)


def check_changes(before: Config, after: Config, where: str) -> list[str]:
    """Return what a resumed run changes, one line a key; refuse what it may not change.

    Raises
    ------
    CheckpointError
        A key outside `CHANGEABLE` differs; the message, which begins with `where`, names it.
    """
    changed = differing_keys(before, after)
    changes = [f"{key}: {_shown(old)} -> {_shown(new)}" for key, (old, new) in changed.items()]
    for key, change in zip(changed, changes, strict=True):
        if not _may_change(key):
            raise CheckpointError(
                f"{where}: {change}: a resumed run may change {', '.join(CHANGEABLE)} only; "
                "for anything else start another run"
            )
    return changes


def differing_keys(before: Config, after: Config) -> dict[str, tuple[Any, Any]]:
    """Return the keys whose values differ, with both values; factors count by name."""
    old, new = dict(_leaves(_tree(before))), dict(_leaves(_tree(after)))
    every = {**old, **new}
    return {k: (old.get(k), new.get(k)) for k in every if old.get(k) != new.get(k)}


def _may_change(key: str) -> bool:
    return any(key == allowed or key.startswith(f"{allowed}.") for allowed in CHANGEABLE)


def _tree(config: Config) -> dict[str, Any]:
    """Return the values as plain ones, the factors by name."""
    tree = config.model_dump(mode="json")
    factors = tree.pop("factors")
    order = {"order": [factor["name"] for factor in factors]}  # the codes lie in this order
    return {"factors": order | {factor["name"]: factor for factor in factors}, **tree}


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
