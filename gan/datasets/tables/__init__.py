"""Tables of this package as TOML: recipes, visemes, phones, control names, the head's shape."""

import functools
import tomllib
from importlib.resources import files
from typing import Any


@functools.cache
def read_table(name: str) -> dict[str, Any]:
    """Read NAME.toml; the same object for every caller, who must not change it."""
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
