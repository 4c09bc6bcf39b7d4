"""Files that hold a geometry image: NPZ, EXR and 16-bit PNG.

============  ============================================================================
``.npz``      exact; any number of channels in `image`, `inside`, any maps in the same file
``.exr``      float32; R G B for three channels (a position), Y for one, else channel.0000 …;
              A is 1 inside, 0 outside
``.png``      16 bits; three channels (RGB) or one (grey): value = offset + scale · code / 65535
              for each, `scale` and `offset` in the text fields: exact to 1/65535 of the range
============  ============================================================================

In memory, and in NPZ, row 0 is v = 0. EXR and PNG have their origin at the top, so their writers
flip the rows and their readers flip them back: a viewer shows v upwards, as texturing programs
expect. The field ``meshkit:rows`` in the file says so. Texels outside the mesh are 0 in memory.
"""

import contextlib
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from meshkit.archive import read_archive
from meshkit.errors import FileFormatError
from meshkit.files import atomic_path
from meshkit.images.png16 import read_png16, write_png16
from meshkit.limits import check_size

SUFFIXES = (".npz", ".exr", ".png")
_TOP = 65535
_ROWS = "the top row is v = 1"


class ImageFile(NamedTuple):
    """A geometry image as read from a file; row 0 is v = 0."""

    image: Float[np.ndarray, "H W c"]
    inside: Bool[np.ndarray, "H W"]


def maps_path(path: Path | str) -> Path:
    """Return where the maps of an image file go: into an NPZ itself, beside a picture."""
    path = Path(path)
    return path if path.suffix.lower() == ".npz" else path.with_name(f"{path.stem}_maps.npz")


def save_image_file(
    path: Path | str,
    image: Float[np.ndarray, "H W c"],
    inside: Bool[np.ndarray, "h w"],
    *,
    maps: Mapping[str, np.ndarray] | None = None,
) -> list[Path]:
    """Write a geometry image; return the files written.

    Parameters
    ----------
    image : any unit
        Positions, or any other attribute; row 0 is v = 0. Texels not `inside` are written as 0.
    maps
        Further arrays by name (face_index, bary, …): see `maps_path`.

    Raises
    ------
    ValueError
        The suffix is unknown, the format cannot hold that number of channels, the shapes
        disagree, or a texel inside is not finite.
    OSError
        The folder is missing or cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    check_suffix(path)
    _check_channels(suffix, image.shape[2])
    if inside.shape != image.shape[:2]:
        raise ValueError(f"inside is {inside.shape}, the image {image.shape}")
    image = np.where(inside[..., None], image, 0.0)
    if place := _not_finite(image):
        raise ValueError(place)
    together = suffix == ".npz"
    written = [path]
    with atomic_path(path) as aside:
        if suffix == ".npz":
            _save_arrays(aside, {"image": image, "inside": inside, **(maps or {})})
        elif suffix == ".exr":
            _save_exr(aside, image, inside)
        else:
            _save_png(aside, image, inside)
        if maps and not together:  # inside the block: if this fails, the picture is not written
            with atomic_path(maps_path(path)) as maps_aside:
                _save_arrays(maps_aside, maps)
            written.append(maps_path(path))
    return written


def load_image_file(path: Path | str) -> ImageFile:
    """Read a geometry image that `save_image_file` wrote.

    Raises
    ------
    FileFormatError
        The suffix is unknown, the file is damaged or no geometry image, or a texel inside is not
        finite.
    OSError
        The file is missing or cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileFormatError(f"{path}: {_unknown(suffix)}")
    load = {".npz": _load_npz, ".exr": _load_exr, ".png": _load_png}[suffix]
    image, inside = load(path)
    image = np.where(inside[..., None], image, 0.0)
    if place := _not_finite(image):
        raise FileFormatError(f"{path}: {place}")
    return ImageFile(image, inside)


def check_suffix(path: Path) -> None:
    """Raise ValueError for a suffix that `save_image_file` does not write."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: {_unknown(path.suffix.lower())}")


def _check_channels(suffix: str, channels: int) -> None:
    if channels == 0 or (suffix == ".png" and channels not in (1, 3)):
        raise ValueError(
            f"{suffix} holds {'1 or 3' if suffix == '.png' else 'at least 1'} channels, "
            f"the image has {channels}" + (": use .npz or .exr" if channels else "")
        )


def _not_finite(image: np.ndarray) -> str:
    """Say where an image is not finite; nothing if it is everywhere."""
    bad = np.argwhere(~np.isfinite(image).all(axis=2))
    if not len(bad):
        return ""
    row, col = bad[0].tolist()
    return f"the image is not finite at row {row}, column {col}"


def _unknown(suffix: str) -> str:
    problem = f"unknown suffix {suffix!r}" if suffix else "no suffix"
    return f"{problem}; a geometry image is {' '.join(SUFFIXES)}"


def _save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(arrays))


def _load_npz(path: Path) -> ImageFile:
    arrays = read_archive(path, {"image", "inside"})
    image, inside = arrays.get("image"), arrays.get("inside")
    if image is None or inside is None:
        raise FileFormatError(f"{path} holds no arrays 'image' and 'inside'")
    sound = (
        image.ndim == 3
        and image.shape[2] > 0
        and image.dtype.kind == "f"
        and inside.dtype == np.bool_
        and inside.shape == image.shape[:2]
    )
    if not sound:
        raise FileFormatError(
            f"{path}: expected image (H, W, c) float and inside (H, W) bool, got "
            f"{image.dtype} {image.shape} and {inside.dtype} {inside.shape}"
        )
    return ImageFile(image.astype(np.float64), inside)


def _save_exr(
    path: Path, image: Float[np.ndarray, "H W c"], inside: Bool[np.ndarray, "H W"]
) -> None:
    import OpenEXR

    if np.abs(image).max(initial=0) > np.finfo(np.float32).max:
        raise ValueError("a value is too large for EXR, which is single precision: use .npz")
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "meshkit:rows": _ROWS,
    }
    planes = np.ascontiguousarray(image[::-1].transpose(2, 0, 1), dtype=np.float32)
    channels = dict(zip(_exr_names(len(planes)), planes, strict=True))
    channels["A"] = np.ascontiguousarray(inside[::-1], dtype=np.float32)
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))


def _exr_names(channels: int) -> list[str]:
    """Return the customary names, in our order; the file sorts them."""
    known = {1: ["Y"], 3: ["R", "G", "B"]}
    return known.get(channels, [f"channel.{k:04d}" for k in range(channels)])


def _load_exr(path: Path) -> ImageFile:
    import OpenEXR

    path.open("rb").close()  # a missing file is an OSError, which OpenEXR does not raise
    said = io.StringIO()  # OpenEXR prints its warnings on stdout, where results belong
    try:
        with contextlib.redirect_stdout(said):
            with OpenEXR.File(str(path), header_only=True) as file:
                (low, high), planes = file.header()["dataWindow"], file.header()["channels"]
            pixels = math.prod((high.astype(np.int64) - low + 1).tolist())
            check_size(path, max(pixels, 0) * len(planes) * 8)  # as floats
            with OpenEXR.File(str(path), separate_channels=True) as file:
                rows = file.header().get("meshkit:rows")
                channels = {name: np.array(c.pixels) for name, c in file.channels().items()}
    except FileFormatError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        reason = said.getvalue().strip() or error
        raise FileFormatError(f"{path}: not a sound EXR image: {reason}") from None
    names = _exr_names(len(channels) - 1)
    if rows != _ROWS or channels.keys() != {*names, "A"} or not names:
        raise FileFormatError(
            f"{path} is no geometry image of meshkit: it needs the channels A and R G B, Y or "
            "channel.0000 … and the attribute meshkit:rows, "
            f"found {' '.join(sorted(channels))}"
        )
    if len({plane.shape for plane in channels.values()}) != 1 or channels["A"].ndim != 2:
        raise FileFormatError(f"{path}: the channels differ in size")
    image = np.stack([channels[name] for name in names], axis=2).astype(np.float64)
    inside = channels["A"] > 0.5
    return ImageFile(image[::-1], inside[::-1])


def _save_png(
    path: Path, image: Float[np.ndarray, "H W c"], inside: Bool[np.ndarray, "H W"]
) -> None:
    offset, scale = np.zeros(image.shape[2]), np.zeros(image.shape[2])
    if inside.any():
        offset = image[inside].min(axis=0)
        scale = image[inside].max(axis=0) - offset
    share = np.divide(image - offset, scale, out=np.zeros_like(image), where=scale > 0)
    codes = np.rint(np.where(inside[..., None], share, 0.0).clip(0, 1) * _TOP).astype(np.uint16)
    if not inside.all():
        codes = np.concatenate([codes, (inside * _TOP).astype(np.uint16)[..., None]], axis=2)
    text = {
        "meshkit:offset": " ".join(map(repr, offset.tolist())),
        "meshkit:scale": " ".join(map(repr, scale.tolist())),
        "meshkit:rows": _ROWS,
        "Description": "geometry image: value = offset + scale * code / 65535",
    }
    write_png16(path, codes[::-1], text)


def _load_png(path: Path) -> ImageFile:
    codes, text = read_png16(path)
    if text.get("meshkit:rows") != _ROWS:
        raise FileFormatError(f"{path} is no geometry image of meshkit: no text field meshkit:rows")
    channels = 1 if codes.shape[2] < 3 else 3
    offset, scale = (
        _numbers(path, text, f"meshkit:{name}", channels) for name in ("offset", "scale")
    )
    opaque = codes.shape[2] == channels
    inside = np.ones(codes.shape[:2], bool) if opaque else codes[..., -1] > _TOP // 2
    image = offset + scale * (codes[..., :channels] / _TOP)
    return ImageFile(image[::-1], inside[::-1])


def _numbers(path: Path, text: Mapping[str, str], key: str, count: int) -> Float[np.ndarray, " c"]:
    words = text.get(key, "").split()
    number = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?")
    try:
        if len(words) == count and all(map(number.fullmatch, words)):
            return np.array([float(word) for word in words])
    except ValueError:
        pass
    raise FileFormatError(f"{path}: the text field {key} is not {count} numbers")
