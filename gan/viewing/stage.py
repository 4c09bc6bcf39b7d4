"""One browser: its face, its scene, and what happens between a control and a picture."""

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import viser

from gan.errors import one_line
from gan.viewing.handles import Handles
from gan.viewing.latest import Latest
from gan.viewing.scene import FaceScene
from gan.viewing.session import Edit, FaceSession
from gan.viewing.shading import MODES, PLAIN, Shading
from gan.viewing.shapes import FaceShapes

SETTLES = 0.25  # seconds without a change after which slower things are brought in line

Act = Callable[[], None]


class Stage:
    """What the controls of one browser act on.

    A control changes the session under the lock and asks for a picture. Pictures are made one at
    a time, always of the newest state: what changes meanwhile is seen in the next.

    Attributes
    ----------
    followers
        Called after a change, to bring controls in line with the session; with the part whose
        sliders are being moved, or None.
    settled
        Called once nothing has changed for a while.
    """

    def __init__(
        self, client: viser.ClientHandle, shapes: FaceShapes, shading: Shading, *, seed: int
    ) -> None:
        self.client, self.shapes, self.shading = client, shapes, shading
        self.session = FaceSession(shapes.model, shapes.directions, seed=seed)
        self.handles = Handles(shapes.model)
        self.scene = FaceScene(client, shapes, shading)
        self.lock = threading.RLock()
        self.mode = PLAIN
        self.shows_handles = False
        self.followers: list[Callable[[str | None], None]] = []
        self.settled: list[Act] = []
        self.closed = threading.Event()
        self.V = shapes.mean
        self.refresh = Latest(self._draw)
        self._changed = 0.0
        self._settling = False

    def act(self, edit: Edit, *, moving: str | None = None) -> None:
        """Change the session, then the picture.

        Parameters
        ----------
        moving
            The factor whose sliders a person holds: they are not moved under the hand.
        """
        with self.lock:
            edit(self.session)
        self.changed(moving=moving)

    def changed(self, *, moving: str | None = None) -> None:
        """Bring picture and controls in line."""
        self.refresh()
        with self.lock:
            if self.closed.is_set():
                return
            with self.client.atomic():
                for follow in self.followers:
                    follow(moving)
        self._settle_later()

    def shade(self, mode: str) -> None:
        """Show the face in another mode; an unknown one is plain."""
        self.mode = mode if mode in MODES else PLAIN
        self.changed()

    def answer(self, do: Act) -> Callable[[Any], None]:
        """Return a callback for a control: what is wrong with its value is said in the page."""

        def run(event: Any) -> None:
            if event.client is None or self.closed.is_set():  # set by us, not by a person
                return
            self.attempt(do)

        return run

    def attempt(self, do: Act) -> None:
        """Do something; an error that is the person's is said in the page, in one line."""
        try:
            do()
        except (ValueError, OSError) as error:
            self.say("That did not work", one_line(str(error)), bad=True)

    def say(self, title: str, text: str, *, bad: bool = False) -> None:
        """Show a line in the corner of the page; it is text, whatever is in it."""
        if not self.closed.is_set():
            seconds = 12.0 if bad else 4.0
            color: Literal["red", "green"] = "red" if bad else "green"
            self.client.add_notification(title, text, color=color, auto_close_seconds=seconds)

    def close(self) -> None:
        """Send nothing any more: the browser has gone."""
        self.closed.set()

    def _draw(self) -> None:
        with self.lock:
            codes, mode = dict(self.session.codes), self.mode
        V = self.shapes.decode(codes)
        if self.closed.is_set():
            return
        if not np.isfinite(V).all():
            self.say("No such face", "these codes give no finite positions: undo", bad=True)
            return
        with self.lock, self.client.atomic():
            self.V = V
            self.scene.show(V, mode)
            if self.shows_handles:
                handles = self.handles
                self.scene.show_handles(handles.at(V), list(handles.pins), handles.held)
        self.client.flush()

    def _settle_later(self) -> None:
        with self.lock:
            self._changed = time.monotonic()
            if self._settling:
                return
            self._settling = True
        threading.Thread(target=self._settle, daemon=True, name="gan view settles").start()

    def _settle(self) -> None:
        while (left := self._changed + SETTLES - time.monotonic()) > 0:
            if self.closed.wait(left):
                return
        with self.lock:
            self._settling = False
            if self.handles.held is None:  # a hand that pauses goes on with the same pull
                self.session.end_gesture()
            if not self.closed.is_set():
                self.scene.settle()
        for act in self.settled:
            if not self.closed.is_set():
                act()
