"""A report's viewer in a real browser: sliders, buttons, a GLB opened in the page, no script."""

import numpy as np
import pytest
from click.testing import CliRunner

from gan.cli import main
from gan.training.loop import train
from tests.browser.pages import await_picture, picture
from tests.gan.conftest import blobs, tiny

EVIL = "</script><script>document.title = 'owned'</script><b>left"
NOTICED = 100  # pixels: more than an antialiased edge that was drawn a little differently
CANVAS = "figure.viewer canvas"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report and a GLB of a run of a few iterations."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        patch.setattr("gan.report.page.TILE", (48, 40))
        patch.setattr("gan.report.mapping.SIZE", 64)
        names = {
            "identity": [f"subject {i}" for i in range(6)],
            "expression": ["neutral", EVIL, "up"],
        }
        train(tiny(), blobs(folder / "blobs.h5", names=names), folder / "run", device="cpu")
        # Six iterations hardly move a face: directions of ten deviations can be seen.
        few = ("--samples", 60, "--sigmas", 10, "--directions", 1)
        for words in (
            ("report", folder / "run", "-o", folder / "r.html"),
            ("export", folder / "run", "-o", folder / "f.glb", *few),
        ):
            result = CliRunner().invoke(main, [str(word) for word in words])
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def page(pages, made):
    page = pages.open((made / "r.html").as_uri(), size=(1000, 1600))  # no scrolling in between
    page.locator("figure.viewer").scroll_into_view_if_needed()
    page.locator("figure.viewer.live").wait_for()
    return page


def different(a: np.ndarray, b: np.ndarray) -> int:
    return int((np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 8).sum())


def settled(page) -> np.ndarray:
    """What is drawn once something is, and no more changes."""
    last = [picture(page, CANVAS)]

    def still(now: np.ndarray) -> bool:
        before, last[0] = last[0], now
        return now.std() > 5 and different(before, now) == 0

    return await_picture(page, still, CANVAS)


def moves(page, change, back) -> None:
    """The picture changes, and is the same again afterwards."""
    rest = settled(page)
    change()
    moved = await_picture(page, lambda now: different(now, rest) > NOTICED, CANVAS)
    assert different(moved, rest) > NOTICED
    back()
    restored = await_picture(page, lambda now: different(now, rest) == 0, CANVAS)
    assert different(restored, rest) == 0


def test_a_slider_of_each_factor_moves_the_face(page, pages):
    page.locator("figure.viewer select").select_option("Normals")  # small changes are seen best
    groups = page.locator("figure.viewer fieldset")
    assert groups.locator("legend").all_inner_texts() == ["identity", "expression"]
    for k in range(2):
        slider = groups.nth(k).locator("input[type=range]").last
        first = groups.nth(k).locator("input[type=range]").nth(1)  # 0 is the buttons' strength
        assert slider.input_value() == "0"
        moves(page, lambda at=first: at.fill("1"), lambda at=first: at.fill("0"))
    assert pages.errors == []
    assert [url for url in pages.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_labels_are_buttons_and_stay_text(page, pages):
    button = page.locator("figure.viewer").get_by_role("button", name=EVIL, exact=True)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    page.locator("figure.viewer").get_by_role("button", name="Reset").click()
    assert button.get_attribute("aria-pressed") == "false"
    assert "owned" not in page.title()
    assert page.locator("figure.viewer b").count() == 0
    assert pages.errors == []


def test_a_glb_opens_and_its_morph_targets_move(page, pages, made):
    page.locator("figure.viewer input[type=file]").set_input_files(made / "f.glb")
    page.locator("figure.viewer legend", has_text="morph targets").wait_for()
    assert page.locator(".viewer-note").inner_text() == "f.glb"
    slider = page.get_by_label("expression 1 +", exact=True)
    page.locator("figure.viewer select").select_option("Normals")
    moves(page, lambda: slider.fill("1"), lambda: slider.fill("0"))
    page.locator("figure.viewer").get_by_role("button", name="Back").click()
    assert page.locator("figure.viewer legend").all_inner_texts() == ["identity", "expression"]
    assert pages.errors == []


def test_what_is_no_glb_is_named(page, pages):
    file = {"name": "<b>x.glb", "mimeType": "", "buffer": b"no glTF"}
    page.locator("figure.viewer input[type=file]").set_input_files(file)
    note = page.locator(".viewer-note", has_text="<b>x.glb cannot be shown: ")
    note.wait_for()
    assert page.locator("figure.viewer legend").all_inner_texts() == ["identity", "expression"]


def test_without_scripts_the_picture_stays(pages, made):
    context = pages.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((made / "r.html").as_uri())
    assert page.locator("figure.viewer img").is_visible()
    assert page.locator("figure.viewer .viewer-without").is_visible()
    assert page.locator("canvas").count() == 0
