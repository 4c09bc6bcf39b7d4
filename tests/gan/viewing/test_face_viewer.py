"""`gan view` keeps nothing of browsers that have left."""

import gc
import threading
import time

import pytest

import gan.viewing.page as module
from gan.viewing.face_viewer import view_faces
from tests.gan.viewing.faces import mapped_model
from tests.viewer_clients import CAMERA, join, pack


def wait_for(happens):
    for _ in range(400):
        if happens():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 20 s")


@pytest.mark.filterwarnings("ignore:Queued a")  # viser, of what is sent to who has left
def test_a_browser_that_leaves_before_its_page_is_built_is_forgotten(monkeypatch):
    left, built = threading.Event(), threading.Semaphore(0)

    class SlowPage(module.FacePage):
        def __init__(self, *arguments, **options):
            left.wait(20)
            super().__init__(*arguments, **options)
            built.release()

    monkeypatch.setattr(module, "FacePage", SlowPage)
    with view_faces(mapped_model(), port=0) as server:
        for _ in range(3):
            with join(server.port) as page:
                page.recv(timeout=10)
                page.send(pack(**CAMERA))
                wait_for(lambda: len(server.viser.get_clients()) == 1)
            wait_for(lambda: not server.viser.get_clients())
        left.set()
        for _ in range(3):
            assert built.acquire(timeout=20)

        def is_forgotten() -> bool:
            gc.collect()
            return not any(type(one) is SlowPage for one in gc.get_objects())

        wait_for(is_forgotten)
