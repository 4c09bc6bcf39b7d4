"""`meshkit view`: meshes behind a server, every browser with controls of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from meshkit.viewing.scene import DISTANCE, FIELD_OF_VIEW, FRONTS, UPS
from meshkit.viewing.server import ViewServer, open_server
from meshkit.viewing.subject import Subject


def plainly(code: str) -> str:
    """Say a remedy code where no command line translates it."""
    return code.replace("-", " ")


def view_meshes(
    subjects: Sequence[Subject],
    *,
    up: str = "y",
    advice: Callable[[str], str] = plainly,
    **options: Any,
) -> ViewServer:
    """Serve meshes to browsers.

    Parameters
    ----------
    up : {"y", "z"}
        The axis that points up.
    advice
        Says what a finding's remedy code asks for.
    options
        As `meshkit.viewing.server.open_server` takes them.

    Raises
    ------
    OSError, ValueError, RuntimeError
        As `open_server`; there is no mesh.
    """
    if not subjects:
        raise ValueError("there is no mesh to view")
    server = open_server(title="meshkit view", **options)
    import viser

    from meshkit.viewing.lights import light
    from meshkit.viewing.panel import MeshPanel

    scene, first = server.viser.scene, server.viser.initial_camera
    scene.set_up_direction(UPS[up])
    light(scene, up)
    first.fov, first.up = FIELD_OF_VIEW, UPS[up]
    x, y, z = FRONTS[up]
    first.position, first.look_at = (DISTANCE * x, DISTANCE * y, DISTANCE * z), (0.0, 0.0, 0.0)
    server.viser.gui.main_panel.dock_right()

    @server.viser.on_client_connect
    def greet(client: viser.ClientHandle) -> None:
        MeshPanel(client, subjects, up, advice).show(subjects[0])

    return server
