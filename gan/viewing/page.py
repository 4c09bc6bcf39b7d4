"""The page of one browser: the face, and tabs of controls beside it."""

from collections.abc import Callable
from functools import partial

import numpy as np
import viser

from gan.viewing.controls.face import FaceTab
from gan.viewing.controls.faces_ab import KeptFaces, PathTab, TransferTab
from gan.viewing.controls.images import ImagesTab
from gan.viewing.controls.pulling import PullTab
from gan.viewing.controls.saving import SavingTab
from gan.viewing.controls.words import legend_bar
from gan.viewing.session import FaceSession
from gan.viewing.shading import MODES, PLAIN, Shading
from gan.viewing.shapes import FaceShapes
from gan.viewing.stage import Stage

VIEWS = {"front": 0.0, "half": 45.0, "side": 90.0}  # degrees, from the viewer's right


class FacePage:
    """Everything that one browser sees; no other browser sees any of it."""

    def __init__(
        self, client: viser.ClientHandle, shapes: FaceShapes, shading: Shading, *, seed: int
    ) -> None:
        self.stage = stage = Stage(client, shapes, shading, seed=seed)
        factors = [factor.name for factor in shapes.model.factors]
        gui = client.gui
        self.mode = gui.add_dropdown("shading", list(MODES), initial_value=PLAIN)
        self.mode.on_update(stage.answer(self._shade))
        self.legend = gui.add_html("")
        rows = ("face", ("random", "mean")), ("step", ("undo", "redo")), ("view", tuple(VIEWS))
        for label, names in rows:
            buttons = gui.add_button_group(label, names)
            buttons.on_click(stage.answer(partial(self._step, buttons)))
        tabs = gui.add_tab_group()
        with tabs.add_tab("Face"):
            FaceTab(stage)
        with tabs.add_tab("A and B"):
            KeptFaces(stage)
            with gui.add_folder("transfer"):
                TransferTab(stage, factors)
            with gui.add_folder("interpolate"):
                PathTab(stage, factors)
        with tabs.add_tab("Pull"):
            PullTab(stage)
        with tabs.add_tab("Images"):
            ImagesTab(stage)
        with tabs.add_tab("Files"):
            SavingTab(stage)
        stage.scene.home()

    def _shade(self) -> None:
        self.stage.shade(str(self.mode.value))
        self.legend.content = legend_bar(self.stage.shading.legend(self.stage.mode))

    def _step(self, buttons: viser.GuiButtonGroupHandle) -> None:
        what = str(buttons.value)
        if what in VIEWS:
            self.stage.scene.home(np.radians(VIEWS[what]))
            return

        def edit(session: FaceSession) -> None:
            steps: dict[str, Callable[[], object]] = {
                "random": session.randomise,
                "mean": session.reset,
                "undo": session.undo,
                "redo": session.redo,
            }
            if what in steps:
                steps[what]()

        self.stage.act(edit)
