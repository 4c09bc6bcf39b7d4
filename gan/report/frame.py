"""The frame of every page: head, style, title, sections; nothing loaded from anywhere."""

from importlib import resources
from string import Template

from gan.report.html import Content, Markup, element
from gan.report.script import script, script_hash


def assemble(
    *, title: Markup, lead: Markup, body: Markup, maker: str, viewers: bool = False
) -> Markup:
    """Return a whole page.

    Parameters
    ----------
    maker
        The command that the footer names.
    viewers
        The body holds viewers of `gan.report.viewer`: their script becomes part of the page, and
        the one script that the page's policy lets run. Without, none does.
    """
    folder = resources.files("gan.report")

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    style, policy, scripts = text("page.css"), "", Markup("")
    if viewers:
        style += text("viewer.css")
        code = script()
        policy = f"script-src '{script_hash(code)}'; "
        scripts = Markup(f"{element('script', code)}\n")
    page = Template(text("page.html"))
    return Markup(
        page.substitute(
            style=style,
            policy=policy,
            title=title,
            lead=lead,
            body=body,
            maker=maker,
            scripts=scripts,
        )
    )


def section(title: str, text: Content, content: Markup) -> Markup:
    """Return a section with a heading and, unless it is None, a line below it."""
    lead = element("p", text, class_="lead") if text else None
    return element("section", element("header", element("h2", title), lead), content)
