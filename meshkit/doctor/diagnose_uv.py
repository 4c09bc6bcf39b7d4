"""The doctor for texture coordinates: what keeps a file's UVs from carrying a geometry image."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from meshkit.doctor.findings import Finding, enumerate_some, plural
from meshkit.images.layout import outside_square, seam_vertices
from meshkit.mesh import Mesh
from meshkit.predicates import flipped_faces, zero_area_faces


def uv_findings(mesh: Mesh) -> list[Finding]:
    """Examine the texture coordinates of a mesh; none gives no finding."""
    if mesh.UV is not None:
        return list(_layout_findings(mesh.UV, mesh.F, mesh.F, "vertices"))
    if mesh.UV_corner is None or mesh.F_uv is None:
        return []
    seam = seam_vertices(mesh.F, mesh.F_uv, mesh.UV_corner)
    found = Finding(
        "uv-seams",
        "note",
        f"{plural(len(seam), 'vertex')} with several texture coordinates: {enumerate_some(seam)}",
        "vertices",
        seam,
        "whole-map",
    )
    return [found, *_layout_findings(mesh.UV_corner, mesh.F_uv, mesh.F, "vertices")]


def _layout_findings(
    UV: Float[np.ndarray, "n 2"],
    F_uv: Int[np.ndarray, "m 3"],
    F: Int[np.ndarray, "m 3"],
    kind: str,
) -> Iterator[Finding]:
    """Examine one layout; indices are vertices of F, whichever way the UVs are stored."""
    finite = np.isfinite(UV).all(axis=1)
    for name, bad, what in (
        ("uv-not-finite", ~finite, "texture coordinates that are not finite"),
        ("uv-outside", outside_square(UV) & finite, "texture coordinates outside [0, 1]"),
    ):
        v = np.unique(F[bad[F_uv]])
        if v.size:
            message = f"{plural(len(v), 'vertex')} with {what}: {enumerate_some(v)}"
            yield Finding(name, "warning", message, kind, v, "parameterize")
    a, b, c = F_uv.T
    sound = (a != b) & (b != c) & (c != a) & finite[F_uv].all(axis=1)
    rows = np.flatnonzero(sound)
    if not rows.size:
        return
    known = np.where(finite[:, None], UV, 0.0)
    for name, faces, what in (
        ("uv-flipped", flipped_faces(known, F_uv[rows]), "clockwise in the texture"),
        ("uv-zero-area", zero_area_faces(known, F_uv[rows]), "without area in the texture"),
    ):
        if faces.size:
            f = rows[faces]
            message = f"{plural(len(f), 'face')} {what}: {enumerate_some(f)}"
            yield Finding(name, "warning", message, "faces", f, "parameterize")
