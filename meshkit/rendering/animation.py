"""Moving pictures: GIF, which every page shows, and MP4, which is smaller and smoother."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from meshkit.files import atomic_path

_COLORS = 256
# The palette is chosen from this many frames: all of them share it, so colours do not flicker.
_FOR_PALETTE = 8
MIN_DURATION = 2  # hundredths of a second; viewers slow down what is faster
MAX_DURATION = 60_000  # the format has 16 bits


def save_gif(
    path: Path | str, frames: Sequence[UInt8[np.ndarray, "h w 3"]], *, seconds: float
) -> float:
    """Write frames as a GIF that loops forever, whole or not at all.

    Equal frames in a row are stored as one that stays longer.

    Parameters
    ----------
    seconds : s
        Of one loop. The format counts hundredths: frames differ by one where it does not divide.

    Returns
    -------
    seconds : s
        What was written.

    Raises
    ------
    ValueError
        There is no frame, frames differ in size, or `seconds` are out of range for them.
    """
    from PIL import Image

    if not frames or len({frame.shape for frame in frames}) > 1:
        sizes = sorted({frame.shape for frame in frames})
        raise ValueError(f"an animation needs frames of one size, got {len(frames)}: {sizes}")
    durations = frame_durations(len(frames), seconds)
    chosen = np.unique(np.linspace(0, len(frames) - 1, _FOR_PALETTE).astype(int))
    montage = Image.fromarray(np.concatenate([frames[k] for k in chosen]))
    palette = montage.quantize(_COLORS, method=Image.Quantize.MEDIANCUT)
    pictures = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for frame in frames
    ]
    with atomic_path(path) as aside:
        pictures[0].save(
            aside,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=[10 * hundredths for hundredths in durations],  # in milliseconds
            loop=0,
            optimize=False,
        )
    return sum(durations) / 100


def save_mp4(path: Path | str, frames: Iterable[UInt8[np.ndarray, "h w 3"]], *, fps: int) -> None:
    """Write frames as H.264 in an MP4 file, whole or not at all; needs PyAV.

    Frames are taken one by one. An odd last row or column is left out: the format has even sides.

    Raises
    ------
    ModuleNotFoundError
        PyAV is not installed.
    ValueError
        There is no frame.
    """
    import av

    with atomic_path(path) as aside, av.open(str(aside), "w", format="mp4") as container:
        stream = container.add_stream("h264", rate=fps)
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18"}  # what all play
        empty = True
        for picture in frames:
            height, width = (side // 2 * 2 for side in picture.shape[:2])
            if empty:
                stream.height, stream.width, empty = height, width, False
            even = np.ascontiguousarray(picture[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        if empty:
            raise ValueError("an animation needs a frame")
        container.mux(stream.encode())


def frame_durations(frames: int, seconds: float) -> list[int]:
    """Share a duration out among frames, in hundredths of a second.

    Raises
    ------
    ValueError
        A frame would stay less than 0.02 s, or more than a GIF can hold.
    """
    shortest, longest = MIN_DURATION * frames / 100, MAX_DURATION * frames / 100
    if not shortest <= seconds <= longest:
        raise ValueError(
            f"{frames} frames take from {shortest:g} to {longest:g} s, got {seconds:g} s"
        )
    ends = np.rint(np.linspace(0, seconds * 100, frames + 1)).astype(int)
    return [int(duration) for duration in np.diff(ends)]
