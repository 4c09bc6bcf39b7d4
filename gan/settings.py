"""One loader of TOML: read, lay over each other, set single values, check, write back. No torch.

What a table may hold is said by its `gan.sections.Section`; configurations of trainings, of
baselines and of studies all go this way.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError

from gan.errors import ConfigError
from gan.sections import Section

S = TypeVar("S", bound=Section)
MAX_BYTES = 1 << 16  # of TOML: the parser's time grows with the square of a key's length


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of TOML; see `parse_toml`."""
    return parse_toml(path.read_bytes(), str(path))


def parse_toml(text: bytes, origin: str) -> dict[str, Any]:
    """Return TOML as a tree of plain values; `origin` names it in messages.

    Raises
    ------
    ConfigError
        It is not TOML, nested too deeply to be read, or too long.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{origin} has {len(text):,} bytes: more than {MAX_BYTES:,} are not read")
    try:
        return tomllib.loads(text.decode("utf-8"))
    except ValueError as error:  # TOML's own, UTF-8's, or a number of too many digits
        raise ConfigError(f"{origin} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{origin} is not TOML: nested too deeply") from None


def check(model: type[S], tree: Mapping[str, Any], origin: str, *, above: str = "") -> S:
    """Check a tree of plain values; `above` is the key in the file under which it stands.

    Raises
    ------
    ConfigError
        Unknown keys and values out of range, all of them, each by its key.
    """
    try:
        return model.model_validate(dict(tree) if isinstance(tree, Mapping) else tree)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for fault in error.errors(include_url=False):
            key = ".".join([*filter(None, [above]), *map(str, _key_path(model, fault["loc"]))])
            problems.setdefault(key, _problem(model, key, dict(fault)))
        several = f"{len(problems)} errors: " if len(problems) > 1 else ""
        raise ConfigError(f"{origin}: {several}{'; '.join(problems.values())}") from None


def overlay(
    below: Mapping[str, Any], above: Mapping[str, Any], model: type[Section]
) -> dict[str, Any]:
    """Return a tree with another one laid over it, table by table; lists are replaced.

    Of keys that exclude each other (`Section.either`) the upper ones replace the lower.
    """
    merged = dict(below)
    for key, value in above.items():
        old, inner = merged.get(key), _section(_below(model, key))
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = overlay(old, value, inner or Section) if both else value  # type: ignore[arg-type]
    chosen = above.keys() & set(model.either)
    if chosen:
        for key in set(model.either) - chosen:
            merged.pop(key, None)
    return merged


def set_value(tree: dict[str, Any], override: str, model: type[Section]) -> None:
    """Set one value in place: `training.batch=64`, `factors.identity.code_size=32`.

    A list of tables is entered by the name of one of them, or by `*` for all.

    Raises
    ------
    ConfigError
        It is no `key=value`, or leads through a value that is no table.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        example = "training.batch=64" if "training" in model.model_fields else "epochs=50"
        raise ConfigError(f"{override!r}: expected key=value, as in {example}")
    *path, last = key.strip().split(".")
    kind = _below(model, path[0]) if path else None
    if kind is not None and get_origin(kind) is tuple and (item := _section(kind)) is not None:
        for table in _named_tables(tree, path, override, item):
            _descend(table, path[2:], override, item)[last] = _value(text)
        return
    node = _descend(tree, path, override, model)
    owner: Any = model
    for part in path:
        owner = _below(owner, part)
    node_model = owner if isinstance(owner, type) and issubclass(owner, Section) else Section
    merged = overlay(node, {last: _value(text)}, node_model)
    node.clear()
    node.update(merged)


def dump(section: Section) -> str:
    """Return a section as TOML; reading and checking it gives an equal one."""
    tree = section.model_dump(mode="json", exclude_none=True)
    tables: list[str] = []
    plain: dict[str, Any] = {}
    for key, value in tree.items():
        inner = _section(_below(type(section), key))
        if inner is None:
            plain[key] = value
        elif isinstance(value, list):
            for item in value:
                tables += [f"[[{key}]]", *_pairs(item), ""]
        else:
            tables += [f"[{key}]", *_pairs(value), ""]
    return "\n".join([*_pairs(plain), *tables]) + ("" if tables else "\n")


def _key_path(model: type[Section], loc: Sequence[int | str]) -> list[int | str]:
    """Return where an error is, without the branches of a union that pydantic adds."""
    kind: Any = model
    for k, part in enumerate(loc):
        if get_origin(kind) in (Union, UnionType):
            return list(loc[:k])
        kind = _below(kind, part)
    return list(loc)


def _problem(model: type[Section], key: str, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        kind: Any = model
        for part in fault["loc"][:-1]:
            kind = _below(kind, part)
        known = ", ".join(kind.model_fields) if _section(kind) else "nothing"
        return f"unknown key {key!r}; known here: {known}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(fault["input"], dict) else f", got {fault['input']!r}"
    return f"{key}: {message}{shown}" if key else f"{message}{shown}"


def _below(kind: Any, part: int | str) -> Any:
    """Return the type of what stands under a key, or at a place of a list; None if unknown."""
    if isinstance(kind, type) and issubclass(kind, Section):
        field = kind.model_fields.get(str(part))
        return None if field is None else field.annotation
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if get_origin(kind) is tuple else None


def _section(kind: Any) -> type[Section] | None:
    """Return the section that a type is, or that a list holds."""
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _named_tables(
    tree: dict[str, Any], path: Sequence[str], override: str, item: type[Section]
) -> list[dict[str, Any]]:
    """Return the tables of a list that `LIST.NAME.key` means: one, or with NAME `*` all.

    A name that is not there yet gets a new table, if nothing but the name must be given.
    """
    tables = tree.get(path[0], [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{override!r}: {path[0]} is not a list of tables")
    wanted = path[1] if len(path) > 1 else None
    chosen = [table for table in tables if wanted in ("*", table.get("name"))]
    if chosen and wanted is not None:
        return chosen
    fields = item.model_fields.items()
    may_be_new = not any(field.is_required() for key, field in fields if key != "name")
    if wanted in (None, "*") or not may_be_new:
        names = ", ".join(str(table.get("name")) for table in tables)
        known = f", NAME of {names}" if names else ""
        raise ConfigError(f"{override!r}: expected {path[0]}.NAME.key{known}")
    tree[path[0]] = [*tables, new := {"name": wanted}]
    return [new]


def _descend(
    node: dict[str, Any], path: Sequence[str], override: str, model: type[Section]
) -> dict[str, Any]:
    """Return the table at the end of a path; tables on the way are made, with their defaults."""
    kind: Any = model
    for part in path:
        if part not in node:
            node[part] = _default(kind, part)
        kind, below = _below(kind, part), node[part]
        short = getattr(kind, "short", "")
        if short and isinstance(below, int | float):
            below = node[part] = {short: below}
        if not isinstance(below, dict):
            raise ConfigError(f"{override!r}: {part} is a value, not a section")
        node = below
    return node


def _default(kind: Any, part: str) -> dict[str, Any]:
    """Return the tables that a mapping of sections holds when it is not given."""
    if get_origin(_below(kind, part)) is not dict:
        return {}
    value = kind.model_fields[part].get_default(call_default_factory=True)
    return {
        name: item.model_dump(mode="json") if isinstance(item, Section) else item
        for name, item in value.items()
    }


def _pairs(values: Mapping[str, Any]) -> list[str]:
    # No options are the default; no losses are not.
    kept = ((key, value) for key, value in values.items() if value != {} or key == "losses")
    return [f"{_key(key)} = {_toml(value)}" for key, value in kept]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):
        return text.strip()  # a bare word is a string
