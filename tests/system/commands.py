"""Call the commands in this process, as a shell would; small meshes to call them on."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.testing import CliRunner, Result

import meshkit.cli
from gan.cli import main as gan_main
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere


class Program:
    """A group of commands, called in this process as a shell would call it.

    `words` come before those of every call: ("data",) for the commands of `gan data`.
    """

    def __init__(self, group: click.Group, *words: str) -> None:
        self.group, self.words = group, words

    def __call__(self, *arguments: object) -> Result:
        """Whatever a command raises but its exit is an error."""
        result = CliRunner().invoke(self.group, [*self.words, *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    def succeed(self, *arguments: object) -> Result:
        result = self(*arguments)
        assert result.exit_code == 0, result.output
        return result

    def read_json(self, *arguments: object) -> dict[str, Any]:
        """Exactly one JSON object on stdout."""
        values = json.loads(self.succeed(*arguments, "--json").stdout)
        assert isinstance(values, dict)
        return values

    def fails(self, *arguments: object, codes: tuple[int, ...] = (1,)) -> str:
        """Return the one line that a failing command says; click's usage errors add the usage."""
        result = self(*arguments)
        assert result.exit_code in codes, result.output
        lines = [x for x in result.stderr.splitlines() if x.strip() and x[:9] != "warning: "]
        assert len(lines) == 1 or result.exit_code == 2, result.stderr
        return lines[-1]


run = Program(meshkit.cli.main)
succeed, read_json = run.succeed, run.read_json
gan = Program(gan_main)
data = Program(gan_main, "data")


def refuse(*arguments: object, says: str | tuple[str, ...], code: int = 1) -> None:
    """One clear line, the exit code, no traceback, and nothing written."""
    before = sorted(Path().rglob("*"))
    result = run(*arguments)
    assert result.exit_code == code, result.output
    for words in (says,) if isinstance(says, str) else says:
        assert words in result.stderr
    assert result.stdout == ""
    if code == 1:
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("Error: ")
    assert sorted(Path().rglob("*")) == before


def write(name: str, V: np.ndarray, F: np.ndarray, **rest: Any) -> Path:
    save_mesh(name, Mesh(V, F, **rest))
    return Path(name)


def dome(rings: int = 4, *, holes: bool = False) -> tuple[np.ndarray, np.ndarray]:
    V, F = hemisphere(rings)
    if not holes:
        return V, F
    centre = np.flatnonzero((F == 0).any(axis=1))
    rest = np.delete(F, centre, axis=0)
    used = np.unique(rest)
    return V[used], np.searchsorted(used, rest)
