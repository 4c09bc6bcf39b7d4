"""Colours for a face: normals, distortion of the map, distance from the mean."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.viewing.shapes import FaceShapes
from meshkit.distortion import distortion
from meshkit.normals import normals_around, unit
from meshkit.rendering.colormaps import apply_colormap
from meshkit.rendering.uv_picture import area_colors
from meshkit.viewing.painted import linear_light, painted_surface

PLAIN, NORMALS, DISTORTION, DISPLACEMENT = MODES = (
    "plain",
    "normals",
    "map distortion",
    "distance from the mean",
)
UNLIT = {NORMALS}
_STEPS = 256  # colours in a table
_OCTAVES = 3.0  # of area, to each end of the colours: an eighth to eight times


class Legend(NamedTuple):
    """What colours mean.

    Attributes
    ----------
    colors : 1
        sRGB, from one end to the other.
    ticks
        Labels, at equal steps from the first colour to the last.
    """

    text: str
    colors: Float[np.ndarray, "k 3"]
    ticks: tuple[str, ...]


class Shading:
    """Paints the faces of one model, vertex by vertex; what never changes is computed once."""

    def __init__(self, shapes: FaceShapes) -> None:
        self._shapes = shapes
        F, mean = shapes.faces, shapes.mean.astype(np.float64)
        surface = _double_areas(mean, F)
        # From the law of `distortion`: share of the flat area = area × share of the surface's.
        flat = distortion(mean, F, shapes.UV).area * (surface / surface.sum())
        self._flat = np.where(surface > 0, flat, 0.0)
        self._count = np.maximum(np.diff(shapes.around.indptr), 1)
        self._viridis = apply_colormap(np.linspace(0, 1, _STEPS), "viridis")
        octaves = np.linspace(-_OCTAVES, _OCTAVES, _STEPS)
        self._areas = area_colors(2.0**octaves) / 255
        grey = np.repeat(np.linspace(0, 1, _STEPS)[:, None], 3, axis=1)
        self._light = {
            name: linear_light(table).astype(np.float32)
            for name, table in (("viridis", self._viridis), ("area", self._areas), ("grey", grey))
        }
        self._painters: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            NORMALS: self._normals,
            DISTORTION: self._distortion,
            DISPLACEMENT: self._displacement,
        }

    def light(self, mode: str, V: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Return the colours of a face in a mode, as linear light: what glTF wants.

        Parameters
        ----------
        V : mm

        Raises
        ------
        KeyError
            There is no such mode, or it has no colours.
        """
        return self._painters[mode](V)

    def distance(self, V: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, " V"]:
        """Return how far every vertex is from the mean face, in mm."""
        return np.asarray(np.linalg.norm(V - self._shapes.mean, axis=1))

    def area_ratio(self, V: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, " T"]:
        """Return every triangle's share of the map over its share of the surface; inf: no area."""
        surface = _double_areas(V, self._shapes.faces)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self._flat / (surface / surface.sum())
        return np.where(surface > 0, ratio, np.inf)

    def legend(self, mode: str) -> Legend | None:
        """Return what the colours of a mode mean; None where there are none."""
        reach = self._shapes.reach
        if mode == DISPLACEMENT:
            ticks = tuple(f"{reach * k / 4:.1f}" for k in range(5))
            return Legend("mm from the mean face", self._viridis, ticks)
        if mode == DISTORTION:
            text = "a triangle's share of the map over its share of the surface"
            return Legend(text, self._areas, ("1/8", "1/4", "1/2", "1", "2", "4", "8"))
        if mode == NORMALS:
            text = "x, y, z of the normal as red, green, blue"
            return Legend(text, np.zeros((0, 3)), ())
        return None

    def _normals(self, V: np.ndarray) -> np.ndarray:
        N = normals_around(V.astype(np.float32), self._shapes.faces, self._shapes.around)
        return self._look_up("grey", (unit(N) + 1) / 2)

    def _displacement(self, V: np.ndarray) -> np.ndarray:
        return self._look_up("viridis", self.distance(V) / max(self._shapes.reach, 1e-9))

    def _distortion(self, V: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            octaves = np.log2(self.area_ratio(V)).clip(-_OCTAVES, _OCTAVES)
        at_vertices = (self._shapes.around @ octaves) / self._count
        return self._look_up("area", at_vertices / (2 * _OCTAVES) + 0.5)

    def _look_up(self, table: str, t: np.ndarray) -> np.ndarray:
        """Return light for numbers from 0 to 1; three numbers a vertex are three channels."""
        row = np.rint(t * (_STEPS - 1)).clip(0, _STEPS - 1).astype(np.int64)
        light = self._light[table]
        return np.asarray(light[row] if t.ndim == 1 else light[row, np.arange(3)])


class PaintedFrames:
    """GLB of one connectivity, again and again: only positions and colours are written anew.

    The accessors' bounds and the normals stay those of the first: three.js computes its own.
    """

    def __init__(self, V: Float[np.ndarray, "n 3"], shapes: FaceShapes, *, lit: bool) -> None:
        F, n = shapes.faces, len(V)
        nothing = np.zeros((n, 3))
        self._whole = painted_surface(V, F, nothing, colors=nothing, lit=lit)
        # The buffer ends the file: positions, normals, colours, indices.
        self._at = len(self._whole) - 36 * n - 12 * len(F)
        self._n = n

    def write(self, P: Float[np.ndarray, "n 3"], light: Float[np.ndarray, "n 3"]) -> bytes:
        """Return the file of a face: positions, and colours as linear light."""
        data, size = bytearray(self._whole), 12 * self._n
        data[self._at : self._at + size] = P.astype("<f4").tobytes()
        data[self._at + 2 * size : self._at + 3 * size] = light.astype("<f4").tobytes()
        return bytes(data)


def _double_areas(V: Float[np.ndarray, "n 3"], F: np.ndarray) -> Float[np.ndarray, " m"]:
    a, b, c = (V[F[:, k]] for k in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1))
