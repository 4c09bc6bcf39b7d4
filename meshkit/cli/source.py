"""Open a template for the commands that need a disk: load, take a component, ask the doctor."""

from pathlib import Path

import click

from meshkit.diagnose import diagnose
from meshkit.doctor.findings import Finding, plural
from meshkit.errors import MeshError, TopologyError
from meshkit.io import load_mesh
from meshkit.mesh import Mesh
from meshkit.repair import follow, keep_component

# Findings that are about connectivity, for the class of the exception.
_TOPOLOGY = {
    "non-manifold-edges",
    "non-manifold-vertices",
    "inconsistent-orientation",
    "one-sided",
    "several-components",
    "closed",
    "handles",
}
_CURED_BY_COMPONENT = frozenset({"several-components", "unreferenced-vertices"})
CURED_BY_CUT = frozenset({"closed", "handles"})


def open_mesh(path: Path, component: int | str | None) -> Mesh:
    """Load a mesh and keep one component of it, if one is named."""
    mesh = load_mesh(path)
    if component is None:
        return mesh
    try:
        return follow(mesh, keep_component(mesh.V, mesh.F, component))
    except MeshError:
        require_disk(path, mesh, ignore=_CURED_BY_COMPONENT)
        raise


def say_added(path: Path, n_vertices: int) -> None:
    """Say that a border was refined, if it was."""
    if n_vertices:
        click.echo(
            f"notice: {plural(n_vertices, 'vertex')} added after those of {path}, since the "
            "square has no room for its border or ears; meshkit uvmap --boundary circle adds none",
            err=True,
        )


def require_disk(path: Path, mesh: Mesh, *, ignore: frozenset[str] = frozenset()) -> None:
    """Raise the doctor's first error as an exception that names the file and knows the remedy.

    Raises
    ------
    TopologyError, MeshError
        The mesh is no disk with or without holes.
    """
    for finding in diagnose(mesh.V, mesh.F).errors:
        if finding.name not in ignore:
            raise _exception(path, finding)


def require(path: Path, mesh: Mesh, names: set[str]) -> None:
    """Raise the first of the named findings, if there is one, like `require_disk`."""
    for finding in diagnose(mesh.V, mesh.F).findings:
        if finding.name in names:
            raise _exception(path, finding)


def _exception(path: Path, finding: Finding) -> MeshError:
    kind = TopologyError if finding.name in _TOPOLOGY else MeshError
    return kind(f"{path}: {finding.message}", finding.remedy)
