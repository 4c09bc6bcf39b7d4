"""What is put around and behind pictures: colour bars, labels, animations."""

import numpy as np
import pytest
from PIL import Image

from meshkit.render import apply_colormap, beside, color_bar, contact_sheet, save_gif
from meshkit.rendering.animation import frame_durations
from meshkit.rendering.color_bar import bar_ticks


def frames(n: int) -> list[np.ndarray]:
    """A bright block that moves over a gradient."""
    ramp = np.linspace(40, 200, 48).astype(np.uint8)
    picture = np.stack([np.broadcast_to(ramp, (32, 48))] * 3, axis=2)
    result = []
    for k in range(n):
        frame = picture.copy()
        frame[8:16, 2 * k : 2 * k + 8] = (230, 120, 30)
        result.append(frame)
    return result


@pytest.mark.parametrize("colormap", ["viridis", "coolwarm"])
@pytest.mark.parametrize("height", [60, 300])
def test_the_ends_of_the_bar_are_the_ends_of_the_map(colormap, height):
    bar = color_bar(height, (-2.0, 3.0), colormap, label="error")
    assert bar.shape[0] == height
    column = bar[:, max(9, height // 30)]  # through the middle of the bar
    colored = np.flatnonzero(np.ptp(column.astype(int), axis=1) > 8)
    ends = np.rint(apply_colormap(np.array([1.0, 0.0]), colormap) * 255)
    np.testing.assert_array_equal(column[[colored[0], colored[-1]]], ends)
    assert (np.diff(colored) == 1).all() or colormap == "coolwarm"  # its middle is grey
    rows = np.arange(colored[0], colored[-1] + 1)
    t = np.linspace(1, 0, len(rows))
    np.testing.assert_allclose(column[rows], apply_colormap(t, colormap) * 255, atol=0.51)


def test_the_bar_carries_its_numbers_and_its_label():
    with_label, without = (color_bar(200, (0.0, 1.0), label=label) for label in ("heat", ""))
    assert (with_label[:14] < 120).any()
    text = (without[:, 20:] < 190).all(axis=2)
    rows = np.flatnonzero(text.any(axis=1))
    assert rows[0] < 15  # the number of the upper end
    assert rows[-1] > 185  # and of the lower
    assert not text[:, -2:].any()  # nothing is cut off


@pytest.mark.parametrize("limits", [(0.0, 1.0), (-3.7, 12.2), (1e-9, 3e-9), (5e6, 5e6 + 20)])
@pytest.mark.parametrize("most", [1, 4, 9])
def test_ticks_stand_where_their_numbers_are(limits, most):
    low, high = limits
    ticks = bar_ticks(limits, most)
    shares = [share for share, _ in ticks]
    assert (shares[0], shares[-1]) == (0, 1)
    assert shares == sorted(shares)
    assert len(ticks) <= most + 2
    gaps = np.diff(shares)
    assert gaps.min() >= 0.5 / most - 1e-9
    for share, text in ticks:
        np.testing.assert_allclose(float(text), low + share * (high - low), rtol=6e-4)


def test_the_bar_stands_beside_the_picture():
    image, bar = np.zeros((50, 40, 3), dtype=np.uint8), color_bar(50, (0.0, 1.0))
    both = beside(image, bar)
    np.testing.assert_array_equal(both[:, :40], image)
    np.testing.assert_array_equal(both[:, 40:], bar)


def test_bad_bars():
    for limits in ((1.0, 1.0), (2.0, 1.0), (0.0, float("nan")), (0.0, float("inf"))):
        with pytest.raises(ValueError, match="must be finite and rise"):
            color_bar(50, limits)
    with pytest.raises(ValueError, match="positive height"):
        color_bar(0, (0.0, 1.0))
    with pytest.raises(ValueError, match="colormap must be one of viridis, coolwarm"):
        color_bar(50, (0.0, 1.0), "jet")


def test_a_long_label_stays_below_its_picture():
    tiles = [np.full((60, 60, 3), 10, dtype=np.uint8)] * 2
    sheet = contact_sheet(tiles, 2, ["a_very_long_name_of_a_mesh_that_goes_on", ""], gap=4)
    dark = (sheet[64:] < 120).any(axis=2)
    assert dark.any()
    assert not dark[:, 64:].any()


def test_the_animation_has_its_frames_its_duration_and_no_end(tmp_path):
    pictures = frames(7)
    assert save_gif(tmp_path / "a.gif", pictures, seconds=0.5) == 0.5
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.info["loop"]) == (7, 0)
        milliseconds = 0
        for k, picture in enumerate(pictures):
            image.seek(k)
            milliseconds += image.info["duration"]
            error = np.abs(np.asarray(image.convert("RGB")).astype(int) - picture)
            assert error.mean() < 2
    assert milliseconds == 500


def test_frames_share_the_time_evenly():
    durations = frame_durations(7, 0.48)
    assert sum(durations) == 48
    assert max(durations) - min(durations) <= 1


def test_bad_animations(tmp_path):
    path = tmp_path / "a.gif"
    with pytest.raises(ValueError, match="needs frames of one size, got 0"):
        save_gif(path, [], seconds=1.0)
    with pytest.raises(ValueError, match="needs frames of one size, got 2"):
        save_gif(path, [frames(1)[0], frames(1)[0][1:]], seconds=1.0)
    for seconds in (0.05, 1e9, float("nan")):
        with pytest.raises(ValueError, match=r"3 frames take from 0\.06 to 1800 s"):
            save_gif(path, frames(3), seconds=seconds)
    assert not path.exists()
