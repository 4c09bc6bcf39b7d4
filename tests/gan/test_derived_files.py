"""A damaged file of what can be computed again: it is said, and the result is the same."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.sparse as sp

from gan.baselines.depth import cached_depth, depth_camera
from gan.datasets import hdf5_probe
from gan.datasets.importing import dataset as importing
from gan.datasets.make import default_dataset
from gan.datasets.store import load_dataset
from gan.errors import DatasetError
from gan.evaluation.embedding.kept_pictures import KeptPictures
from gan.evaluation.kept import KeptParts
from gan.training.images import cached_images
from gan.training.loop import train
from gan.training.statistics import displacement_statistics
from meshkit.registration.kept_fits import KeptFits
from meshkit.registration.similarity import Similarity
from meshkit.registration.template_fit import TemplateFit
from tests.gan.conftest import tiny
from tests.gan.registered import write_folder
from tests.gan.runs import empty, flip, truncate
from tests.gan.test_embedding import judge_of
from tests.gan.test_import import run as run_import
from tests.gan.test_kept_parts import measure

ROWS = np.arange(12)


def images(dataset, folder):
    S = sp.csr_array(np.eye(16, len(dataset.template)))
    return np.array(cached_images(dataset, ROWS, S, 4, folder))


def depth(dataset, folder):
    camera = depth_camera(dataset.template, 8)
    return np.array(cached_depth(dataset, ROWS, camera, folder, lambda k: None))


def statistics(dataset, folder):
    labels = {"identity": ROWS // 4, "expression": ROWS % 4}
    return displacement_statistics(dataset, ROWS, labels, 3, folder).components


def parts(dataset, folder):
    return repr(measure(dataset, KeptParts(folder, {"model": "m"})).as_dict())


def pictures(dataset, folder):
    kept = KeptPictures(folder / "p.npy", 5, 4)
    gray = np.full((5, 4, 4, 3), 7, dtype=np.uint8)
    kept.draw_missing(ROWS[:5], lambda k: gray[k], "pictures", print)
    return kept[ROWS[:5]]


def fits(dataset, folder):
    V = np.random.default_rng(0).normal(size=(9, 3))
    kept = KeptFits(folder, b"settings", [b"frame"])
    if (0, 0) not in kept:
        kept[0, 0] = TemplateFit(V, Similarity(np.eye(3), V[0], 1.0), V[:, 0])
    return kept[0, 0].V


@pytest.mark.parametrize("damage", [truncate, flip, empty])
@pytest.mark.parametrize("make", [images, depth, statistics, parts, pictures, fits])
def test_a_damaged_file_is_made_anew(dataset, tmp_path, make, damage):
    first = make(dataset, tmp_path)
    for path in sorted(tmp_path.rglob("*.np[yz]")) + sorted(tmp_path.rglob("*.json")):
        damage(path)
        with pytest.warns(UserWarning, match="damaged"):
            again = make(dataset, tmp_path)
        np.testing.assert_array_equal(again, first)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(make(dataset, tmp_path), first)


@pytest.mark.parametrize("damage", [truncate, flip, empty])
def test_damaged_meshes_of_an_interrupted_import_are_read_again(tmp_path, monkeypatch, damage):
    write_folder(tmp_path / "meshes")
    monkeypatch.setattr(importing.WorkFolder, "remove", lambda work: None)
    out, _ = run_import(tmp_path / "meshes")
    first = out.read_bytes()
    damage(min((tmp_path / ".out.h5.import").rglob("*.npy")))
    with pytest.warns(UserWarning, match="damaged"):
        run_import(tmp_path / "meshes")
    assert out.read_bytes() == first


@pytest.mark.parametrize("name", ["weights.safetensors", "judge.json"])
def test_a_damaged_judge_is_trained_anew(people, tmp_path, name):
    first = judge_of(people, tmp_path)
    flip(*tmp_path.rglob(name))
    with pytest.warns(UserWarning, match="damaged.*trained anew"):
        assert judge_of(people, tmp_path).threshold == first.threshold


def test_a_flipped_bit_of_a_data_set_is_refused_or_changes_nothing(tiny_dataset, tmp_path):
    def read(path: Path) -> tuple[str, bytes]:
        with load_dataset(path) as dataset:
            return dataset.fingerprint, dataset.vertices(np.arange(dataset.n)).tobytes()

    data, expected = tiny_dataset.read_bytes(), read(tiny_dataset)
    rng, refused = np.random.default_rng(0), 0
    for place in rng.integers(len(data), size=200).tolist():
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        path = tmp_path / "flipped.h5"
        path.write_bytes(flipped)
        try:
            assert read(path) == expected
        except DatasetError:
            refused += 1
    assert refused > 100


def test_the_data_set_of_the_cache_is_made_anew():
    path = default_dataset("tiny")
    first = path.read_bytes()
    flip(path)
    with pytest.warns(UserWarning, match="made anew"):
        default_dataset("tiny")
    assert path.read_bytes() == first


def test_a_run_does_not_go_on_with_other_vertices(tiny_dataset, tmp_path):
    train(tiny(), tiny_dataset, tmp_path / "run", device="cpu")
    with h5py.File(tiny_dataset, "r+") as file:
        file["vertices"][3] += 1
    with pytest.raises(DatasetError, match="was changed after it was written"):
        train(tiny(), tiny_dataset, tmp_path / "run", resume=True, device="cpu")


def test_a_data_set_with_which_hdf5_does_not_end_is_refused(tiny_dataset, tmp_path, monkeypatch):
    """A child that hangs, as on a corrupt global heap, or crashes is ended; the next file reads."""
    path = tmp_path / "hangs.h5"
    path.write_bytes(tiny_dataset.read_bytes())
    for way in ("import time; time.sleep(99)", "import os; os.abort()"):
        with monkeypatch.context() as patched:
            hdf5_probe._end()
            patched.setattr(hdf5_probe, "_CHILD", f"input(); {way}")
            patched.setattr(hdf5_probe, "SECONDS", 1.0)
            with pytest.raises(DatasetError, match="does not come to an end"):
                load_dataset(path)
    load_dataset(path).close()
