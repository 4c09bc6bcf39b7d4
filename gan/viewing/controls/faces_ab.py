"""Two kept faces, A and B: keep, show, give one a factor of the other, go from one to the other."""

import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import viser

from gan.editing import MODES, PATHS
from gan.models.contract import NOISE
from gan.viewing.controls.words import words
from gan.viewing.pictures import portrait
from gan.viewing.session import FACES
from gan.viewing.stage import Stage
from meshkit.viewing.notes import note

FRAMES = 20  # a second, while playing
ALL = "everything"


class KeptFaces:
    """Portraits of A and B, and buttons to keep and to show them; the tabs below share them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        gui = stage.client.gui
        shapes, kept = stage.shapes, stage.session.kept
        self._portraits = {face: portrait(shapes, shapes.decode(kept[face])) for face in FACES}
        self._picture = gui.add_image(self._both(), label="A is left, B right", format="jpeg")
        for verb in ("keep as", "show"):
            buttons = gui.add_button_group(verb, FACES)
            buttons.on_click(stage.answer(partial(self._press, verb, buttons)))

    def _press(self, verb: str, buttons: viser.GuiButtonGroupHandle) -> None:
        face = str(buttons.value)
        if face not in FACES:
            return
        if verb == "show":
            self.stage.act(lambda session: session.recall(face))
            return
        with self.stage.lock:
            self.stage.session.keep(face)
            codes = dict(self.stage.session.codes)
        shapes = self.stage.shapes
        self._portraits[face] = portrait(shapes, shapes.decode(codes))
        self._picture.image = self._both()

    def _both(self) -> np.ndarray:
        return np.concatenate([self._portraits[face] for face in FACES], axis=1)


class TransferTab:
    """B with a factor of A."""

    def __init__(self, stage: Stage, parts: Sequence[str]) -> None:
        self.stage, self.parts = stage, list(parts)
        self.labels = words(self.parts)
        gui = stage.client.gui
        last = self.labels[-1]  # the expression, where a model is in the usual order
        self.factor = gui.add_dropdown("give B this of A", self.labels, initial_value=last)
        self.mode = gui.add_dropdown("how", list(MODES))
        self.strength = gui.add_slider("strength", -1.0, 2.0, 0.05, 1.0)
        gui.add_button("Transfer").on_click(stage.answer(self._transfer))
        for control in (self.factor, self.mode, self.strength):
            control.on_update(stage.answer(self._again))
        self._shown = False
        stage.followers.append(self.follow)

    def _transfer(self) -> None:
        label = str(self.factor.value)
        if label not in self.labels:
            raise ValueError(f"the model has no factor {label!r}")
        factor, mode = self.parts[self.labels.index(label)], str(self.mode.value)
        strength = float(self.strength.value)
        self.stage.act(lambda session: session.transfer(factor, mode, strength))
        self._shown = True

    def _again(self) -> None:
        """Follow the controls, once a transfer is what is shown."""
        if self._shown:
            self._transfer()

    def follow(self, moving: str | None) -> None:
        """Forget the transfer when something else is shown."""
        self._shown = self.stage.session.shows("transfer")


class PathTab:
    """From A to B, by hand or playing."""

    def __init__(self, stage: Stage, parts: Sequence[str]) -> None:
        self.stage = stage
        self.parts = [*parts, *([NOISE] if stage.shapes.model.noise_size else [])]
        self.labels = words([ALL, *self.parts])
        gui = stage.client.gui
        self.t: Any = gui.add_slider("A to B", -0.5, 1.5, 0.01, 0.0, marks=((0.0, "A"), (1.0, "B")))
        self.t.on_update(stage.answer(self._go))
        self.what = gui.add_dropdown("what changes", self.labels)
        self.path = gui.add_dropdown("path", list(PATHS))
        for control in (self.what, self.path):
            control.on_update(stage.answer(self._again))
        self.seconds = gui.add_slider("seconds", 0.5, 10.0, 0.5, 2.0, hint="from A to B")
        self.play = gui.add_button("Play")
        self.play.on_click(stage.answer(self._toggle))
        gui.add_html(note("Beyond A and B the path goes on: caricatures."))
        self._stop: threading.Event | None = None

    def _go(self) -> None:
        t, what = float(self.t.value), str(self.what.value)
        path, k = str(self.path.value), self.labels.index(what) if what in self.labels else 0
        factors = () if k == 0 else (self.parts[k - 1],)
        self.stage.act(lambda session: session.interpolate(t, factors, path))

    def _again(self) -> None:
        """Follow the other controls, once the way is what is shown."""
        if self.stage.session.shows("interpolate"):
            self._go()

    def _toggle(self) -> None:
        with self.stage.lock:
            if self._stop is not None:
                self._stop.set()
                return
            self._stop = stop = threading.Event()
            self.play.label = "Pause"
        threading.Thread(target=self._run, args=(stop,), daemon=True, name="gan view plays").start()

    def _run(self, stop: threading.Event) -> None:
        """Go there and back until somebody pauses, leaves, or changes the face by hand."""
        t, way, last = min(max(float(self.t.value), 0.0), 1.0), 1.0, time.monotonic()
        ours: object = None
        try:
            while not stop.wait(1 / FRAMES) and not self.stage.closed.is_set():
                now = time.monotonic()
                t += way * (now - last) / max(float(self.seconds.value), 0.1)
                last = now
                if not 0 < t < 1:
                    t, way = min(max(t, 0.0), 1.0), 1.0 if t <= 0 else -1.0
                with self.stage.lock:
                    if ours is not None and self.stage.session.codes is not ours:
                        break
                    self.t.value = round(t, 2)
                    self.stage.attempt(self._go)
                    ours = self.stage.session.codes
        finally:
            with self.stage.lock:
                self._stop = None
                if not self.stage.closed.is_set():
                    self.play.label = "Play"
