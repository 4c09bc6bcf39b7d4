"""Draw docs/pictures/viewing.png: `meshkit view` in Chromium, on the embedded head.

Run from the root of the repository, with chromium installed: python tools/draw_viewer.py
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
from meshkit.mesh import Mesh
from meshkit.viewing.mesh_viewer import view_meshes
from meshkit.viewing.subject import Subject

OUT = Path("docs/pictures/viewing.png")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def main() -> None:
    head = ProceduralHead()
    V = head.shape(head.sample_identity(np.random.default_rng(3)), {})
    subject = Subject(Path("head.obj"), Mesh(V, head.faces))
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    with view_meshes([subject], port=0) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 980, "height": 700})
        page.goto(server.url)
        page.get_by_text("Texture coordinates").wait_for()
        for notice in page.locator(".mantine-Notification-closeButton").all():
            notice.click()  # that there is no GPU
        page.get_by_label("Shading").click()
        page.get_by_role("option", name="UV checker").click()
        turn(page)
        page.wait_for_timeout(4000)
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    save_small(OUT, np.asarray(seen))


def turn(page: Any) -> None:
    """Look from the side, as by dragging."""
    page.mouse.move(300, 360)
    page.mouse.down()
    page.mouse.move(350, 368, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    main()
