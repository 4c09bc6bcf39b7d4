"""Damaged files of every format: an error that names the file, or a mesh; never anything else.

Each case is a sound file with a few mutations, made from its number alone: a failure names the
number, and `mutate(seed, default_rng(number))` gives the bytes again.
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

CASES = [("mesh", suffix) for suffix in MESH_SUFFIXES]
CASES += [("image", suffix) for suffix in (".npz", ".exr", ".png")]
NUMBERS = b"-1 0 4 nan inf 1e999 -7 99999999999999999999 2147483648 4294967295".split()
NUMBERS += [b"", b" ", b"\n", b"/", b"#", b"\\", b"\0", b"\xff", b'"', b"[", b"{", b"]}"]
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


def examine(path: Path) -> None:
    """Do with a mesh file what the commands do."""
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


def write_image(folder: Path, suffix: str) -> Path:
    image = np.arange(60, dtype=np.float64).reshape(4, 5, 3)
    save_image_file(folder / f"seed{suffix}", image, image[..., 0] > 3)
    return folder / f"seed{suffix}"


SEEDS = {"mesh": write_seed, "image": write_image}
EXAMINERS = {"mesh": examine, "image": load_image_file}


def attack(folder: Path, kind: str, suffix: str, numbers: range) -> int:
    """Return how many mutations were still read."""
    path, read, seed = folder / f"fuzz{suffix}", 0, SEEDS[kind](folder, suffix).read_bytes()
    for number in numbers:
        path.write_bytes(mutate(seed, np.random.default_rng(number)))
        start = time.perf_counter()
        try:
            EXAMINERS[kind](path)
            read += 1
        except (MeshError, OSError) as error:
            assert path.name in str(error)  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"{suffix} number {number}: {error!r}") from error
        spent = time.perf_counter() - start
        assert spent < SECONDS, f"{suffix} number {number} took {spent:.1f} s"
    return read


@pytest.mark.parametrize(("kind", "suffix"), CASES)
def test_damaged_files(kind, suffix, tmp_path):
    assert attack(tmp_path, kind, suffix, range(60)) < 60  # the mutations do damage


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "suffix"), CASES)
def test_damaged_files_in_thousands(kind, suffix, tmp_path):
    attack(tmp_path, kind, suffix, range(60, 2_600 if kind == "mesh" else 1_060))
