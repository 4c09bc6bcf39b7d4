"""What `meshkit geomimg` says of an image: numbers for JSON, and the same as rows of a table."""

from typing import TYPE_CHECKING, Any

import numpy as np

from meshkit.distortion import percentiles
from meshkit.geometry_image import round_trip_error
from meshkit.images.charts import overlapped_texels
from meshkit.images.visibility import advised_size, visibility

if TYPE_CHECKING:
    import scipy.sparse as sp

    from meshkit.images.layout import Layout
    from meshkit.mesh import Mesh

ADVISED_SHARE = 0.99


def measure(
    mesh: "Mesh",
    layout: "Layout",
    S: "sp.csr_array",
    image: np.ndarray,
    inside: np.ndarray,
    *,
    visible: bool,
) -> dict[str, Any]:
    """Measure the map, and what the image by the matrix S keeps and sees of the mesh."""
    H, W = inside.shape
    size = str(H) if H == W else f"{H}x{W}"
    spread = percentiles(layout.distortion)
    seen = visibility(S, layout.F)
    overlaps = int(overlapped_texels(layout.UV, layout.F_uv, (H, W)).sum())
    report = {
        "size": [H, W],
        "uv": "file" if layout.weights is None else "made",
        "weights": layout.weights,
        "vertices": len(mesh.V),
        "faces": len(mesh.F),
        "fill_faces": int(layout.fill_mask.sum()),
        "unfilled": layout.unfilled or None,
        "loops": list(layout.loops),
        "seam_vertices": len(layout.seam),
        "flips": len(layout.flips),
        "zero_area": len(layout.zero_area),
        "empty_texels": {size: int((~inside).sum())},
        "overlapped_texels": {size: overlaps},
        "vertices_seen": {size: float(seen.seen.mean())},
        "angle": spread["angle"],
        "area": spread["area"],
        "round_trip": _round_trip(mesh, layout, image, inside),
    }
    if visible:
        used = np.unique(layout.F)
        low, median, high = np.percentile(seen.weight[used], [1, 50, 99]).tolist()
        advice = advised_size(layout.UV, layout.F_uv, F=layout.F, share=ADVISED_SHARE)
        report["visibility"] = {
            "share": seen.share,
            "weight": {"p1": low, "p50": median, "p99": high},
            "advised_size": advice,
        }
    return report


def _round_trip(
    mesh: "Mesh", layout: "Layout", image: np.ndarray, inside: np.ndarray
) -> dict[str, Any] | None:
    """Return the error of mesh → image → mesh in the mesh's unit and in % of its diagonal."""
    if not inside.any():
        return None
    own = ~layout.fill_mask  # a vertex that only fills a hole is on the mesh all the same
    error = round_trip_error(
        mesh.V, layout.F[own], image, layout.UV, F_uv=layout.F_uv[own], inside=inside
    ).error
    used = np.flatnonzero(np.isfinite(error))
    diagonal = float(np.linalg.norm(np.ptp(mesh.V[used], axis=0)))
    kept = error[used]
    numbers = {
        "mean": float(kept.mean()),
        "p95": float(np.percentile(kept, 95)),
        "max": float(kept.max()),
    }
    percent = {name: 100 * value / diagonal for name, value in numbers.items()}
    return {**numbers, "percent": percent, "worst_vertex": int(used[kept.argmax()])}


def rows(report: dict[str, Any]) -> dict[str, str]:
    """Return the table's rows."""
    from meshkit.cli.messages import percent, spread

    H, W = report["size"]
    filled = "filled" if report["fill_faces"] else "open"
    if report["unfilled"]:
        filled = f"open: {report['unfilled']}"
    loops = ", ".join(map(str, report["loops"])) or "none"
    seam = report["seam_vertices"]
    return {
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
        "boundary loops": loops + (f" (holes {filled})" if len(report["loops"]) > 1 else ""),
        "map": "the file's texture coordinates"
        if report["weights"] is None
        else f"computed: square, {report['weights']} weights",
        "seam": f"{seam} vertices with several texture coordinates" if seam else "",
        "flipped faces": str(report["flips"]),
        "faces without area": str(report["zero_area"]),
        "angle distortion": spread(report["angle"]),
        "area distortion": spread(report["area"]),
        "empty texels": f"{_only(report['empty_texels'])} of {H * W}",
        "texels under several faces": str(_only(report["overlapped_texels"])),
        "vertices in a texel": percent(_only(report["vertices_seen"])),
        **_visibility_rows(report),
        "mesh → image → mesh": _error(report["round_trip"]),
    }


def _visibility_rows(report: dict[str, Any]) -> dict[str, str]:
    seen = report.get("visibility")
    if seen is None:
        return {}
    advice = seen["advised_size"]
    reached = f"{ADVISED_SHARE:.0%} of the vertices"
    weight = seen["weight"]
    return {
        "texels per vertex": f"median {weight['p50']:.3g}, 98 % from {weight['p1']:.3g} "
        f"to {weight['p99']:.3g}",
        "smallest size": f"{advice or 'none'} samples {reached}",
    }


def _error(round_trip: dict[str, Any] | None) -> str:
    if round_trip is None:
        return "no texel is inside"
    percent = round_trip["percent"]
    return (
        f"mean {round_trip['mean']:.3g} ({percent['mean']:.2g} % of the diagonal), "
        f"95 % up to {round_trip['p95']:.3g}, largest {round_trip['max']:.3g} "
        f"({percent['max']:.2g} %)"
    )


def _only(by_size: dict[str, Any]) -> Any:
    return next(iter(by_size.values()))
