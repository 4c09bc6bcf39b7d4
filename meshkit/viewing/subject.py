"""What there is to show of one mesh: computed when it is asked for, once for all browsers."""

import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int, UInt8
from scipy.sparse.csgraph import connected_components

from meshkit.diagnose import Diagnosis, diagnose
from meshkit.distortion import Distortion
from meshkit.doctor.defects import sound_faces
from meshkit.doctor.diagnose_uv import uv_findings
from meshkit.doctor.findings import Finding
from meshkit.errors import MeshError, SolveError
from meshkit.formats.gltf import split_seams
from meshkit.mesh import Mesh
from meshkit.normals import face_normals, faces_around, vertex_normals
from meshkit.param import parameterize
from meshkit.rendering.colormaps import apply_colormap
from meshkit.rendering.fields import corner_distortion
from meshkit.rendering.uv_picture import area_colors, draw_layout
from meshkit.topology import boundary_loops, edge_table
from meshkit.viewing.painted import painted_surface

PICTURE = 512  # pixels of the layout's picture
ANGLE_OCTAVES = 2.0  # shears from 1 to 4 span the colours
# A head is 25 cm high, a face mask half of that: heights from 12 to 45 cm are believed.
UNITS = {"metres": 1.0, "decimetres": 10.0, "centimetres": 100.0, "millimetres": 1000.0}

T = TypeVar("T")


class UVLayout(NamedTuple):
    """Texture coordinates that can be shown.

    Attributes
    ----------
    text
        Where they come from.
    UV, F : 1
        Row k of F are the texture coordinates of face k of the subject.
    loops : 1
        Borders of the layout, as rows of UV; none where they are not simple.
    """

    text: str
    UV: Float[np.ndarray, "t 2"]
    F: Int[np.ndarray, "m 3"]
    distortion: Distortion
    loops: list[np.ndarray]
    findings: list[Finding]


def _once(compute: Callable[[Any], T]) -> Callable[[Any], T]:
    """Compute a fact when it is first asked for; whoever asks meanwhile waits."""

    @wraps(compute)
    def get(self: Any) -> T:
        name = compute.__name__
        with self._locks.setdefault(name, threading.RLock()):
            if name not in self._known:
                self._known[name] = compute(self)
            return self._known[name]  # type: ignore[no-any-return]

    return get


class Subject:
    """A mesh that is looked at.

    Attributes
    ----------
    V : 1
        The vertices moved and scaled into the unit ball, the drawable faces' extent in the middle;
        where a position is not finite, the middle.
    F : 1
        The faces that can be drawn: distinct corners that exist, at finite positions.
    rows : 1
        Their rows in the mesh's own list.
    radius : length
        Of the ball, in the mesh's unit.
    """

    def __init__(self, path: Path, mesh: Mesh) -> None:
        self.path = path
        self.mesh = mesh
        finite = np.isfinite(mesh.V).all(axis=1)
        sound = sound_faces(mesh.F, len(mesh.V))["sound"]
        self.rows = np.flatnonzero(sound)
        self.rows = self.rows[finite[mesh.F[self.rows]].all(axis=1)]
        self.F = mesh.F[self.rows].astype(np.int64)
        self.finite = finite
        seen = mesh.V[np.unique(self.F)] if len(self.F) else mesh.V[finite]
        low, high = (seen.min(axis=0), seen.max(axis=0)) if len(seen) else np.zeros((2, 3))
        self.extent = high - low
        middle = low + self.extent / 2
        radius = float(np.linalg.norm(seen - middle, axis=1).max()) if len(seen) else 0.0
        self.radius = radius or 1.0
        self.V = np.where(finite[:, None], (mesh.V - middle) / self.radius, 0.0)
        self._locks: dict[str, threading.RLock] = {}  # one for each fact: slow ones block no other
        self._known: dict[str, Any] = {}

    @_once
    def normals(self) -> Float[np.ndarray, "n 3"]:
        """Unit normals of the vertices; (0, 0, 0) where there is none."""
        return vertex_normals(self.V, self.F)

    @_once
    def diagnosis(self) -> Diagnosis:
        """What the doctor says of the surface."""
        return diagnose(self.mesh.V, self.mesh.F)

    @_once
    def area(self) -> float:
        """The area of what is drawn, in the mesh's unit squared."""
        double = np.linalg.norm(face_normals(self.V, self.F), axis=1)
        return float(double.sum() / 2 * self.radius**2)

    @_once
    def borders(self) -> list[Int[np.ndarray, "k 2"]]:
        """The edges of each border loop, most first, as the doctor counts them."""
        if not len(self.F):
            return []
        table = edge_table(self.F)
        E = table.E[table.uses == 1]
        n = len(self.V)
        graph = sp.coo_array((np.ones(len(E), dtype=np.int8), (E[:, 0], E[:, 1])), shape=(n, n))
        part = connected_components(graph, directed=False)[1][E[:, 0]]
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.diff(part[order])) + 1
        return sorted(np.split(E[order], starts) if len(E) else [], key=len, reverse=True)

    @_once
    def layout(self) -> UVLayout | str:
        """The file's texture coordinates, else computed ones, else the reason why there are none.

        Computing them takes a minute for a million faces.
        """
        if not len(self.F):
            return "there is no face to draw"
        try:
            if self.mesh.UV is not None:
                return self._own(self.mesh.UV, self.F)
            if self.mesh.UV_corner is not None and self.mesh.F_uv is not None:
                return self._own(self.mesh.UV_corner, self.mesh.F_uv[self.rows])
            return self._computed()
        except (MeshError, SolveError) as error:
            return str(error)

    def _own(self, UV: np.ndarray, F_uv: np.ndarray) -> UVLayout | str:
        if not np.isfinite(UV[F_uv]).all():
            return "the file's texture coordinates are not all finite"
        UV = np.where(np.isfinite(UV), UV, 0.0)
        measured = corner_distortion(self.V, self.F, UV, F_uv)
        try:
            loops = boundary_loops(F_uv)
        except MeshError:
            loops = []
        return UVLayout("of the file", UV, F_uv, measured, loops, uv_findings(self.mesh))

    def _computed(self) -> UVLayout | str:
        if errors := self.diagnosis().errors:
            return f"the file has none, and no disk to make some of: {errors[0].message}"
        flat = parameterize(self.mesh.V, self.F)
        # What it would be in a file: the same findings, the same names.
        findings = uv_findings(Mesh(self.mesh.V, self.mesh.F, UV=flat.UV))
        text = f"computed: unit square, {flat.weights} weights"
        return UVLayout(text, flat.UV, self.F, flat.distortion, flat.loops, findings)

    @_once
    def layout_picture(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """The layout with its distortion as colours; None if there is none."""
        layout = self.layout()
        if isinstance(layout, str):
            return None
        flips = [finding.indices for finding in layout.findings if finding.name == "uv-flipped"]
        # Findings count the file's faces.
        rows = np.flatnonzero(np.isin(self.rows, flips[0])) if flips else np.zeros(0, np.int64)
        area = layout.distortion.area
        return draw_layout(layout.UV, layout.F, area, layout.loops, rows, size=PICTURE)

    @_once
    def normals_surface(self) -> bytes:
        """GLB with normals as colours."""
        N = self.normals()
        return painted_surface(self.V, self.F, N, colors=(N + 1) / 2, lit=False)

    @_once
    def color_surface(self) -> bytes | None:
        """GLB with the file's colours; None if it has none."""
        colors = self.mesh.colors
        if colors is None or not np.isfinite(colors).all():
            return None
        return painted_surface(self.V, self.F, self.normals(), colors=colors.clip(0, 1))

    @_once
    def checker_surface(self) -> bytes | None:
        """GLB with the checker of the layout; None if there is no layout."""
        layout = self.layout()
        if isinstance(layout, str):
            return None
        F, UV, origin = split_seams(self.F, layout.F, layout.UV, len(self.V))
        return painted_surface(self.V[origin], F, self.normals()[origin], UV=UV)

    @_once
    def area_surface(self) -> bytes | None:
        """GLB with the layout's area distortion as colours."""
        return self._colored("area", 3.0, lambda octaves: area_colors(2.0**octaves) / 255)

    @_once
    def angle_surface(self) -> bytes | None:
        """GLB with the layout's angle distortion as colours."""
        top = ANGLE_OCTAVES
        return self._colored("angle", top, lambda octaves: apply_colormap(octaves / top, "viridis"))

    def _colored(
        self, measure: str, limit: float, colors: Callable[[np.ndarray], np.ndarray]
    ) -> bytes | None:
        layout = self.layout()
        if isinstance(layout, str):
            return None
        octaves = self._at_vertices(getattr(layout.distortion, measure), limit)
        return painted_surface(self.V, self.F, self.normals(), colors=colors(octaves))

    def _at_vertices(self, ratio: np.ndarray, octaves: float) -> Float[np.ndarray, " n"]:
        """Average the logarithms of a ratio over the faces around each vertex, within limits."""
        with np.errstate(divide="ignore"):
            step = np.log2(ratio).clip(-octaves, octaves)
        around = faces_around(self.F, len(self.V))
        count = np.asarray(around.sum(axis=1)).ravel()
        return np.asarray(
            np.divide(around @ step, count, out=np.zeros(len(count)), where=count > 0)
        )

    def unit(self) -> str | None:
        """Guess the unit of length, if this is a face or a head: from its largest side."""
        side = float(self.extent.max())
        fits = [name for name, per_metre in UNITS.items() if 0.12 <= side / per_metre <= 0.45]
        return fits[0] if fits else None
