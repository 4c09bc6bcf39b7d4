"""Tables of the settings of a configuration and of the plug-ins, from the code."""

import ast
import inspect
import io
import tokenize
from typing import Any


def cell(text: object) -> str:
    """Return text as it may stand in a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def code(text: object) -> str:
    """Return text in the type of code, in a cell."""
    return f"`{cell(text)}`"


def comments(cls: type) -> dict[str, str]:
    """Return the comment behind each field of a section."""
    source = inspect.getsource(cls)
    beside: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            beside[token.start[0]] = token.string.lstrip("# ").strip()
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    return {
        node.target.id: beside[line]
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if line in beside
    }


def default(field: Any) -> str:
    """Return the default of a field, as a configuration would write it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, dict):
        value = {k: getattr(v, "d", v) for k, v in value.items()}
    return code(list(value) if isinstance(value, tuple) else value)


def setting_tables() -> str:
    """Return a table for every section of a configuration."""
    from gan.config import Config, FactorLossConfig
    from gan.sections import Section

    parts = []
    for name, field in Config.model_fields.items():
        section: Any = field.annotation
        inner = [t for t in getattr(section, "__args__", ()) if isinstance(t, type)]
        section = next((t for t in inner if issubclass(t, Section)), section)
        several = f"[[{name}]]" if inner else f"[{name}]"
        parts.append(table(several, section))
    parts.append(table("a loss of a factor", FactorLossConfig))
    return "\n\n".join(parts)


def table(title: str, section: Any) -> str:
    """Return one section as a table, under a heading."""
    said = comments(section)
    rows = [
        f"| {code(key)} | {default(field)} | {allowed(section, key)} {cell(said.get(key, ''))} |"
        for key, field in section.model_fields.items()
    ]
    head = [f"### `{title}`", "", inspect.getdoc(section) or "", ""]
    return "\n".join([*head, "| key | default | what |", "|---|---|---|", *rows])


def allowed(section: Any, key: str) -> str:
    """Return the values that a field takes, where they are few or bounded."""
    schema = section.model_json_schema()["properties"][key]
    options = schema.get("enum") or [
        value for branch in schema.get("anyOf", ()) for value in branch.get("enum", ())
    ]
    if options:
        return " or ".join(code(option) for option in options) + "."
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    branches = [schema, *schema.get("anyOf", ())]
    bounds = [f"{sign} {b[k]:g}" for b in branches for k, sign in signs.items() if k in b]
    return ", ".join(bounds) + "." if bounds else ""


def plugin_tables() -> str:
    """Return a table for every kind of plug-in."""
    from gan.plugins import KINDS, registry

    parts = []
    for kind in KINDS:
        rows = []
        for row in registry(kind).listed():
            options = ", ".join(
                code(k if v is None else f"{k} = {v!r}") for k, v in row.options.items()
            )
            rows.append(f"| {code(row.name)} | {cell(row.summary)} | {options} |")
        head = [f"## {kind.replace('_', ' ').capitalize()}", "", "| name | what | options |"]
        parts.append("\n".join([*head, "|---|---|---|", *rows]))
    return "\n\n".join(parts)
