"""`meshkit view` in a browser: what is on the canvas, and that nothing leaves the machine."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere
from meshkit.viewing.mesh_viewer import view_meshes
from meshkit.viewing.subject import Subject
from tests.browser.pages import await_picture
from tests.viewer_clients import CAMERA, join, pack, unpack

SIZE = (760, 420)
# Its Gaussian splats, which nothing here uses, would compile code: the policy forbids that.
KNOWN_ERROR = "Evaluating a string as JavaScript violates"


def subjects() -> list[Subject]:
    V, F = hemisphere(8)
    turned = F.copy()
    turned[0] = turned[0, ::-1]  # at the top, which faces the viewer
    hostile = Path("<img src=x onerror=document.title='owned'>.obj")
    first = Mesh(V, turned, UV=(V[:, :2] + 1) / 2)
    return [Subject(hostile, first), Subject(Path("small.obj"), Mesh(0.2 * V, F))]


@pytest.fixture(scope="module")
def server():
    with view_meshes(subjects(), port=0) as running:
        yield running


def choose(page, label: str, option: str) -> None:
    page.get_by_label(label).click()
    page.get_by_role("option", name=option, exact=True).click()


def middle(seen: np.ndarray) -> np.ndarray:
    """The colours in the middle of the canvas, where the dome is; controls are to the right."""
    return seen[150:270, 160:300].astype(float)


def awaited(page, accept: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Wait until the middle of the canvas is as it should be; return it."""
    seen = middle(await_picture(page, lambda seen: accept(middle(seen))))
    assert accept(seen)
    return seen


def shown(pages, url: str):
    """Open the page and wait for the last of the controls."""
    page = pages.open(url, size=SIZE)
    page.get_by_text("Texture coordinates").wait_for()
    return page


def all_of(page) -> Iterator[str]:
    """Return the text of all that has been sent to another browser."""
    with contextlib.suppress(TimeoutError):
        while True:
            yield unpack(page.recv(timeout=0.1))


def test_one_browser_and_what_it_shows(pages, server):
    """One page for all, since loading it is what takes time."""
    page = shown(pages, server.url)
    # Light and shadow, not one colour, and not paper.
    smooth = awaited(page, lambda seen: seen.std() > 3 and seen.mean() < 240)

    with join(server.port) as other:  # another browser, which does nothing
        other.send(pack(**CAMERA))
        told = ""
        while "Texture coordinates" not in told:
            told += unpack(other.recv(timeout=20))

        choose(page, "Shading", "normals")  # +z is blue
        awaited(page, lambda seen: seen[..., 2].mean() > seen[..., 0].mean() + 30)
        choose(page, "Shading", "UV checker")
        awaited(page, lambda seen: seen.std() > 1.5 * smooth.std())
        choose(page, "Shading", "smooth")
        awaited(page, lambda seen: np.abs(seen - smooth).mean() < 2)

        page.get_by_role("button", name="inconsistent-orientation: 1 face").click()
        page.get_by_text("Remedy: orient faces").wait_for()
        red = await_picture(page, lambda seen: _red(seen) > 50)
        assert _red(red) > 50
        told += "".join(all_of(other))
    assert "/surface/smooth" in told
    assert "/surface/normals" not in told  # what one browser does, no other sees
    assert "/finding" not in told

    assert page.title() != "owned"
    assert page.get_by_text("<img src=x").first.is_visible()

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save picture").click()
    assert waiting.value.suggested_filename.endswith(".png")
    saved = np.asarray(Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes())))
    np.testing.assert_allclose(
        middle(saved).mean(axis=(0, 1)), middle(red).mean(axis=(0, 1)), atol=3
    )

    choose(page, "File", "small.obj")
    page.get_by_text("Findings (0)").wait_for()
    assert page.get_by_text("0.4 × 0.4 × 0.2").is_visible()
    assert page.get_by_text("metres, if this is a face").is_visible()
    assert page.get_by_role("button", name="inconsistent-orientation").count() == 0

    local = re.compile(rf"(blob:http|http|ws)://127\.0\.0\.1:{server.port}/|data:")
    assert [url for url in pages.requests if not local.match(url)] == []
    assert [error for error in pages.errors if not error.startswith(KNOWN_ERROR)] == []


def _red(seen: np.ndarray) -> int:
    r, g, b = seen[:, : SIZE[0] // 2].astype(int).transpose(2, 0, 1)
    return int(((r > 150) & (g < 90) & (b < 120)).sum())


def test_token_lets_the_page_and_its_worker_in(pages):
    """The cookie of the page goes with the websocket that a worker of the page opens."""
    with view_meshes(subjects()[1:], port=0, token="token-for-this-test") as running:
        page = pages.open(running.url.partition("?")[0], size=SIZE)
        assert page.get_by_text("Open the address that the command printed").is_visible()
        page.goto(running.url)
        page.get_by_text("Texture coordinates").wait_for()
