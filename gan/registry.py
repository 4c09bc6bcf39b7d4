"""Names in a configuration -> classes. A plug-in registers itself where it is defined."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from gan.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """A table of classes by name, for one kind of plug-in."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._classes: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Return a decorator that enters a class under `name`."""

        def enter(cls: Callable[..., T]) -> Callable[..., T]:
            if name in self._classes:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._classes[name] = cls
            return cls

        return enter

    def build(self, name: str, /, **options: Any) -> T:
        """Construct the class registered under `name`.

        Raises
        ------
        ConfigError
            No such name; the message lists the known ones.
        """
        if name not in self._classes:
            raise ConfigError(f"unknown {self.kind} {name!r}; known: {', '.join(sorted(self))}")
        return self._classes[name](**options)

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __contains__(self, name: object) -> bool:
        return name in self._classes
