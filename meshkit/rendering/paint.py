"""From a mode and its options to the colours of samples."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import MeshError
from meshkit.rendering.color_bar import check_limits
from meshkit.rendering.colormaps import COLORMAPS, apply_colormap, default_limits
from meshkit.rendering.shading import clay, headlight
from meshkit.rendering.surface import checker, interpolate, line_coverage, on_surface, positions
from meshkit.rendering.visibility import Samples

Mode = Literal["shaded", "normals", "wireframe", "uv-checker", "scalar", "geometry"]
MODES: tuple[Mode, ...] = ("shaded", "normals", "wireframe", "uv-checker", "scalar", "geometry")
# Modes whose colours are numbers: nothing behind them but black.
UNLIT = frozenset({"normals", "geometry"})
_INK = np.array([26.0, 30.0, 40.0])  # of wireframes
_USED_BY = {
    "colors": ("shaded", "wireframe"),
    "UV": ("uv-checker",),
    "F_uv": ("uv-checker",),
    "field": ("scalar",),
    "colormap": ("scalar",),
    "limits": ("scalar",),
}
_NEEDED = {"uv-checker": "UV", "scalar": "field"}


class Appearance(NamedTuple):
    """A mode and what it draws with, as `meshkit.render.render_mesh` documents them."""

    mode: str
    colors: Float[np.ndarray, "k 3"] | None = None
    UV: Float[np.ndarray, "t 2"] | None = None
    F_uv: Int[np.ndarray, "m 3"] | None = None
    field: Float[np.ndarray, " k"] | None = None
    colormap: str | None = None
    limits: tuple[float, float] | None = None

    def check(self, n_vertices: int, F: Int[np.ndarray, "m 3"]) -> None:
        """Raise ValueError unless the options belong to the mode and fit the mesh."""
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        for name, modes in _USED_BY.items():
            if getattr(self, name) is not None and self.mode not in modes:
                raise ValueError(f'{name} have no effect in mode "{self.mode}"')
        needed = _NEEDED.get(self.mode)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f'mode "{self.mode}" needs {needed}')
        for name in ("colors", "field"):
            _check_signal(name, getattr(self, name), n_vertices, len(F))
        if self.colormap is not None and self.colormap not in COLORMAPS:
            raise ValueError(f"colormap must be one of {', '.join(COLORMAPS)}: {self.colormap!r}")
        if self.limits is not None:
            check_limits(self.limits)
        if self.UV is not None:
            _check_uv(self.UV, self.F_uv, n_vertices, F)

    def paint(
        self,
        V: Float[np.ndarray, "n 3"],
        F: Int[np.ndarray, "m 3"],
        N: Float[np.ndarray, "s 3"],
        seen: Samples,
        samples: int,
    ) -> Float[np.ndarray, "s 3"]:
        """Return the sRGB colours, 0 to 255, of samples with unit normals N of the view."""
        if self.mode == "normals":
            return (N + 1) * 127.5
        if self.mode == "geometry":
            return interpolate(positions(V), F, seen) * 255
        if self.mode == "scalar":
            return headlight(self._map_field(len(V), F, seen), N, seen.behind)
        albedo = None
        if self.UV is not None:
            albedo = checker(interpolate(self.UV, F if self.F_uv is None else self.F_uv, seen))
        elif self.colors is not None:
            albedo = on_surface(self.colors, len(V), F, seen)
        color = clay(N, seen.behind, albedo)
        if self.mode == "wireframe":
            ink = line_coverage(seen, samples)[:, None]
            color = color * (1 - ink) + _INK * ink
        return color

    def _map_field(self, n_vertices: int, F: np.ndarray, seen: Samples) -> np.ndarray:
        assert self.field is not None
        colormap = self.colormap or COLORMAPS[0]
        low, high = self.limits or default_limits(self.field, colormap)
        value = on_surface(self.field[:, None], n_vertices, F, seen)[:, 0]
        return apply_colormap((value - low) / (high - low), colormap)


def _check_signal(name: str, X: np.ndarray | None, n_vertices: int, n_faces: int) -> None:
    if X is None:
        return
    if len(X) not in (n_vertices, n_faces):
        raise ValueError(f"{len(X)} {name} fit neither {n_vertices} vertices nor {n_faces} faces")
    bad = ~np.isfinite(X.reshape(len(X), -1)).all(axis=1)
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(f"{name}[{i}] = {X[i].tolist()} is not finite ({int(bad.sum())} such)")


def _check_uv(UV: np.ndarray, F_uv: np.ndarray | None, n_vertices: int, F: np.ndarray) -> None:
    if F_uv is None and len(UV) != n_vertices:
        raise MeshError(f"{len(UV)} texture coordinates for {n_vertices} vertices, and no F_uv")
    if F_uv is not None and (F_uv.shape != F.shape or F_uv.min() < 0 or F_uv.max() >= len(UV)):
        raise MeshError(f"F_uv must index {len(UV)} texture coordinates by face, {F.shape}")
    finite = np.isfinite(UV).all(axis=1)
    if not finite.all():
        i = int(finite.argmin())
        raise MeshError(f"texture coordinate {i} = {UV[i].tolist()} is not finite")
