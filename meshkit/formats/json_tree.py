"""Walk a JSON document of unknown quality: every wrong step names the file and the place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshkit.errors import FileFormatError


class JsonTree:
    """A value inside a JSON document; `place` says where, as in ``accessors[3].count``."""

    def __init__(self, path: Path, value: Any, place: str = "") -> None:
        self.path, self.value, self.place = path, value, place

    @classmethod
    def parse(cls, path: Path, data: bytes) -> "JsonTree":
        """Parse a document whose top is an object."""
        try:
            tree = cls(path, json.loads(data.decode("utf-8")))
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
            raise FileFormatError(f"{path}: not a JSON document: {error}") from None
        if not isinstance(tree.value, dict):
            raise tree.error("expected an object")
        return tree

    def error(self, reason: str) -> FileFormatError:
        """Return the error to raise about this value."""
        return FileFormatError(f"{self.path}: {self.place or 'top'}: {reason}")

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def __getitem__(self, key: str) -> "JsonTree":
        if key not in self:
            raise self.error(f"{key!r} is missing")
        return JsonTree(self.path, self.value[key], f"{self.place}.{key}".lstrip("."))

    def at(self, key: str, index: int) -> "JsonTree":
        """Return element `index` of the list `key`."""
        items = self[key]
        if not isinstance(items.value, list) or not 0 <= index < len(items.value):
            raise self.error(f"{key}[{index}] does not exist")
        return JsonTree(self.path, items.value[index], f"{items.place}[{index}]")

    def items(self, key: str) -> Iterator["JsonTree"]:
        """Yield the elements of the list `key`; an absent list is empty."""
        if key in self:
            if not isinstance(self[key].value, list):
                raise self[key].error("expected a list")
            for index in range(len(self[key].value)):
                yield self.at(key, index)

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a non-negative integer below 2^53."""
        if default is not None and key not in self:
            return default
        value = self[key].value
        if type(value) is not int or not 0 <= value < 2**53:
            raise self[key].error("expected a non-negative integer")
        return value

    def text(self, key: str, default: str) -> str:
        """Return a string."""
        value = self[key].value if key in self else default
        if not isinstance(value, str):
            raise self[key].error("expected a string")
        return value

    def numbers(self, key: str, count: int) -> list[float]:
        """Return a list of `count` numbers."""
        value = self[key].value
        if not isinstance(value, list) or len(value) != count:
            raise self[key].error(f"expected {count} numbers")
        if not all(type(x) in (int, float) and abs(x) <= 1e300 for x in value):
            raise self[key].error(f"expected {count} finite numbers")
        return [float(x) for x in value]
