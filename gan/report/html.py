"""HTML and SVG as values: what is not markup already is escaped, whoever wrote it."""

import html
import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VOID = frozenset({"img", "br", "meta", "line", "rect", "path", "polyline", "polygon", "circle"})
# Characters that XML and HTML forbid even when escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class Markup(str):
    """Text that is markup already; made by `element` and `join` alone."""

    __slots__ = ()


Content = object  # Markup stays, None vanishes, anything else is escaped as text


def escape(value: Content) -> Markup:
    """Return a value as markup that shows exactly its text."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return Markup("")
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", str(value)), quote=True))


def join(parts: Iterable[Content]) -> Markup:
    """Concatenate, escaping what is not markup."""
    return Markup("".join(escape(part) for part in parts))


def element(name: str, *content: Content, **attributes: object) -> Markup:
    """Build an element; a trailing underscore of an attribute is dropped, inner ones are hyphens.

    An attribute that is None is left out.
    """
    assert _NAME.fullmatch(name)
    written = []
    for key, value in attributes.items():
        if value is not None:
            attribute = key.rstrip("_").replace("_", "-")
            assert _NAME.fullmatch(attribute)
            written.append(f' {attribute}="{escape(str(value))}"')
    opened = f"<{name}{''.join(written)}"
    if name in _VOID and not content:
        return Markup(f"{opened}/>")
    return Markup(f"{opened}>{join(content)}</{name}>")
