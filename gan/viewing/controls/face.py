"""A folder of sliders, classes and dice for every factor."""

from functools import partial
from typing import Any

import viser

from gan.models.contract import NOISE
from gan.viewing.controls.words import NONE, words
from gan.viewing.session import FaceSession
from gan.viewing.stage import Stage

AT_ONCE = 8  # sliders of a factor, and how many more a press brings
MAX_BUTTONS = 16  # classes that are buttons, as those of visemes; more are a list
REACH = 3.0  # deviations, to each side
MIDDLE = ((0.0, ""),)  # the mean, marked on a slider
MARK = "● "  # before the class that the face has


class FaceTab:
    """Sliders of all factors."""

    def __init__(self, stage: Stage) -> None:
        parts = stage.shapes.parts
        for name, label in zip(parts, words(parts), strict=True):
            with stage.client.gui.add_folder(label, expand_by_default=name != NOISE) as folder:
                _Part(stage, name, folder)


class _Part:
    """The folder of one factor, or of the noise."""

    def __init__(self, stage: Stage, name: str, folder: viser.GuiFolderHandle) -> None:
        self.stage, self.name, self.folder = stage, name, folder
        self.sliders: list[Any] = []
        self.labels: list[str] = []
        gui = stage.client.gui
        if name != NOISE:
            self.labels = words(stage.shapes.model.factor(name).classes)
        self._classes()
        dice = gui.add_button_group("code", ("random", "mean"))
        dice.on_click(stage.answer(lambda: self._throw(str(dice.value))))
        self.count = len(stage.shapes.directions[name].sigma) if self._has_directions() else 0
        self._more_sliders()
        if len(self.sliders) < self.count:
            self.more = gui.add_button("more directions", color="gray")
            self.more.on_click(stage.answer(self._more))
        stage.followers.append(self.follow)

    def _has_directions(self) -> bool:
        return self.name in self.stage.shapes.directions

    def _classes(self) -> None:
        gui, stage = self.stage.client.gui, self.stage
        self.buttons: viser.GuiButtonGroupHandle | None = None
        self.list: Any = None
        if not self.labels:
            return
        if len(self.labels) <= MAX_BUTTONS:
            self.buttons = gui.add_button_group("class", self.labels)
            buttons = self.buttons
            buttons.on_click(stage.answer(lambda: self._choose(str(buttons.value))))
        else:
            self.list = gui.add_dropdown("class", [NONE, *self.labels], initial_value=NONE)
            self.list.on_update(stage.answer(lambda: self._choose(str(self.list.value))))

    def _choose(self, label: str) -> None:
        label = label.removeprefix(MARK) if label not in self.labels else label
        if label not in self.labels:  # the dash, or what no page of ours says
            self.stage.changed()
            return
        index = self.labels.index(label)
        self.stage.act(lambda session: session.choose(self.name, index))

    def _throw(self, what: str) -> None:
        def edit(session: FaceSession) -> None:
            (session.randomise if what == "random" else session.reset)(self.name)

        self.stage.act(edit)

    def _more_sliders(self) -> None:
        shapes, gui = self.stage.shapes, self.stage.client.gui
        first = len(self.sliders)
        for k in range(first, min(first + AT_ONCE, self.count)):
            effect, meaning = shapes.effect(self.name, k), shapes.meaning(self.name, k)
            meaning = f"{meaning}; " if meaning else ""
            slider = gui.add_slider(
                f"direction {k + 1}",
                -REACH,
                REACH,
                0.05,
                0.0,
                marks=MIDDLE,
                hint=f"{meaning}in standard deviations, of which one is {effect:.2f} mm (RMS)",
            )
            slider.on_update(self.stage.answer(partial(self._move, k)))
            self.sliders.append(slider)

    def _more(self) -> None:
        with self.stage.lock:
            self.more.remove()
            with self.folder:
                self._more_sliders()
                if len(self.sliders) < self.count:
                    self.more = self.stage.client.gui.add_button("more directions", color="gray")
                    self.more.on_click(self.stage.answer(self._more))
            self.follow(None)

    def _move(self, k: int) -> None:
        amount = float(self.sliders[k].value)
        self.stage.act(lambda session: session.move(self.name, k, amount), moving=self.name)

    def follow(self, moving: str | None) -> None:
        """Put sliders and classes where the face is; not those that a hand holds."""
        session = self.stage.session
        if self.sliders and moving != self.name:
            amounts = session.amounts(self.name).clip(-REACH, REACH)
            for slider, amount in zip(self.sliders, amounts, strict=False):
                slider.value = round(float(amount), 2)
        if not self.labels:
            return
        shown = session.label(self.name)
        if self.list is not None:
            self.list.value = NONE if shown is None else self.labels[shown]
        elif self.buttons is not None:
            options = tuple(
                f"{MARK}{label}" if k == shown else label for k, label in enumerate(self.labels)
            )
            if self.buttons.options != options:
                self.buttons.options = options
