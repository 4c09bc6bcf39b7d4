"""The doctor for texture coordinates: what keeps a file's UVs from carrying a geometry image."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from meshkit.doctor.findings import Finding, defect, enumerate_some, plural
from meshkit.images.layout import outside_square, seam_vertices
from meshkit.mesh import Mesh
from meshkit.predicates import flipped_faces, zero_area_faces


def uv_findings(mesh: Mesh) -> list[Finding]:
    """Examine the texture coordinates of a mesh; none gives no finding."""
    if mesh.UV is not None:
        return list(_layout_findings(mesh.UV, mesh.F, mesh.F))
    if mesh.UV_corner is None or mesh.F_uv is None:
        return []
    seam = seam_vertices(mesh.F, mesh.F_uv, mesh.UV_corner)
    count, some = plural(len(seam), "vertex"), enumerate_some(seam)
    message = f"{count} with several texture coordinates: {some}"
    seams = Finding("uv-seams", "note", message, "vertices", seam, "whole-map")
    return [seams, *_layout_findings(mesh.UV_corner, mesh.F_uv, mesh.F)]


def _layout_findings(
    UV: Float[np.ndarray, "n 2"], F_uv: Int[np.ndarray, "m 3"], F: Int[np.ndarray, "m 3"]
) -> Iterator[Finding]:
    """Examine one layout; indices are vertices of F, whichever way the UVs are stored."""
    finite = np.isfinite(UV).all(axis=1)
    for name, bad, what in (
        ("uv-not-finite", ~finite, "texture coordinates that are not finite"),
        ("uv-outside", outside_square(UV) & finite, "texture coordinates outside [0, 1]"),
    ):
        v = np.unique(F[bad[F_uv]])
        yield from defect(name, "warning", v, "vertices", f"with {what}", "parameterize")
    a, b, c = F_uv.T
    rows = np.flatnonzero((a != b) & (b != c) & (c != a) & finite[F_uv].all(axis=1))
    if not rows.size:
        return
    known = np.where(finite[:, None], UV, 0.0)
    for name, faces, what in (
        ("uv-flipped", flipped_faces(known, F_uv[rows]), "clockwise in the texture"),
        ("uv-zero-area", zero_area_faces(known, F_uv[rows]), "without area in the texture"),
    ):
        yield from defect(name, "warning", rows[faces], "faces", what, "parameterize")
