"""Call the meshkit commands in this process, as a shell would; small meshes to call them on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from meshkit.cli import main
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def read_json(*arguments: object) -> dict[str, Any]:
    """Exactly one JSON object on stdout."""
    values = json.loads(succeed(*arguments, "--json").stdout)
    assert isinstance(values, dict)
    return values


def refuse(*arguments: object, says: str, code: int = 1) -> None:
    """One clear line, the exit code, no traceback, and nothing written."""
    before = sorted(Path().rglob("*"))
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert says in result.stderr
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
