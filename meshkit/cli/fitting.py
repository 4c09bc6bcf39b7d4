"""What `meshkit register` does alike for one scan and for a sequence."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from meshkit.mesh import Mesh
    from meshkit.registration.landmarks import Landmarks
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import FitOptions


class Request(NamedTuple):
    """What the command line asks for, after the checks."""

    template: Path
    scans: tuple[Path, ...]
    output: Path
    landmarks: Path | None
    rigid: bool
    scale: bool
    detail: float | None
    report: Path | None
    unfitted: Path | None
    template_landmarks: Path | None


def load_template(path: Path) -> "Mesh":
    """Read the template and check it."""
    from meshkit.checks import check_mesh
    from meshkit.cli.messages import about
    from meshkit.io import load_mesh

    with about(path):
        mesh = load_mesh(path)
        check_mesh(mesh.V, mesh.F)
    return mesh


def in_unit_of(
    scan: Path, mesh: "Mesh", target: "Target", marks: "Landmarks | None", *, scale: bool
) -> "tuple[Mesh, float]":
    """Scale a template to the unit of a scan and say so, unless its size is to be estimated."""
    from dataclasses import replace

    import click

    from meshkit.registration.unit import infer_unit

    unit = 1.0 if scale else infer_unit(mesh.V, mesh.F, target, marks)
    if unit != 1:
        click.echo(
            f"notice: {scan} is in another unit: the template is scaled by {unit:.6g} first; "
            "--scale estimates its size instead",
            err=True,
        )
    return replace(mesh, V=mesh.V * unit), unit


def load_unfitted(path: Path | None, mesh: "Mesh") -> "np.ndarray | None":
    """Read the vertices that are not to be fitted, if there is a file."""
    from meshkit.cli.messages import about
    from meshkit.registration.landmarks import load_vertices

    if path is None:
        return None
    with about(path):
        return load_vertices(path, len(mesh.V))


def load_marks(
    path: Path | None, mesh: "Mesh", target: "Target", template: Path | None = None
) -> "Landmarks | None":
    """Read the landmarks of a template on a scan, if there is a file.

    Raises
    ------
    click.UsageError
        Points on the scan alone come without the template's, or pairs with them.
    """
    import click

    from meshkit.cli.messages import about
    from meshkit.registration.landmarks import load_landmarks, pair_points
    from meshkit.registration.point_files import SUFFIXES

    if path is None:
        return None
    alone = path.suffix.lower() in SUFFIXES
    if alone and template is None:
        raise click.UsageError(
            f"Add --template-landmarks: {path} holds points on the scan alone. Name a file of the "
            "same points on TEMPLATE, or of its vertices."
        )
    if template is not None and not alone:
        raise click.UsageError(
            f"Leave out --template-landmarks: {path} pairs TEMPLATE with the scan already."
        )
    with about(path):
        if template is not None:
            return pair_points(path, template, mesh.V)
        return load_landmarks(path, len(mesh.V), mesh.F, target.V, target.F)


def fit_options(detail: float | None, mesh: "Mesh", scale: float) -> "FitOptions":
    """Return the options of a fit whose template is scaled by so much."""
    from meshkit.registration.icp import radius
    from meshkit.registration.template_fit import FitOptions

    if detail is None:
        return FitOptions()
    size = radius(mesh.V) * scale
    if detail > FitOptions.coarse * size:
        raise ValueError(
            f"--detail {detail:g} is larger than the template: its radius is {size:.3g}"
        )
    return FitOptions(fine=detail / size)


def say_problems(output: Path, problems: list[str]) -> None:
    """Warn of a bad fit, which is written to be looked at, and end the command with code 1."""
    import click

    if not problems:
        return
    click.echo(
        f"warning: do not use {output} before you have looked at it: {'; '.join(problems)}. Give "
        "--landmarks (ten or more), --scale if the sizes differ, or --unfitted for parts that the "
        "scan does not show alike",
        err=True,
    )
    raise click.exceptions.Exit(1)
