"""Draw docs/pictures/viewing.png and, from a run, face_viewer.png: both viewers in Chromium.

Run from the root of the repository, with chromium installed: python tools/draw_viewer.py [RUN]
"""

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from small_png import save_small

from gan.datasets.procedural import ProceduralHead
from gan.runs.checkpoints import load_model
from gan.viewing.face_viewer import view_faces
from meshkit.mesh import Mesh
from meshkit.viewing.mesh_viewer import view_meshes
from meshkit.viewing.subject import Subject

OUT = Path("docs/pictures")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SIZE = {"width": 940, "height": 660}
PATIENCE = 120_000  # milliseconds: software rendering on a busy machine
DRAWN = 6000  # milliseconds, until the last frame is drawn, too


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport=SIZE)
        context.set_default_timeout(PATIENCE)
        draw_mesh(context.new_page())
        if len(sys.argv) > 1:
            draw_face(context.new_page(), Path(sys.argv[1]))
        browser.close()


def draw_mesh(page: Any) -> None:
    """Draw `meshkit view` of the embedded head."""
    head = ProceduralHead()
    V = head.shape(head.sample_identity(np.random.default_rng(3)), {})
    subject = Subject(Path("head.obj"), Mesh(V, head.faces))
    with view_meshes([subject], port=0) as server:
        page.goto(server.url)
        page.get_by_text("Texture coordinates").wait_for()
        page.get_by_label("Shading").click()
        page.get_by_role("option", name="UV checker").click()
        turn(page)
        keep(page, "viewing.png")


def draw_face(page: Any, run: Path) -> None:
    """Draw `gan view` of a run: a random face, surprised, its landmarks to pull."""
    with view_faces(load_model(run), port=0, seed=2) as server:
        page.goto(server.url)
        page.get_by_role("slider").nth(3).wait_for()
        page.get_by_role("tab", name="Pull", exact=True).click()
        page.get_by_label("show handles").click()
        page.get_by_role("tab", name="Face", exact=True).click()
        page.get_by_role("button", name="random", exact=True).first.click()
        page.get_by_role("button", name="surprise", exact=True).first.click()
        turn(page)
        keep(page, "face_viewer.png")


def keep(page: Any, name: str) -> None:
    for notice in page.locator(".mantine-Notification-closeButton").all():
        notice.click()  # that there is no GPU
    page.wait_for_timeout(DRAWN)
    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    save_small(OUT / name, np.asarray(seen))


def turn(page: Any) -> None:
    """Look from the side, as by dragging."""
    page.mouse.move(300, 360)
    page.mouse.down()
    page.mouse.move(350, 368, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    main()
