"""Debian's Chromium, headless: pages that note what they ask for, pictures as arrays.

Chromium comes from the system (`apt-get install chromium`), not from playwright. Where there is
none, tests skip; with MESHKIT_REQUIRE_BROWSER=1 they fail.
"""

import base64
import contextlib
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

# WebGL without a GPU; no sandbox, which needs a user other than root.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE = 30_000  # milliseconds: software rendering on a busy machine


class Pages:
    """Pages of one browser, each in a context of its own: they share no cookies."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.requests: list[str] = []  # the addresses asked for since the last `close`
        self.errors: list[str] = []  # uncaught errors of the pages' scripts

    def open(
        self, url: str, *, size: tuple[int, int] = (640, 480), color_scheme: str = "light"
    ) -> Any:
        """Open a page (playwright's `Page`) of that width and height at an address."""
        viewport = {"width": size[0], "height": size[1]}
        context = self.browser.new_context(viewport=viewport, color_scheme=color_scheme)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        return page

    def close(self) -> None:
        """Close all pages and forget what they asked for."""
        for context in self.browser.contexts:
            context.close()
        self.requests.clear()
        self.errors.clear()


@contextlib.contextmanager
def open_pages() -> Iterator[Pages]:
    path = shutil.which("chromium")
    if path is None:
        reason = "chromium is not installed: apt-get install chromium"
        if os.environ.get("MESHKIT_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield Pages(browser)
        finally:
            browser.close()


def picture(page: Any, selector: str = "canvas") -> np.ndarray:
    """What the first such element shows: RGB, (H, W, 3) uint8.

    By Chromium's own call: playwright's waits for what the page does not need, four times as long.
    """
    place = page.locator(selector).first.evaluate(
        "element => { const {x, y, width, height} = element.getBoundingClientRect();"
        " return {x: x + scrollX, y: y + scrollY, width, height, scale: 1}; }"
    )
    session = page.context.new_cdp_session(page)
    options = {"format": "png", "optimizeForSpeed": True, "clip": place}
    data = base64.b64decode(session.send("Page.captureScreenshot", options)["data"])
    session.detach()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def await_picture(
    page: Any, accept: Callable[[np.ndarray], bool], selector: str = "canvas", seconds: float = 15
) -> np.ndarray:
    """Look until `accept(picture)` says yes; return the last picture if it never does."""
    end = time.monotonic() + seconds
    while not accept(found := picture(page, selector)) and time.monotonic() < end:
        page.wait_for_timeout(100)
    return found
