"""The parts of the pages that are made from the code, when the pages are built.

A line ``% made: NAME`` of a page is replaced by what the function of that name in `PARTS` returns:
so a public name, a command, a setting or a plug-in that is added is on its page by itself.
"""

import base64
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from settings_table import plugin_tables, setting_tables

ROOT = Path(__file__).parents[2]
MADE = re.compile(r"^% made: ([\w-]+)$", re.MULTILINE)
GAN_CLASSES = (
    "gan.models.contract.FaceGenerator",
    "gan.models.contract.Factor",
    "gan.datasets.store.Dataset",
    "gan.registry.Registry",
)


def first_line(thing: Any) -> str:
    """Return the summary of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0].rstrip(".")


def rst(*lines: str) -> str:
    """Return a block of reStructuredText for a Markdown page."""
    return "\n".join(["````{eval-rst}", *lines, "````", ""])


def describe(names: Iterable[str]) -> str:
    """Return the directives that describe functions and classes by their docstrings."""
    lines = []
    for name in names:
        home, _, short = name.rpartition(".")
        thing = getattr(importlib.import_module(home), short)
        if not inspect.isclass(thing):
            lines += [f".. autofunction:: {name}", ""]
        elif issubclass(thing, Exception):
            lines += [f".. autoexception:: {name}", ""]
        else:
            lines += [f".. autoclass:: {name}", "   :members:", "   :show-inheritance:", ""]
    return rst(*lines)


def meshkit_names() -> str:
    """Return a section for every module that brings public names of meshkit."""
    stub = (ROOT / "meshkit" / "__init__.pyi").read_text("utf-8")
    homes: dict[str, list[str]] = {}
    for module, name in re.findall(r"^from (\S+) import (\w+)", stub, re.MULTILINE):
        homes.setdefault(f"meshkit{module}", []).append(name)
    parts = []
    for module, names in homes.items():
        title = first_line(importlib.import_module(module)).partition(";")[0]
        parts += [f"## {title}", describe(f"meshkit.{name}" for name in names)]
    return "\n\n".join(parts)


def layer_names() -> str:
    """Return the layers of meshkit.nn."""
    import meshkit.nn

    return describe(f"meshkit.nn.{name}" for name in meshkit.nn.__all__)


def primitive_names() -> str:
    """Return the meshes of meshkit.primitives."""
    from meshkit import primitives

    own = (
        name
        for name, thing in vars(primitives).items()
        if inspect.isfunction(thing)
        and thing.__module__ == primitives.__name__
        and not name.startswith("_")
    )
    return describe(f"meshkit.primitives.{name}" for name in own)


def gan_names() -> str:
    """Return the public names of gan, and the classes that they give out."""
    import gan

    names = describe(f"gan.{name}" for name in gan.__all__)
    parts = ["## Names of `gan`", names, "## What they give out, and plug-ins' tables"]
    return "\n\n".join([*parts, describe(GAN_CLASSES)])


def command_pages(program: str) -> Callable[[], str]:
    """Return what describes every command of a program."""
    return lambda: rst(f".. click:: {program}.cli:main", f"   :prog: {program}", "   :nested: full")


def notebook() -> str:
    """Return the cells of docs/notebook.ipynb with what they printed and drew."""
    parts = []
    for cell in json.loads((ROOT / "docs" / "notebook.ipynb").read_text("utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        parts += map(_output, cell["outputs"])
    return "\n\n".join(parts)


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {"text/plain": output.get("text", [])})
    if "image/png" in data:
        image = data["image/png"].replace("\n", "")
        base64.b64decode(image, validate=True)
        return f'<img alt="what the cell draws" src="data:image/png;base64,{image}">'
    return "```text\n" + "".join(data["text/plain"]).rstrip() + "\n```"


def gallery() -> str:
    """Return the cells of docs/gallery.py, each beside its picture."""
    sys.path.insert(0, str(ROOT / "tools"))
    start, *cells = importlib.import_module("draw_gallery").read_cells()
    parts = [f"All calls start from:\n\n```python\n{start.code.strip()}\n```"]
    for cell in cells:
        if cell.name == "section":
            parts.append(f"## {cell.text}")
            continue
        picture = f"![{cell.name}](../pictures/gallery/{cell.name}.png)"
        parts.append(f"### `{cell.name}`\n\n{cell.text}\n\n{picture}")
        parts.append(f"```python\n{cell.code}\n```")
    return "\n\n".join(parts)


PARTS: dict[str, Callable[[], str]] = {
    "meshkit-names": meshkit_names,
    "layer-names": layer_names,
    "primitive-names": primitive_names,
    "gan-names": gan_names,
    "settings": setting_tables,
    "plugins": plugin_tables,
    "meshkit-commands": command_pages("meshkit"),
    "gan-commands": command_pages("gan"),
    "notebook": notebook,
    "gallery": gallery,
}


def fill_in(app: Any, page: str, source: list[str]) -> None:
    """Put what is made in place of the lines that ask for it."""
    source[0] = MADE.sub(lambda found: PARTS[found[1]](), source[0])


def escape(app: Any, ctx: Any, lines: list[str]) -> None:
    """Keep what is no markup in a command's help from being read as markup."""
    lines[:] = [
        re.sub(r"^\| +", lambda found: "| " + "\u00a0" * (len(found[0]) - 2), line).replace(
            "*", "\\*"
        )
        for line in lines
    ]


def skip(app: Any, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what nobody wrote: the fields of a NamedTuple are in its signature."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def front_door(app: Any, failure: Exception | None) -> None:
    """Lead from the root of the folder to the index."""
    if failure is None and app.builder.format == "html":
        page = '<!doctype html><meta http-equiv="refresh" content="0; url=docs/index.html">\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the parts with Sphinx."""
    app.connect("source-read", fill_in)
    app.connect("autodoc-skip-member", skip)
    app.connect("build-finished", front_door)
    for part in ("description", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", escape)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
