"""The frame of every page: head, style, title, sections; nothing loaded from anywhere."""

from importlib import resources
from string import Template

from gan.report.html import Content, Markup, element


def assemble(*, title: Markup, lead: Markup, body: Markup, maker: str) -> Markup:
    """Return a whole page; `maker` is the command that the footer names."""
    folder = resources.files("gan.report")
    page = Template((folder / "page.html").read_text(encoding="utf-8"))
    style = (folder / "page.css").read_text(encoding="utf-8")
    return Markup(page.substitute(style=style, title=title, lead=lead, body=body, maker=maker))


def section(title: str, text: Content, content: Markup) -> Markup:
    """Return a section with a heading and, unless it is None, a line below it."""
    lead = element("p", text, class_="lead") if text else None
    return element("section", element("header", element("h2", title), lead), content)
