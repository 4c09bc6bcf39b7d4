"""Names in a configuration -> classes: our own, and those of installed plug-ins.

A class of ours registers itself where it is defined. A third-party package declares an entry point
in the registry's group, and is imported when a configuration names it, or to be listed::

    [project.entry-points."meshkit_gan.regularizers"]
    symmetry = "face_extras.symmetry:SymmetryRegularizer"
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from gan.errors import ConfigError

T = TypeVar("T")

BUILT_IN = "built in"
# What importing a stranger's module is known to raise; our own errors go their own way.
_IMPORT_FAILURES = (
    SystemExit,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class Listed(NamedTuple):
    """One name of a registry, as `gan plugins` shows it."""

    name: str
    origin: str  # BUILT_IN, or a distribution and its version
    target: str  # module:attribute
    summary: str
    options: dict[str, Any]  # with their defaults; None for one that must be given
    problem: str | None  # why it cannot be used


class Registry(Generic[T]):
    """A table of classes by name, for one kind of plug-in.

    Parameters
    ----------
    kind : what messages call it
    group : the entry points that add to it; "" for none
    base : what every class must derive from, or a function must return
    context : names of what `build` is given beside the options; a plug-in takes those it names
    package : whose modules register what they hold; they are imported when a name is first asked
        for, so that a new one needs no other file
    """

    def __init__(
        self,
        kind: str,
        group: str = "",
        base: type | None = None,
        context: tuple[str, ...] = (),
        package: str = "",
    ) -> None:
        self.kind, self.group, self.base, self.context = kind, group, base, context
        self._classes: dict[str, Callable[..., T]] = {}
        self._origin: dict[str, str] = {}
        self._package = package

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Return a decorator that enters a class under `name`."""

        def enter(cls: Callable[..., T]) -> Callable[..., T]:
            if name in self._classes:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._classes[name] = cls
            return cls

        return enter

    def find(self, name: str) -> Callable[..., T]:
        """Return what is registered under `name`; import the plug-in that offers it.

        Raises
        ------
        ConfigError
            No such name (the message lists the known ones), two plug-ins of that name, or one
            that cannot be imported or is of another kind.
        """
        self._import_package()
        if name not in self._classes:
            points = self._points().get(name, [])
            if not points:
                known = sorted({*self, *self._points()})
                raise ConfigError(f"unknown {self.kind} {name!r}; known: {', '.join(known)}")
            if len(points) > 1:
                raise ConfigError(self._several(name, points))
            self._classes[name] = self._load(points[0])
            self._origin[name] = _distribution(points[0])
        return self._classes[name]

    def build(self, name: str, /, options: Mapping[str, Any] | None = None, **context: Any) -> T:
        """Construct what is registered under `name`.

        Parameters
        ----------
        options : what the configuration says; each must be known to the constructor
        context : what the trainer offers; the constructor gets what it names. What the registry
            does not declare as context must be named.

        Raises
        ------
        ConfigError
            The name cannot be found (see `find`), an option is unknown, missing or of another
            type, or the plug-in makes something of another kind.
        """
        make = self.find(name)
        checked = self._check(name, dict(options or {}), {*self.context, *context})
        parameters = _parameters(make, self.base)
        if parameters is not None and not _takes_all(parameters):
            for key in context.keys() - parameters.keys():
                if key not in self.context:  # the caller's own, which must not be dropped unseen
                    raise ConfigError(self._no_option(name, key))
            context = {key: value for key, value in context.items() if key in parameters}
        built = make(**context, **checked)
        if self.base is not None and not isinstance(built, self.base):
            raise ConfigError(f"{self.kind} {name!r} makes a {type(built).__name__}, {self._wants}")
        return built

    def check(self, name: str, options: Mapping[str, Any]) -> None:
        """Raise ConfigError if `build` would refuse the name or the options."""
        self._check(name, dict(options), set(self.context))

    def options(self, name: str) -> tuple[str, ...]:
        """Return the names of the options of a plug-in."""
        return _options(_parameters(self.find(name), self.base) or {}, set(self.context))

    def listed(self) -> list[Listed]:
        """Describe every name, ours first; plug-ins are imported, and what is wrong is told."""
        self._import_package()
        points = self._points()
        rows = [self._row(name, BUILT_IN) for name in self._classes if name not in self._origin]
        ours = {row.name for row in rows}
        for name, offers in points.items():
            for point in offers:
                if name in ours:
                    problem = f"the name belongs to a {self.kind} that is built in"
                elif len(offers) > 1:
                    problem = self._several(name, offers)
                else:
                    try:
                        self.find(name)
                    except ConfigError as error:
                        problem = str(error)
                    else:
                        rows.append(self._row(name, _distribution(point)))
                        continue
                rows.append(Listed(name, _distribution(point), point.value, "", {}, problem))
        return rows

    def usable(self) -> Iterator[Callable[..., T]]:
        """Yield everything that can be used, ours first; plug-ins are imported."""
        for row in self.listed():
            if row.problem is None:
                yield self.find(row.name)

    def __iter__(self) -> Iterator[str]:
        self._import_package()
        return iter(self._classes)

    def __contains__(self, name: object) -> bool:
        self._import_package()
        return name in self._classes

    @property
    def _wants(self) -> str:
        return f"not a {self.base.__name__}" if self.base else "which is no class or function"

    def _import_package(self) -> None:
        package, self._package = self._package, ""
        if package:
            for module in pkgutil.iter_modules(import_module(package).__path__):
                import_module(f"{package}.{module.name}")

    def _points(self) -> dict[str, list[EntryPoint]]:
        offers: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group) if self.group else ():
            offers.setdefault(point.name, []).append(point)
        return offers

    def _load(self, point: EntryPoint) -> Callable[..., T]:
        where = f"{_distribution(point)}, entry point {self.group}: {point.name} = {point.value}"
        try:
            target: Callable[..., T] = point.load()
        except _IMPORT_FAILURES as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            message = f"{self.kind} {point.name!r} of {where}: cannot be imported: {reason}"
            raise ConfigError(message) from error
        wrong = self.base and isinstance(target, type) and not issubclass(target, self.base)
        if wrong or not callable(target):
            raise ConfigError(f"{self.kind} {point.name!r} of {where}: {self._wants}")
        return target

    def _no_option(self, name: str, key: str) -> str:
        known = self.options(name)
        listed = f"its options: {', '.join(known)}" if known else "it has no options"
        return f"{self.kind} {name!r} has no option {key!r}; {listed}"

    def _several(self, name: str, points: list[EntryPoint]) -> str:
        offers = " and ".join(f"{_distribution(point)} ({point.value})" for point in points)
        return f"{self.kind} {name!r} is offered twice, by {offers}: uninstall one of them"

    def _row(self, name: str, origin: str) -> Listed:
        cls = self._classes[name]
        target = f"{cls.__module__}:{cls.__qualname__}"
        summary = (inspect.getdoc(cls) or "").partition("\n")[0]
        parameters = _parameters(cls, self.base) or {}
        defaults = {key: parameters[key].default for key in self.options(name)}
        empty = inspect.Parameter.empty
        options = {key: None if value is empty else value for key, value in defaults.items()}
        return Listed(name, origin, target, summary, options, None)

    def _check(self, name: str, options: dict[str, Any], context: set[str]) -> dict[str, Any]:
        """Return the options as the constructor's types have them."""
        make = self.find(name)
        parameters = _parameters(make, self.base)
        if parameters is None:
            return options
        known = _options(parameters, context)
        for key in options:
            if key not in known and (key in context or not _takes_all(parameters)):
                raise ConfigError(self._no_option(name, key))
        for key in known:
            if parameters[key].default is inspect.Parameter.empty and key not in options:
                raise ConfigError(f"{self.kind} {name!r} needs the option {key!r}")
        hints = _hints(make)
        return {
            key: _converted(value, hints[key], f"{self.kind} {name!r}: option {key!r}")
            if key in hints
            else value
            for key, value in options.items()
        }


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _parameters(
    make: Callable[..., Any], base: type | None
) -> Mapping[str, inspect.Parameter] | None:
    if isinstance(make, type) and base is not None:
        owner = next(cls for cls in make.__mro__ if "__init__" in vars(cls))
        if owner is not base and issubclass(base, owner):  # such as nn.Module's, which takes all
            return {}
    try:
        return inspect.signature(make).parameters
    except ValueError:  # a class in C tells nothing
        return None


def _options(parameters: Mapping[str, inspect.Parameter], context: set[str]) -> tuple[str, ...]:
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return tuple(k for k, p in parameters.items() if k not in context and p.kind not in several)


def _takes_all(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def _hints(make: Callable[..., Any]) -> dict[str, Any]:
    try:
        constructor = make.__init__ if isinstance(make, type) else make  # type: ignore[misc]
        return get_type_hints(constructor)
    except (NameError, TypeError):  # annotations that only a type checker can read
        return {}


def _converted(value: Any, hint: Any, where: str) -> Any:
    """Return a value from TOML as the annotation has it: a list as a tuple, 1 as 1.0."""
    from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

    try:
        adapter = TypeAdapter(hint, config=ConfigDict(strict=False))
    except PydanticSchemaGenerationError:
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise ConfigError(f"{where}: {message}, got {value!r}") from None
