"""What a browser sees of a face: the surface in one of several modes, its handles."""

from collections.abc import Callable, Sequence
from functools import cache

import igl
import numpy as np
import viser
from jaxtyping import Float

from gan.viewing.shading import PLAIN, UNLIT, PaintedFrames, Shading
from gan.viewing.shapes import FaceShapes
from meshkit.rendering.shading import CLAY
from meshkit.viewing.scene import look_at_all

WIDTH = 0.72  # of a face, over the ball's
HANDLE = 0.014  # radius, of the unit ball
FREE, PINNED, HELD = (250, 190, 40), (30, 150, 90), (225, 50, 60)


class FaceScene:
    """The scene of one browser; only positions and colours are sent anew.

    A painted surface is a file, which a browser reads a moment after it has dropped the last one.
    So there are two, in turns: one stays while the other is read. `settle` hides the older one.

    Attributes
    ----------
    handles
        The handles that are shown.
    bind
        Called with handles that are made anew: what listened to the last ones does not hear them.
    """

    def __init__(self, client: viser.ClientHandle, shapes: FaceShapes, shading: Shading) -> None:
        self._client, self._shapes, self._shading = client, shapes, shading
        self._frames: dict[bool, PaintedFrames] = {}
        r, g, b = np.rint(255 * CLAY).astype(int).tolist()
        self.plain = client.scene.add_mesh_simple(
            "/face/plain",
            shapes.place(shapes.mean).astype(np.float32),
            shapes.faces,
            color=(r, g, b),
            side="double",
            cast_shadow=False,
            receive_shadow=False,
        )
        self._painted: list[viser.GlbHandle] = []
        self._newest = 0
        self.handles: viser.BatchedMeshHandle | None = None
        self.bind: Callable[[viser.BatchedMeshHandle], None] = lambda handles: None
        self._mode = PLAIN

    def show(self, V: Float[np.ndarray, "V 3"], mode: str) -> None:
        """Show a face, in mm, in a mode of `gan.viewing.shading`."""
        P = self._shapes.place(V).astype(np.float32)
        if mode == PLAIN:
            self.plain.vertices = P
        else:
            self._paint(P, V, mode)
        if mode != self._mode:
            self._mode = mode
            self.plain.visible = mode == PLAIN
            self.settle()

    def _paint(self, P: np.ndarray, V: np.ndarray, mode: str) -> None:
        lit = mode not in UNLIT
        if lit not in self._frames:
            start = self._shapes.place(self._shapes.mean)
            self._frames[lit] = PaintedFrames(start, self._shapes, lit=lit)
        data = self._frames[lit].write(P, self._shading.light(mode, V))
        if len(self._painted) < 2:
            name = f"/face/painted {len(self._painted)}"
            glb = self._client.scene.add_glb(name, data, cast_shadow=False, receive_shadow=False)
            self._painted.append(glb)
            self._newest = len(self._painted) - 1
            return
        self._newest = 1 - self._newest
        glb = self._painted[self._newest]
        glb.glb_data = data
        glb.visible = True

    def settle(self) -> None:
        """Hide what is no longer the newest."""
        for k, glb in enumerate(self._painted):
            if k != self._newest or self._mode == PLAIN:
                glb.visible = False

    def show_handles(
        self, points: Float[np.ndarray, "k 3"], pinned: Sequence[int], held: int | None
    ) -> None:
        """Put the handles of a face, in mm, where they are; another number makes them anew."""
        P = self._shapes.place(points).astype(np.float32)
        colors = np.tile(np.array(FREE, dtype=np.uint8), (len(P), 1))
        colors[list(pinned)] = PINNED
        if held is not None:
            colors[held] = HELD
        if self.handles is not None and len(self.handles.batched_positions) == len(P):
            self.handles.batched_positions = P
            self.handles.batched_colors = colors
            return
        self.hide_handles()
        if not len(P):
            return
        V, F = _sphere()
        self.handles = self._client.scene.add_batched_meshes_simple(
            "/handles",
            HANDLE * V,
            F,
            np.tile((1.0, 0.0, 0.0, 0.0), (len(P), 1)),
            P,
            batched_colors=colors,
            lod="off",
            cast_shadow=False,
            receive_shadow=False,
        )
        self.bind(self.handles)

    def hide_handles(self) -> None:
        """Take the handles away."""
        if self.handles is not None:
            self.handles.remove()
            self.handles = None

    def home(self, turn: float = 0.0) -> None:
        """Look at the face from the front, or from the right by an angle in radians."""
        with self._client.atomic():
            look_at_all(self._client.camera, "y", width=WIDTH, turn=turn)


@cache
def _sphere() -> tuple[np.ndarray, np.ndarray]:
    """Return an octahedron cut twice, on the unit sphere."""
    V = np.concatenate([np.eye(3), -np.eye(3)])
    F = np.array(
        [[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]]
    )
    for _ in range(2):
        V, F = igl.upsample(V, F, number_of_subdivs=1)
        V /= np.linalg.norm(V, axis=1, keepdims=True)
    return V, F
