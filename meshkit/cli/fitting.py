"""What `meshkit register` does alike for one scan and for a sequence."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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


def load_template(path: Path) -> "Mesh":
    """Read the template and check it."""
    from meshkit.checks import check_mesh
    from meshkit.cli.messages import about
    from meshkit.io import load_mesh

    with about(path):
        mesh = load_mesh(path)
        check_mesh(mesh.V, mesh.F)
    return mesh


def load_marks(path: Path | None, mesh: "Mesh", target: "Target") -> "Landmarks | None":
    """Read the landmarks of a template on a scan, if there is a file."""
    from meshkit.cli.messages import about
    from meshkit.registration.landmarks import load_landmarks

    if path is None:
        return None
    with about(path):
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
