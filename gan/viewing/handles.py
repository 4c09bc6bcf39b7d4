"""The handles of a face: vertices that can be pulled, and those that are pinned."""

from collections.abc import Mapping, Sequence

import igl
import numpy as np
from jaxtyping import Float
from torch import Tensor

from gan.models.contract import FaceGenerator
from gan.viewing.dragging import Pull, PullOptions

MAX_HANDLES = 200  # handles of one face


class Handles:
    """Which vertices can be pulled, where those that were pulled are to stay, and the pull itself.

    The model's landmarks to begin with; any vertex can be added.
    """

    def __init__(self, model: FaceGenerator) -> None:
        self._model = model
        own = () if model.landmarks is None else model.landmarks.tolist()
        self.vertices: list[int] = list(own)
        self.landmarks = len(own)  # the first so many are the model's own
        self.pins: dict[int, tuple[float, float, float]] = {}
        self._pull: Pull | None = None
        self._held = -1

    def add(self, vertex: int) -> int:
        """Make a vertex a handle, if it is none; return its index.

        Raises
        ------
        ValueError
            There is no such vertex; there are too many handles.
        """
        n = len(self._model.template)
        if not 0 <= vertex < n:
            raise ValueError(f"there is no vertex {vertex}: 0 to {n - 1}")
        if vertex in self.vertices:
            return self.vertices.index(vertex)
        if len(self.vertices) >= MAX_HANDLES:
            raise ValueError(
                f"a face has at most {MAX_HANDLES} handles; reload the page to begin again"
            )
        self.vertices.append(vertex)
        self._pull = None
        return len(self.vertices) - 1

    def at(self, V: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "k 3"]:
        """Return where the handles of a face are."""
        return V[np.array(self.vertices, dtype=np.int64)]

    def grab(self, k: int, codes: Mapping[str, Tensor], options: PullOptions) -> None:
        """Take hold of a handle; the face is to change as little as it must from here.

        Raises
        ------
        ValueError
            There is no such handle; an option is out of range.
        """
        if not 0 <= k < len(self.vertices):
            raise ValueError(f"there is no handle {k}: 0 to {len(self.vertices) - 1}")
        vertices = np.array(self.vertices, dtype=np.int64)
        self._pull = Pull(self._model, vertices, codes, options)
        self._held = k

    def pull(self, point: Sequence[float]) -> dict[str, Tensor]:
        """Pull the handle that is held to a point, in mm; return the codes.

        Raises
        ------
        ValueError
            The point is not finite; no handle is held.
        """
        if self._pull is None:
            raise ValueError("no handle is held")
        return self._pull.to({**self.pins, self._held: point})

    def let_go(self, point: Sequence[float] | None = None) -> None:
        """Let go; with a point, pin the handle there: it holds when others are pulled."""
        if point is not None and self._pull is not None:
            x, y, z = (float(value) for value in point)
            self.pins[self._held] = (x, y, z)
        self._pull, self._held = None, -1

    @property
    def held(self) -> int | None:
        """The handle that is held."""
        return self._held if self._pull is not None else None


def pick_vertex(
    V: Float[np.ndarray, "n 3"],
    F: np.ndarray,
    origin: Sequence[float],
    direction: Sequence[float],
) -> int | None:
    """Return the vertex nearest to where a ray first meets the surface; None if it misses it."""
    eye, along = np.asarray(origin, dtype=np.float64), np.asarray(direction, dtype=np.float64)
    if not (np.isfinite(eye).all() and np.isfinite(along).all() and along.any()):
        return None
    V = np.ascontiguousarray(V, dtype=np.float64)
    # All hits, sorted: for the first alone libigl 2.6 answers a miss with what lies in memory.
    hits = igl.ray_mesh_intersect(eye, along, V, np.ascontiguousarray(F, dtype=np.int64))
    if not hits:
        return None
    face, t, _, _ = hits[0]
    corners = F[face]
    return int(corners[np.linalg.norm(V[corners] - (eye + t * along), axis=1).argmin()])
