"""`meshkit laplacian`: write a Laplacian, a mass and eigenpairs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import FILE, check_outputs, json_option, output_option
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp

    from meshkit.mesh import Mesh

KINDS = {
    "cotan": ("meshkit.laplacian", "cotangent_laplacian"),
    "uniform": ("meshkit.laplacian", "uniform_laplacian"),
    "mean-value": ("meshkit.laplacian", "mean_value_laplacian"),
    "delaunay": ("meshkit.operators.intrinsic", "delaunay_laplacian"),
    "robust": ("meshkit.operators.robust", "robust_laplacian"),
}
MASSES = {
    "barycentric": ("meshkit.laplacian", "lumped_mass"),
    "voronoi": ("meshkit.operators.mass", "voronoi_mass"),
    "full": ("meshkit.operators.mass", "full_mass"),
}


@click.command()
@click.argument("mesh", type=FILE)
@output_option("MESH's stem + _laplacian.npz", ".npz", metavar="OUT.npz")
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="cotan",
    show_default=True,
    help="delaunay and robust have no negative weights. robust also accepts faces without area "
    "(pip install robust_laplacian).",
)
@click.option(
    "--mass",
    type=click.Choice(list(MASSES)),
    default="barycentric",
    show_default=True,
    help="The mass matrix: barycentric and voronoi are diagonal, full is that of finite elements.",
)
@click.option(
    "--eigen",
    type=click.IntRange(min=1),
    metavar="K",
    help="Also write the K smallest eigenvalues of L x = λ M x and their eigenvectors.",
)
@json_option
@streams("mesh")
def laplacian(
    mesh: Path, output: Path | None, kind: str, mass: str, eigen: int | None, as_json: bool
) -> None:
    """Write the Laplacian and the mass matrix of MESH into one archive.

    \b
    In Python:
      L = scipy.sparse.load_npz("OUT.npz")
      mass = numpy.load("OUT.npz")["mass"]     eigenvalues, eigenvectors likewise

    L is positive semi-definite, in weak form: rows sum to zero, L @ u / mass is the strong form.
    A full mass is stored as mass_data, mass_indices, mass_indptr (compressed rows).

    Example: meshkit laplacian face.obj --kind delaunay --eigen 20 -o modes.npz
    """  # noqa: D301
    output = output or Path(f"{mesh.stem}_laplacian.npz")
    check_outputs([mesh], {"-o": output})
    if eigen and kind == "mean-value":
        raise click.UsageError(
            "Choose another --kind for --eigen: the mean-value Laplacian is not symmetric."
        )
    from meshkit.cli.messages import about, print_report
    from meshkit.io import load_mesh

    with about(mesh):
        loaded = load_mesh(mesh)
        L, M = _call(KINDS[kind], loaded), _call(MASSES[mass], loaded)
        arrays = _arrays(L, M)
        if eigen:
            from meshkit.operators.spectrum import eigenpairs

            pairs = eigenpairs(L, M, eigen)
            arrays |= {"eigenvalues": pairs.values, "eigenvectors": pairs.vectors}
    _save(output, arrays)
    report = {"input": mesh, "output": output, "kind": kind, "mass": mass}
    report |= _measure(loaded, L, M)
    if eigen:
        report["eigenvalues"] = pairs.values.tolist()
    print_report(report, _rows(report), as_json, files=[output])


def _call(place: tuple[str, str], mesh: "Mesh") -> Any:
    import importlib

    function: Callable[..., Any] = getattr(importlib.import_module(place[0]), place[1])
    try:
        return function(mesh.V, mesh.F)
    except ImportError as error:
        raise click.ClickException(str(error)) from error


def _arrays(L: "sp.csr_array", M: "sp.csr_array | np.ndarray") -> dict[str, Any]:
    """Return what `scipy.sparse.load_npz` reads, and the mass."""
    import numpy as np
    import scipy.sparse as sp

    def parts(A: "sp.csr_array", prefix: str) -> dict[str, Any]:
        return {f"{prefix}{name}": getattr(A, name) for name in ("data", "indices", "indptr")}

    L.sort_indices()
    arrays = {"format": np.array(b"csr"), "shape": np.array(L.shape), "_is_array": np.array(True)}
    mass = parts(M, "mass_") if sp.issparse(M) else {"mass": M}
    return {**arrays, **parts(L, ""), **mass}


def _save(output: Path, arrays: dict[str, Any]) -> None:
    import numpy as np

    from meshkit.files import atomic_path

    with atomic_path(output) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _measure(mesh: "Mesh", L: "sp.csr_array", M: "sp.csr_array | np.ndarray") -> dict[str, Any]:
    import scipy.sparse as sp

    entries = sp.coo_array(L)
    beside = entries.row < entries.col
    return {
        "vertices": len(mesh.V),
        "faces": len(mesh.F),
        "entries": int(L.nnz),
        "negative_weights": int((entries.data[beside] > 1e-12 * L.max()).sum()),
        "area": float(M.sum()),
    }


def _rows(report: dict[str, Any]) -> dict[str, str]:
    values = report.get("eigenvalues", [])
    return {
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
        "Laplacian": f"{report['kind']}, {report['entries']} entries, "
        f"{report['negative_weights']} negative weights",
        "mass": f"{report['mass']}, area {report['area']:.6g}",
        "eigenvalues": ", ".join(f"{value:.4g}" for value in values[:8])
        + (" …" if len(values) > 8 else ""),
    }
