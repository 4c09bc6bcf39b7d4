"""Handles on the face: pull them with the pointer, or by numbers."""

import asyncio
from functools import partial
from typing import Any

import numpy as np
import viser

from gan.models.contract import NOISE
from gan.viewing.controls.words import words
from gan.viewing.dragging import PullOptions
from gan.viewing.handles import pick_vertex
from gan.viewing.latest import Latest
from gan.viewing.stage import Stage
from meshkit.viewing.notes import note

PICK = "click on the face for more handles"


class PullTab:
    """Show handles, pull them, choose what may change.

    The events of one pull arrive in order; the newest point is fitted, those before it that no
    fit has begun with are passed over.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        gui, parts = stage.client.gui, stage.shapes.parts
        self.shown = gui.add_checkbox("show handles", False)
        self.shown.on_update(stage.answer(self._show))
        gui.add_html(note("Drag a yellow handle: the face follows while you drag."))
        with gui.add_folder("may change"):
            self.free = {
                name: gui.add_checkbox(label, name != NOISE)
                for name, label in zip(parts, words(parts), strict=True)
            }
        prior = "what it costs to move the codes by one deviation, in mm²: large keeps the face"
        self.prior = gui.add_slider("stiffness", -3.0, 3.0, 0.1, 0.0, hint=f"power of ten; {prior}")
        self.hold = gui.add_slider("hold the rest", 0.0, 1.0, 0.01, 0.02, hint="weight of the rest")
        self.pin = gui.add_checkbox("pin what was pulled", False, hint="pins hold when others move")
        self.picks = gui.add_checkbox(PICK, not stage.handles.landmarks)
        self.picks.on_update(stage.answer(self._listen))
        gui.add_button("Release pins", color="gray").on_click(stage.answer(self._release))
        with gui.add_folder("by numbers", expand_by_default=False):
            self.index: Any = gui.add_number("handle", 0, min=0, max=199, step=1)
            self.point: Any = gui.add_vector3("mm", (0.0, 0.0, 0.0), step=0.1)
            gui.add_button("Pull there").on_click(stage.answer(self._pull_by_numbers))
        self.index.on_update(stage.answer(lambda: self.follow(None)))
        stage.followers.append(self.follow)
        self._offset = np.zeros(3)
        self._goal: tuple[float, float, float] | None = None
        self._fit = Latest(lambda: stage.attempt(self._pull))
        stage.scene.bind = self._bind

    def options(self) -> PullOptions:
        """Return what the controls say."""
        locked = tuple(name for name, box in self.free.items() if not box.value)
        return PullOptions(10.0 ** float(self.prior.value), float(self.hold.value), locked)

    def follow(self, moving: str | None) -> None:
        """Show where the handle is that is named by its number."""
        handles, k = self.stage.handles, int(self.index.value)
        if 0 <= k < len(handles.vertices) and handles.held is None:
            x, y, z = handles.at(self.stage.V)[k].tolist()
            self.point.value = (round(x, 2), round(y, 2), round(z, 2))

    def _show(self) -> None:
        stage = self.stage
        with stage.lock:
            stage.shows_handles = bool(self.shown.value)
            if not stage.shows_handles:
                stage.scene.hide_handles()
        self._listen()
        stage.changed()

    def _bind(self, handles: viser.BatchedMeshHandle) -> None:
        handles.on_drag("left")(self._dragged)

    async def _dragged(self, event: viser.SceneNodeDragEvent[Any]) -> None:
        """Note what happens, in order; the fit runs elsewhere."""
        shapes, stage = self.stage.shapes, self.stage
        at, k = np.array(event.end_position, dtype=np.float64), event.instance_index
        if k is None or not np.isfinite(at).all():
            return
        if event.phase == "start":
            with stage.lock:
                if not 0 <= k < len(stage.handles.vertices):
                    return
                here = shapes.place(stage.handles.at(stage.V))[k]
                self._offset = here - np.array(event.start_position)
            self._goal, do = None, partial(stage.attempt, partial(self._grab, k))
            await asyncio.to_thread(do)
        x, y, z = shapes.unplace((at + self._offset)[None])[0].tolist()
        self._goal = (x, y, z)
        if event.phase == "end":
            await asyncio.to_thread(self._finish)
        else:
            # Not awaited: the next event may be newer before this fit has begun.
            asyncio.get_running_loop().run_in_executor(None, self._fit)

    def _grab(self, k: int) -> None:
        stage = self.stage
        with stage.lock:
            stage.session.end_gesture()
            stage.handles.grab(k, stage.session.codes, self.options())

    def _pull(self) -> None:
        stage, goal = self.stage, self._goal
        with stage.lock:
            if goal is None or stage.handles.held is None:
                return
            codes = stage.handles.pull(goal)
            stage.session.edit(codes, ("pull", stage.handles.held))
        stage.changed()

    def _finish(self) -> None:
        self.stage.attempt(self._pull)
        with self.stage.lock:
            self.stage.handles.let_go(self._goal if self.pin.value else None)
        self.stage.changed()

    def _pull_by_numbers(self) -> None:
        self._grab(int(self.index.value))
        x, y, z = (float(value) for value in self.point.value)
        self._goal = (x, y, z)
        self._finish()

    def _release(self) -> None:
        with self.stage.lock:
            self.stage.handles.pins.clear()
        self.stage.changed()

    def _listen(self) -> None:
        """Wait for clicks on the face while they add handles."""
        scene = self.stage.client.scene
        scene.remove_click_callback()
        if self.picks.value and self.shown.value:
            scene.on_click()(self._clicked)

    def _clicked(self, event: viser.SceneClickEvent) -> None:
        self.stage.attempt(partial(self._add, event))

    def _add(self, event: viser.SceneClickEvent) -> None:
        stage = self.stage
        with stage.lock:
            P = stage.shapes.place(stage.V)
        vertex = pick_vertex(P, stage.shapes.faces, event.ray_origin, event.ray_direction)
        if vertex is None:
            return
        with stage.lock:
            self.index.value = stage.handles.add(vertex)
        stage.changed()
