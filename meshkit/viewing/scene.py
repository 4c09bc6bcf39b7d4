"""What a browser sees of a mesh: its surface in one of several modes, borders, a finding."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import viser

from meshkit.doctor.findings import Finding
from meshkit.normals import unit
from meshkit.rendering.shading import CLAY, INSIDE
from meshkit.viewing.highlight import Highlight, highlight
from meshkit.viewing.subject import Subject

FIELD_OF_VIEW = 0.5  # radians: about what a portrait lens has
DISTANCE = 4.4  # from which the unit ball fills the picture
MAX_RETREAT = 4.0  # times, at most, in a narrow window
MIN_DISTANCE = 1.4  # to which the view goes for a small finding: near, and one still sees where
SEVERITIES = {"error": (214, 32, 70), "warning": (235, 125, 0), "note": (30, 110, 235)}
LOOPS = ((22, 24, 28), (0, 140, 70), (170, 60, 200), (0, 130, 190), (190, 120, 0), (200, 40, 90))
LIFT = 0.003  # of the unit ball: what lies on the surface is drawn a little above it
INK = (40, 44, 52)

UPS = {"y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
FRONTS = {"y": (0.0, 0.0, 1.0), "z": (0.0, -1.0, 0.0)}


Color = tuple[int, int, int]
Node = viser.SceneNodeHandle
# Puts a surface into a scene under a name; returns nothing where it has not what is asked for.
Adder = Callable[[viser.SceneApi, str, Subject], list[Node]]


class Mode(NamedTuple):
    """A way to shade a surface.

    Attributes
    ----------
    text
        What the colours mean.
    add
        Puts the surface into a scene.
    """

    text: str
    add: Adder


def _bytes_of(color: np.ndarray) -> Color:
    r, g, b = np.rint(255 * color).astype(int).tolist()
    return r, g, b


def _mesh(
    scene: viser.SceneApi, name: str, V: np.ndarray, F: np.ndarray, **options: Any
) -> viser.MeshHandle:
    """Add a surface without shadows: they take long where there is no GPU."""
    return scene.add_mesh_simple(name, V, F, cast_shadow=False, receive_shadow=False, **options)


def _lines(
    scene: viser.SceneApi, name: str, segments: np.ndarray, color: Color, thickness: float
) -> viser.LineSegmentsHandle:
    """Add lines of so many pixels."""
    points = segments.astype(np.float32)
    return scene.add_line_segments(
        name, points, color, thickness=thickness, thickness_units="screen"
    )


def _clay(flat: bool) -> Adder:
    def nodes(scene: viser.SceneApi, name: str, subject: Subject) -> list[Node]:
        return [
            _mesh(
                scene,
                f"{name}/{side}",
                subject.V,
                subject.F,
                color=_bytes_of(color),
                flat_shading=flat,
                side=side,
            )
            for side, color in (("front", CLAY), ("back", INSIDE))
        ]

    return nodes


def _wireframe(scene: viser.SceneApi, name: str, subject: Subject) -> list[Node]:
    """Lines, and a body just below them that hides those behind."""
    below = subject.V - LIFT * subject.normals()
    body = _mesh(scene, f"{name}/body", below, subject.F, color=(236, 234, 230), side="double")
    lines = _mesh(scene, f"{name}/lines", subject.V, subject.F, color=INK, wireframe=True)
    return [body, lines]


def _painted(surface: Callable[[Subject], bytes | None]) -> Adder:
    def nodes(scene: viser.SceneApi, name: str, subject: Subject) -> list[Node]:
        data = surface(subject)
        if data is None:
            return []
        glb = scene.add_glb(f"{name}/glb", data, cast_shadow=False, receive_shadow=False)
        return [glb]

    return nodes


_CLAY = "Faces seen from behind are bluish."
MODES = {
    "smooth": Mode(_CLAY, _clay(flat=False)),
    "flat": Mode(_CLAY, _clay(flat=True)),
    "wireframe": Mode("Lines behind the surface are hidden.", _wireframe),
    "normals": Mode(
        "x, y, z of the normal as red, green, blue.", _painted(Subject.normals_surface)
    ),
    "file's colours": Mode("The colours in the file.", _painted(Subject.color_surface)),
    "UV checker": Mode(
        "16 × 16 squares on the unit square: redder with u, brighter with v.",
        _painted(Subject.checker_surface),
    ),
    "area distortion": Mode(
        "The face's share of the texture over its share of the surface: blue an eighth, white "
        "equal, red eight times.",
        _painted(Subject.area_surface),
    ),
    "angle distortion": Mode(
        "Shear of the texture: violet none, yellow 4 : 1 and more.",
        _painted(Subject.angle_surface),
    ),
}
DEFAULT = "smooth"
OF_LAYOUT = {"UV checker", "area distortion", "angle distortion"}


class MeshScene:
    """The scene of one browser."""

    def __init__(self, client: viser.ClientHandle, up: str) -> None:
        self.client = client
        self.up = up
        self.subject: Subject | None = None
        self._surfaces: dict[str, list[Node]] = {}
        self._borders: list[Node] = []
        self._marks: list[Node] = []
        self._lock = threading.RLock()

    def show(self, subject: Subject) -> None:
        """Take another mesh; nothing of the last one stays."""
        with self._lock, self.client.atomic():
            self.subject = subject
            for nodes in (*self._surfaces.values(), self._borders, self._marks):
                _remove(nodes)
            self._surfaces = {}

    def shade(self, mode: str) -> bool:
        """Show the surface in a mode; False, and no change, if it has not what the mode needs."""
        with self._lock, self.client.atomic():
            subject = self.subject
            assert subject is not None
            if mode not in self._surfaces:
                scene = self.client.scene
                made = (
                    MODES[mode].add(scene, f"/surface/{mode}", subject)
                    if len(subject.F)
                    else _cloud(scene, subject)
                )
                if not made:
                    return False
                self._surfaces[mode] = made
            for name, nodes in self._surfaces.items():
                for node in nodes:
                    node.visible = name == mode
            return True

    def show_borders(self, visible: bool) -> None:
        """Draw each border loop in a colour of its own, or none of them."""
        with self._lock, self.client.atomic():
            subject = self.subject
            assert subject is not None
            _remove(self._borders)
            if not visible or not (loops := subject.borders()):
                return
            V = subject.V + LIFT * subject.normals()
            for k, color in enumerate(
                LOOPS[: len(loops)]
            ):  # loop j has colour j modulo their number
                segments = V[np.concatenate(loops[k :: len(LOOPS)])]
                self._borders.append(
                    _lines(self.client.scene, f"/borders/{k}", segments, color, 4.0)
                )

    def mark(self, finding: Finding | None) -> int:
        """Show where a finding is and go there; None takes it away. Returns how many are shown."""
        with self._lock, self.client.atomic():
            assert self.subject is not None
            _remove(self._marks)
            if finding is None:
                return 0
            place = highlight(self.subject, finding)
            self._marks = _draw(self.client.scene, place, SEVERITIES[finding.severity])
            if place.drawn:
                self._go(place)
            return place.drawn

    def home(self) -> None:
        """Look at the whole from the front."""
        with self.client.atomic():
            look_at_all(self.client.camera, self.up)

    def _go(self, place: Highlight) -> None:
        camera = self.client.camera
        up = np.array(UPS[self.up])
        # Not along the up direction, about which the camera turns.
        side = unit((place.normal - 0.9 * (place.normal @ up) * up)[None])[0]
        camera.position = place.center + max(MIN_DISTANCE, 12 * place.reach) * side
        camera.look_at = place.center


def look_at_all(
    camera: viser.CameraHandle, up: str, *, width: float = 1.0, turn: float = 0.0
) -> None:
    """Look at the unit ball from the front; from further away in a window that is too narrow.

    Parameters
    ----------
    width : 1
        Of what is seen, over its height; the ball's is 1.
    turn : radian
        About the up direction, to the viewer's right.
    """
    aspect = camera.aspect
    distance = DISTANCE * max(1.0, min(width / aspect, MAX_RETREAT) if aspect > 0 else 1)
    front, top = np.array(FRONTS[up]), np.array(UPS[up])
    camera.fov = FIELD_OF_VIEW
    camera.up_direction = top
    camera.position = distance * (np.cos(turn) * front + np.sin(turn) * np.cross(top, front))
    camera.look_at = np.zeros(3)


def loop_color(k: int) -> Color:
    """Return the colour of border loop k, the longest being 0."""
    return LOOPS[k % len(LOOPS)]


def _remove(nodes: list[Node]) -> None:
    """Take nodes out of their scene, and out of the list."""
    for node in nodes:
        node.remove()
    nodes.clear()


def _cloud(scene: viser.SceneApi, subject: Subject) -> list[Node]:
    """Show the vertices where there is no face to draw."""
    V = subject.V[subject.finite].astype(np.float32)
    if not len(V):
        return []
    return [scene.add_point_cloud("/surface/points", V, colors=INK, point_size=0.01)]


def _draw(scene: viser.SceneApi, place: Highlight, color: Color) -> list[Node]:
    nodes: list[Node] = []
    if len(place.F):
        used, F = np.unique(place.F, return_inverse=True)
        V, F = place.V[used], F.reshape(-1, 3)
        look = {"color": color, "side": "double", "flat_shading": True}
        nodes.append(_mesh(scene, "/finding/faces", V, F, **look))
    if len(place.segments):
        nodes.append(_lines(scene, "/finding/edges", place.segments, color, 5.0))
    if len(place.points):
        size = float(np.clip(place.reach, 0.012, 0.02))
        points = place.points.astype(np.float32)
        nodes.append(
            scene.add_point_cloud(
                "/finding/vertices", points, colors=color, point_size=size, point_shape="circle"
            )
        )
    return nodes
