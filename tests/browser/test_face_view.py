"""`gan view` in a browser: sliders, classes, transfer, a pulled landmark, a saved mesh."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan.models.contract import Factor
from gan.viewing.face_viewer import view_faces
from gan.viewing.shapes import FaceShapes
from meshkit.io import load_mesh
from meshkit.viewing.scene import DISTANCE, FIELD_OF_VIEW
from tests.browser.pages import await_picture, picture
from tests.gan.viewing.faces import mapped_model

SIZE = (780, 440)
PHONE = (390, 760)
HOSTILE = "<img src=x onerror=document.title='o'>"  # 38 characters: not cut
HANDLE = 2  # a landmark that looks at the viewer
KNOWN_ERROR = "Evaluating a string as JavaScript violates"  # as in test_mesh_view


@pytest.fixture(scope="module")
def served():
    """Serve a model with classes whose names a page must not believe."""
    model = mapped_model()
    identity, expression = model.factors
    model.factors = identity, Factor(expression.name, expression.code_size, ("**sad**", HOSTILE))
    with view_faces(model, port=0) as running:
        yield running, model


def surface(seen: np.ndarray) -> np.ndarray:
    """The middle of the part of the canvas that no control covers."""
    return seen[160:390, 80:380].astype(float)


class Watched:
    """A page, and the last picture that was seen of its face."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.last = surface(await_picture(page, lambda seen: surface(seen).std() > 3))
        assert self.last.std() > 3

    def after(self, act: Any, *, least: float = 0.2) -> None:
        """Do something and wait until the face looks different."""
        act()

        def differs(seen: np.ndarray) -> bool:
            return bool(np.abs(surface(seen) - self.last).mean() > least)

        seen = await_picture(self.page, differs)
        assert differs(seen)
        self.last = surface(seen)

    def press(self, name: str, nth: int = 0) -> Any:
        return lambda: self.page.get_by_role("button", name=name, exact=True).nth(nth).click()

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()


def test_a_face_is_moved_pulled_and_taken_away(pages, served, tmp_path):
    """One page for all, since loading it is what takes time."""
    running, model = served
    page = pages.open(running.url, size=SIZE)
    page.get_by_role("slider").nth(6).wait_for()
    watched = Watched(page)

    for nth in (0, 4):  # the first of identity, the first of expression
        slider = page.get_by_role("slider").nth(nth)
        watched.after(partial(drag, page, middle_of(slider), (40, 0)))
        assert float(slider.get_attribute("aria-valuenow")) > 0.5
    expression = slider.get_attribute("aria-valuenow")

    watched.after(watched.press(HOSTILE))
    assert page.get_by_role("button", name=f"● {HOSTILE}", exact=True).is_visible()
    assert slider.get_attribute("aria-valuenow") != expression
    watched.after(watched.press("undo"))
    assert slider.get_attribute("aria-valuenow") == expression
    assert page.title() != "o"

    page.get_by_label("shading").click()
    watched.after(lambda: page.get_by_role("option", name="distance from the mean").click())
    page.get_by_text("mm from the mean face").wait_for()
    page.get_by_label("shading").click()
    watched.after(lambda: page.get_by_role("option", name="plain").click())

    watched.tab("A and B")
    watched.after(watched.press("Transfer"))
    watched.after(watched.press("Play"))
    watched.after(lambda: None)  # it goes on by itself
    watched.press("Pause")()
    page.get_by_role("button", name="Play", exact=True).wait_for()

    watched.after(watched.press("mean"))
    shapes = FaceShapes(model)
    at = drag_handle(watched, shapes, pixels=40)

    watched.tab("Files")
    mesh = saved(page, "Save mesh", tmp_path / "face.glb")
    moved = load_mesh(mesh).V[at] - shapes.mean[at]
    assert moved[0] > 0.3 * np.abs(moved[1:]).max() > 0  # to the right, as the pointer went
    codes = saved(page, "Save codes", tmp_path / "codes.npz")

    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": HOSTILE, "mimeType": "", "buffer": b"no codes"})
    page.get_by_text(f"{HOSTILE} is no .npz file").wait_for()
    watched.after(watched.press("mean"))
    watched.after(lambda: upload.set_input_files(codes))
    page.get_by_text("Codes loaded").wait_for()

    other_has_a_face_of_its_own(pages, running, watched)
    assert page.title() != "o"
    assert [error for error in pages.errors if not error.startswith(KNOWN_ERROR)] == []
    local = re.compile(rf"(blob:http|http|ws)://127\.0\.0\.1:{running.port}/|data:")
    assert [url for url in pages.requests if not local.match(url)] == []


def other_has_a_face_of_its_own(pages: Any, running: Any, watched: Watched) -> None:
    """A phone, in the dark: the whole mean face above the controls, whatever the first does."""
    phone = pages.open(running.url, size=PHONE, color_scheme="dark")
    phone.get_by_role("slider").nth(6).wait_for()
    seen = await_picture(phone, lambda seen: bool(bright(seen).sum() > 2000))
    inside = bright(seen)
    assert inside.sum() > 2000
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    assert not border.any()
    canvas, title = (found.bounding_box() for found in (canvas_of(phone), title_of(phone)))
    assert canvas["y"] + canvas["height"] <= title["y"]
    watched.after(watched.press("random"))
    np.testing.assert_array_equal(bright(picture(phone)), inside)
    assert phone.get_by_role("slider").first.get_attribute("aria-valuenow") == "0"


def bright(seen: np.ndarray) -> np.ndarray:
    """What is no dark ground."""
    return np.asarray(seen.mean(axis=2) > 110)


def canvas_of(page: Any) -> Any:
    return page.locator("canvas").first


def title_of(page: Any) -> Any:
    return page.get_by_text("gan view", exact=True)


def drag_handle(watched: Watched, shapes: FaceShapes, *, pixels: int) -> int:
    """Pull one landmark to the right with the mouse; return its vertex."""
    page = watched.page
    watched.tab("Pull")
    watched.after(lambda: page.get_by_label("show handles").click(), least=0.02)
    vertex = int(shapes.model.landmarks[HANDLE])
    x, y, z = shapes.place(shapes.mean[[vertex]])[0]
    box = page.locator("canvas").first.bounding_box()
    scale = box["height"] / 2 / np.tan(FIELD_OF_VIEW / 2) / (DISTANCE - z)
    start = box["x"] + box["width"] / 2 + scale * x, box["y"] + box["height"] / 2 - scale * y
    watched.after(lambda: drag(page, start, (pixels, 0)))
    return vertex


def middle_of(element: Any) -> tuple[float, float]:
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Any, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    for k in range(1, 6):
        page.mouse.move(start[0] + by[0] * k / 5, start[1] + by[1] * k / 5)
        page.wait_for_timeout(60)
    page.mouse.up()


def saved(page: Any, button: str, path: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    assert waiting.value.suggested_filename == path.name
    waiting.value.save_as(path)
    return path
