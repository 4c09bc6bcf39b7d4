"""Library errors name no option; their remedy codes are translated, for the command that runs."""

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import meshkit
from meshkit.cli import main
from meshkit.cli.remedies import REMEDIES, explain, in_words
from meshkit.errors import MeshError, SolveError, TopologyError

LIBRARY = [
    path
    for path in sorted(Path(meshkit.__file__).parent.rglob("*.py"))
    if "cli" not in path.relative_to(Path(meshkit.__file__).parent).parts
]


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Literals with their lines, but for docstrings, which stand alone as statements."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


def codes(path: Path) -> Iterator[str]:
    """What is given as `remedy=` to an error, or last to a finding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "remedy"]
            if getattr(node.func, "id", "") in ("Finding", "defect"):
                given.append(node.args[-1])
            yield from (code.value for code in given if isinstance(code, ast.Constant))


def test_the_library_names_no_option_and_no_command():
    option = re.compile(rf"(?<![\w-])--[a-z]|\bmeshkit (?:{'|'.join(main.lazy)})\b")
    assert option.search("give --weights")
    assert option.search("meshkit repair mends it")
    page = {"page.py", "mesh_viewer.py"}  # the title of a window
    wrong = [
        f"{path.name}:{line}: {text}"
        for path in LIBRARY
        for line, text in strings(path)
        if option.search(text) and path.name not in page
    ]
    assert wrong == []


def test_every_code_has_its_words_and_all_words_a_code():
    assert {code for path in LIBRARY for code in codes(path)} == set(REMEDIES)


def test_options_are_named_to_commands_that_have_them():
    options = {name: main.get_command(click.Context(main), name) for name in main.lazy}
    assert in_words("keep-component", options["uvmap"]).startswith("--component largest")
    assert in_words("keep-component", options["view"]).startswith("meshkit repair --component")
    assert in_words("keep-component") == in_words("keep-component", options["view"])
    for code, remedy in REMEDIES.items():
        named = re.findall(r"meshkit (\w+)((?: --[a-z-]+)?)", remedy.anywhere)
        for command, option in named:
            known = {name for param in options[command].params for name in param.opts}
            assert option.strip() in {"", *known}, code


@pytest.mark.parametrize("kind", [MeshError, TopologyError, SolveError])
def test_an_error_keeps_its_remedy(kind):
    error = kind("two parts", "keep-component", parts=2)
    assert (str(error), error.remedy, error.context) == (
        "two parts",
        "keep-component",
        {"parts": 2},
    )
    again = pickle.loads(pickle.dumps(error))  # as it comes back from another process
    assert (str(again), again.remedy, again.context) == (str(error), error.remedy, error.context)
    assert explain(error, None) == f"two parts; remedy: {REMEDIES['keep-component'].anywhere}"
    named = error.about(Path("m.obj"))
    assert type(named) is kind
    assert (str(named), named.remedy) == ("m.obj: two parts", error.remedy)
    assert (kind("bad").remedy, explain(kind("bad"), None)) == (None, "bad")
    assert explain(kind("bad", "unheard-of"), None) == "bad"
