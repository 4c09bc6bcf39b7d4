"""Fill the template of a page; whatever is not markup of a template's is shown as text."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from meshkit.report.axes import number

if TYPE_CHECKING:
    from jinja2 import Environment

SHARED = Path(__file__).parent  # the folder of `base.html`, `parts.html` and `page.css`
# Characters that XML and HTML forbid even when they are escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def render_page(template: str, /, *folders: Path, **values: object) -> str:
    """Return a page: a template, filled in.

    Values are escaped, characters that HTML forbids become U+FFFD, None becomes nothing. Equal
    values give equal pages.

    Parameters
    ----------
    template
        The name of a file in one of the folders, the first that has it, or among those shared.
    values
        What the template names; one that is missing is an error of jinja2's.
    """
    return _environment(folders).get_template(template).render(values)


@cache
def _environment(folders: tuple[Path, ...]) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([*folders, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment


def _printable(value: object) -> object:
    """Return what an expression shows; it is escaped afterwards, unless it is markup."""
    from markupsafe import Markup

    if value is None:
        return ""
    clean = _FORBIDDEN.sub("\ufffd", str(value))
    return Markup(clean) if isinstance(value, Markup) else clean
