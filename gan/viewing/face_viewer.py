"""`gan view`: a model behind a server, every browser with a face of its own."""

from typing import Any

from gan.models.contract import FaceGenerator
from gan.viewing.files import MAX_UPLOAD
from gan.viewing.shading import Shading
from gan.viewing.shapes import FaceShapes
from meshkit.viewing.server import ViewServer, open_server


def view_faces(model: FaceGenerator, *, seed: int = 0, **options: Any) -> ViewServer:
    """Serve a model to browsers.

    Parameters
    ----------
    seed
        Of the random faces: every browser draws the same ones.
    options
        As `meshkit.viewing.server.open_server` takes them.

    Raises
    ------
    OSError, ValueError, RuntimeError
        As `open_server`.
    CheckpointError
        The model generates vertices that are not finite.
    """
    # What is a little too large is refused in the page; the guard ends the connection.
    server = open_server(title="gan view", max_upload=8 * MAX_UPLOAD, **options)
    import viser

    from gan.viewing.page import FacePage
    from meshkit.viewing.lights import light
    from meshkit.viewing.scene import DISTANCE, FIELD_OF_VIEW, FRONTS, UPS

    try:
        shapes = FaceShapes(model, seed=seed)
        shading = Shading(shapes)
    except BaseException:
        server.close()
        raise
    first = server.viser.initial_camera
    server.viser.scene.set_up_direction(UPS["y"])
    light(server.viser.scene)
    first.fov, first.up, first.look_at = FIELD_OF_VIEW, UPS["y"], (0.0, 0.0, 0.0)
    x, y, z = FRONTS["y"]
    first.position = (DISTANCE * x, DISTANCE * y, DISTANCE * z)
    server.viser.gui.main_panel.dock_right()
    pages: dict[int, FacePage] = {}

    @server.viser.on_client_connect
    def greet(client: viser.ClientHandle) -> None:
        pages[client.client_id] = FacePage(client, shapes, shading, seed=seed)
        if client.client_id not in server.viser.get_clients():  # left while the page was built
            part(client)

    @server.viser.on_client_disconnect
    def part(client: viser.ClientHandle) -> None:
        page = pages.pop(client.client_id, None)
        if page is not None:
            page.stage.close()

    return server
