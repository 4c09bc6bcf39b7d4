"""Errors of gan name no option either; the words for their codes name options that there are."""

import re
from pathlib import Path

import click

import gan
from gan.cli import main
from gan.cli.remedies import OF_GAN, REMEDIES
from meshkit.cli.group import LazyGroup
from tests.meshkit.test_remedies import codes, strings

LIBRARY = [
    path
    for path in sorted(Path(gan.__file__).parent.rglob("*.py"))
    if "cli" not in path.relative_to(Path(gan.__file__).parent).parts
]
OPTION = re.compile(r"(?<![\w-])--[a-z]")
OWN_WORD = re.compile(r"--[a-z-]+(=\w+)?")  # an argument of a call: of git, of Snakemake


def test_the_library_names_no_option():
    assert OPTION.search("give --weights")
    wrong = [
        f"{path.parent.name}/{path.name}:{line}: {text}"
        for path in LIBRARY
        for line, text in strings(path)
        if OPTION.search(text) and not OWN_WORD.fullmatch(text)
    ]
    assert wrong == []


def test_every_code_has_its_words_and_all_words_a_code():
    given = {code for path in LIBRARY for code in codes(path)}
    assert given - REMEDIES.keys() == set()
    assert OF_GAN.keys() - given == set()


def option_names(*words: str) -> set[str]:
    """The options of a command, given as words: `gan data import`."""
    command: click.Command | None = main
    for word in words:
        assert isinstance(command, LazyGroup)
        command = command.get_command(click.Context(command), word)
    assert command is not None, words
    return {name for param in command.params for name in param.opts}


def test_words_name_commands_and_options_that_there_are():
    for code, remedy in REMEDIES.items():
        for words, option in re.findall(
            r"\bgan ((?:data )?[a-z-]+)((?: --[a-z-]+)?)", remedy.anywhere
        ):
            assert option.strip() in {"", *option_names(*words.split())}, code
