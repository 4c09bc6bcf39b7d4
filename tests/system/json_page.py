"""What docs/appendix/json.md says that commands print, held against what they do print."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs/appendix/json.md"
SECTIONS = dict(
    re.findall(
        r"^## `([^`]+)`\n(.*?)(?=^##? |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)


def documented_keys(call: str) -> set[str]:
    """The keys in a section, and in the section that it refers to."""
    text = " ".join(SECTIONS[call].split())
    referred = re.findall(r"keys of `(gan [^`]+)`", text)
    return set(re.findall(r"`(\w+)`", text)).union(*map(documented_keys, referred))


def assert_documented(
    call: str, values: Mapping[str, Any], *, rare: frozenset[str] = frozenset()
) -> None:
    """The object has the keys of its section, and the section no others but the `rare` ones."""
    said = documented_keys(call)
    assert values.keys() - said == set(), "not on the page"
    inner = {key for value in values.values() for key in _keys(value)}
    assert said - rare <= values.keys() | inner, "on the page, but not printed"


def _keys(value: object) -> set[str]:
    """Return the keys of objects inside a value."""
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in _keys(item)}
    if isinstance(value, list):
        return {key for item in value for key in _keys(item)}
    return set()
