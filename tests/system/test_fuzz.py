"""Damaged files of every format: an error that names the file, or a mesh; never anything else.

Each case is a sound file with a few mutations, made from its number alone: a failure names the
number, and `mutated(suffix, number)` gives the bytes again.
"""

import contextlib
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from meshkit.cli.geomimg import REFUSED
from meshkit.cli.source import require
from meshkit.diagnose import diagnose
from meshkit.doctor.diagnose_uv import uv_findings
from meshkit.errors import MeshError, SolveError
from meshkit.images.image_files import load_image_file, save_image_file
from meshkit.images.layout import file_layout
from meshkit.io import load_mesh
from meshkit.param import parameterize
from tests.mesh_files import MESH_SUFFIXES, write_seed

IMAGE_SUFFIXES = (".npz", ".exr", ".png")
NUMBERS = [
    b"-1",
    b"0",
    b"4",
    b"nan",
    b"inf",
    b"1e999",
    b"-7",
    b"99999999999999999999",
    b"2147483648",
]
NUMBERS += [
    b"4294967295",
    b"",
    b" ",
    b"\n",
    b"/",
    b"#",
    b"\\",
    b"\0",
    b"\xff",
    b'"',
    b"[",
    b"{",
    b"]}",
]
SECONDS = 2.0  # for one file of a few hundred bytes; most take a millisecond


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Change, insert, delete, double or swap bytes or words, up to four times."""
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(data) + 1))
        length = int(rng.integers(0, 1 + min(40, len(data))))
        word = NUMBERS[int(rng.integers(len(NUMBERS)))]
        other = int(rng.integers(0, len(data) + 1))
        match int(rng.integers(0, 8)):
            case 0:
                data = data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + length :]
            case 2:
                data = data[:at] + data[at : at + length] * 2 + data[at + length :]
            case 3:
                data = data[:at] + rng.bytes(length) + data[at:]
            case 4:
                data = data[:at]
            case 5:
                data = data[:at] + word + data[at + len(word) :]
            case 6:
                data = data[:at] + data[other : other + length] + data[at + length :]
            case _:
                words = data.split(b" ")
                words[int(rng.integers(len(words)))] = word
                data = b" ".join(words)
        if not data:
            return data
    return data


def mutated(seed: bytes, number: int) -> bytes:
    return mutate(seed, np.random.default_rng(number))


def examine(path: Path) -> bool:
    """Do with a mesh file what the commands do; answer whether it was read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mesh = load_mesh(path)
    diagnosis = diagnose(mesh.V, mesh.F)
    uv_findings(mesh)
    if mesh.UV is not None or mesh.UV_corner is not None:
        with contextlib.suppress(MeshError):
            require(path, mesh, REFUSED)
            file_layout(mesh, allow_seams=True)
    if not diagnosis.errors:
        with contextlib.suppress(MeshError, SolveError):
            parameterize(mesh.V, mesh.F, fill_holes=True)
    return True


def attack(folder: Path, seed: bytes, suffix: str, numbers: range) -> int:
    """Return how many mutations were still read as a mesh."""
    path, read = folder / f"fuzz{suffix}", 0
    for number in numbers:
        path.write_bytes(mutated(seed, number))
        start = time.perf_counter()
        try:
            read += examine(path)
        except (MeshError, OSError) as error:
            assert path.name in str(error)  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"{suffix} number {number}: {error!r}") from error
        spent = time.perf_counter() - start
        assert spent < SECONDS, f"{suffix} number {number} took {spent:.1f} s"
    return read


def attack_image(folder: Path, seed: bytes, suffix: str, numbers: range) -> None:
    path = folder / f"fuzz{suffix}"
    for number in numbers:
        path.write_bytes(mutated(seed, number))
        try:
            load_image_file(path)
        except (MeshError, OSError) as error:
            assert path.name in str(error)  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"{suffix} number {number}: {error!r}") from error


def image_seed(folder: Path, suffix: str) -> bytes:
    image = np.arange(60, dtype=np.float64).reshape(4, 5, 3)
    inside = image[..., 0] > 3
    save_image_file(folder / f"seed{suffix}", image, inside)
    return (folder / f"seed{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_damaged_meshes(suffix, tmp_path):
    seed = write_seed(tmp_path, suffix).read_bytes()
    read = attack(tmp_path, seed, suffix, range(60))
    assert read < 60  # the mutations do damage


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_damaged_images(suffix, tmp_path):
    attack_image(tmp_path, image_seed(tmp_path, suffix), suffix, range(60))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_damaged_meshes_in_thousands(suffix, tmp_path):
    seed = write_seed(tmp_path, suffix).read_bytes()
    attack(tmp_path, seed, suffix, range(60, 2_600))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_damaged_images_in_thousands(suffix, tmp_path):
    attack_image(tmp_path, image_seed(tmp_path, suffix), suffix, range(60, 1_060))
