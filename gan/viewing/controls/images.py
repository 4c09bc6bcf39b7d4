"""The geometry image of the face and the map, beside it."""

import numpy as np

from gan.viewing.pictures import geometry_pictures, layout_picture
from gan.viewing.stage import Stage
from meshkit.viewing.notes import note


class ImagesTab:
    """Pictures that follow the face when it stands still."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        gui = stage.client.gui
        gui.add_html(note("The geometry image: x, y, z as red, green, blue; and its normals."))
        self.image = gui.add_image(self._draw(), format="png")
        gui.add_html(note("The map of the mean face: blue is smaller in it, red larger."))
        self.layout = gui.add_image(layout_picture(stage.shapes, stage.shading), format="png")
        self._shown = stage.V
        stage.settled.append(self.follow)

    def follow(self) -> None:
        """Draw the face anew, if it is another."""
        V = self.stage.V
        if V is not self._shown:
            self._shown = V
            picture = self._draw()
            with self.stage.lock:
                if not self.stage.closed.is_set():
                    self.image.image = picture

    def _draw(self) -> np.ndarray:
        return np.concatenate(geometry_pictures(self.stage.shapes, self.stage.V), axis=1)
