"""The HDF5 file: what goes in comes out, equal contents are equal bytes, damage has one line."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.datasets.store import check_dataset, load_dataset, write_dataset
from gan.errors import DatasetError
from meshkit.files import atomic_path

N, VERTICES = 12, 5


def contents(seed: int = 0) -> dict:
    """Return arguments for write_dataset: 4 subjects, a still and a sequence of two each."""
    rng = np.random.default_rng(seed)
    return {
        "faces": np.array([[0, 1, 2], [2, 1, 3], [2, 3, 4]]),
        "template": rng.normal(size=(VERTICES, 3)),
        "labels": {
            "identity": np.repeat(np.arange(4), 3),
            "expression": np.tile([1, -1, 0], 4),
        },
        "names": {"identity": ["a", "b", "c", "d"], "expression": ["neutral", "höppy"]},
        "subject": np.repeat(np.arange(4), 3),
        "sequence": np.array([-1, 0, 0, -1, 1, 1, -1, 2, 2, -1, 3, 3]),
        "frame": np.tile([0, 0, 1], 4),
        "split": np.repeat([0, 0, 1, 2], 3),
        "vertices": [rng.normal(size=(k, VERTICES, 3)) for k in (5, 1, 6)],
        "n": N,
        "modes": {"identity": rng.normal(size=(2, VERTICES, 3))},
        "landmarks": np.arange(68) % VERTICES,
        "provenance": {"seed": seed, "source": "test"},
    }


def write(path: Path, **changes) -> Path:
    write_dataset(path, **(contents() | changes))
    return path


@pytest.fixture
def stored(tmp_path) -> Path:
    return write(tmp_path / "set.h5")


@settings(deadline=None, max_examples=30)
@given(indices=st.lists(st.integers(0, N - 1), max_size=20))
def test_vertices_come_back_in_the_asked_order(tmp_path_factory, indices):
    path = write(tmp_path_factory.mktemp("store") / "set.h5")
    everything = np.concatenate(contents()["vertices"]).astype(np.float32)
    with load_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.vertices(indices), everything[indices])


def test_what_is_written_is_what_is_read(stored):
    given_ = contents()
    with load_dataset(stored) as dataset:
        for name in ("faces", "subject", "sequence", "frame", "split", "landmarks"):
            np.testing.assert_array_equal(getattr(dataset, name), given_[name])
        np.testing.assert_array_equal(dataset.template, given_["template"].astype(np.float32))
        for factor, label in given_["labels"].items():
            np.testing.assert_array_equal(dataset.labels[factor], label)
            assert dataset.names[factor] == tuple(given_["names"][factor])
        expected = given_["modes"]["identity"].astype(np.float32)
        np.testing.assert_array_equal(dataset.modes["identity"], expected)
        assert dataset.provenance == given_["provenance"]
        splits = [dataset.indices(s).tolist() for s in ("validation", "test")]
        assert splits == [[6, 7, 8], [9, 10, 11]]
        sizes = [len(chunk) for chunk in dataset.chunks(dataset.indices("train"), size=4)]
        assert sizes == [4, 2]
        check_dataset(dataset)


def test_equal_contents_are_equal_bytes(tmp_path):
    first = write(tmp_path / "first.h5").read_bytes()
    time.sleep(1.1)  # HDF5's time stamps count seconds
    again = write(tmp_path / "again.h5").read_bytes()
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(again).hexdigest()


@pytest.mark.parametrize("what", ["vertices", "template", "faces", "labels", "names", "split"])
def test_the_fingerprint_sees_every_change(tmp_path, stored, what):
    changed = contents()
    match what:
        case "vertices":
            changed[what][2][5, 4, 2] += 1
        case "template":
            changed[what][0, 0] += 1
        case "faces":
            changed[what][0] = np.roll(changed[what][0], 1)
        case "labels":
            changed[what]["expression"][4] = 0
        case "names":
            changed[what]["expression"] = ["neutral", "happy"]
        case "split":
            changed[what][changed[what] == 2] = 0
    write_dataset(tmp_path / "other.h5", **changed)
    with load_dataset(stored) as one, load_dataset(tmp_path / "other.h5") as other:
        assert one.fingerprint != other.fingerprint


def test_vertices_are_chunked_for_single_meshes(tmp_path):
    big = {"template": np.zeros((9000, 3)), "modes": None}
    path = write(tmp_path / "big.h5", vertices=[np.zeros((N, 9000, 3), "f4")], **big)
    with h5py.File(path) as file:
        assert file["vertices"].chunks == (2, 9000, 3)


def test_many_long_class_names_fit(tmp_path):
    names = contents()["names"] | {
        "identity": [f"subject with a long name {i}" for i in range(9999)]
    }
    with load_dataset(write(tmp_path / "set.h5", names=names)) as dataset:
        assert dataset.names["identity"] == tuple(names["identity"])


def test_topology_is_compared(stored):
    with load_dataset(stored) as dataset:
        faces = dataset.faces.copy()
        dataset.check_topology(faces)
        faces[1] = faces[1, ::-1]
        with pytest.raises(DatasetError, match=r"/faces\[1\] = \[2, 1, 3\], t.obj has \[3, 1, 2\]"):
            dataset.check_topology(faces, "t.obj")
        with pytest.raises(DatasetError, match="other topology: 3 faces, the template has 2"):
            dataset.check_topology(faces[:2])


REFUSED = {
    "no meshes": ({"n": 0, "vertices": []}, "holds no meshes"),
    "no labels": ({"labels": {}, "names": {}}, "/labels is empty"),
    "one class": ({"names": {"identity": ["a"], "expression": ["x", "y"]}}, "has 1 class"),
    "no names": ({"names": {"identity": ["a", "b", "c", "d"]}}, "/labels/expression lacks"),
    "twice": ({"names": {"identity": list("abca"), "expression": ["x", "y"]}}, "one name"),
    "unlabelled": (
        {"labels": contents()["labels"] | {"expression": np.full(N, -1)}},
        "/labels/expression: no mesh is labelled",
    ),
    "outside": (
        {"labels": contents()["labels"] | {"expression": np.arange(N) - 1}},
        r"/labels/expression\[3\] is 2, expected -1 to 1",
    ),
    "short": ({"frame": np.zeros(3, int)}, r"/frame has shape \(3,\), expected \(12,\)"),
    "split in a subject": ({"split": np.arange(N) % 3}, r"subject 0 has more than one split"),
    "unknown split": ({"split": np.full(N, 3)}, r"/split\[0\] is 3"),
    "shared sequence": ({"sequence": np.zeros(N, int)}, "sequence 0 has more than one subject"),
    "face": ({"faces": np.array([[0, 1, 5]])}, r"/faces\[0, 2\] is 5"),
    "repeated corner": ({"faces": np.array([[0, 1, 1]])}, "repeats a vertex"),
    "template": (
        {"template": np.full((VERTICES, 3), np.nan)},
        r"/template\[0, 0\] is not finite: nan",
    ),
    "modes": ({"modes": {"identity": np.zeros((1, 4, 3))}}, r"/modes/identity has shape"),
    "landmarks": ({"landmarks": np.full(68, 5)}, r"/landmarks\[0\] is 5"),
    "too few": ({"vertices": [np.zeros((11, VERTICES, 3))]}, "got 11 meshes, expected 12"),
    "too many": ({"vertices": [np.zeros((13, VERTICES, 3))]}, "got 13 meshes"),
    "vertex count": ({"vertices": [np.zeros((12, 4, 3))]}, r"shape \(4, 3\)"),
    "nan": (
        {"vertices": [np.zeros((9, VERTICES, 3)), np.full((3, VERTICES, 3), np.inf)]},
        r"/vertices\[9, 0\] is not finite",
    ),
    "overflow": ({"subject": np.full(N, 2**40)}, "/subject does not fit into int32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_writing_refuses_and_leaves_nothing(tmp_path, case):
    changes, message = REFUSED[case]
    with pytest.raises(DatasetError, match=message):
        write(tmp_path / "set.h5", **changes)
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_the_old_file(tmp_path, stored):
    before = stored.read_bytes()

    def interrupted():
        yield np.zeros((4, VERTICES, 3))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(stored, vertices=interrupted())
    assert stored.read_bytes() == before
    assert list(tmp_path.iterdir()) == [stored]


def test_what_a_killed_writer_left_goes_with_the_next_data_set(tmp_path, stored):
    with atomic_path(stored) as aside:
        aside.write_bytes(b"half")
        ended = subprocess.Popen(["true"])
        ended.wait()
        left = aside.with_name(aside.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
        left.write_bytes(b"half")
        (tmp_path / ".mine.h5").write_bytes(b"a hidden file of the user's")
    write(tmp_path / "another.h5")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".mine.h5", "another.h5", "set.h5"]


def soft_link(file, path):
    del file["faces"]
    file["faces"] = h5py.SoftLink("/template")


def external_link(file, path):
    with h5py.File(path.with_name("secret.h5"), "w") as other:
        other["faces"] = np.array([[0, 1, 2]], dtype="i4")
    del file["faces"]
    file["faces"] = h5py.ExternalLink("secret.h5", "/faces")


def external_group(file, path):
    with h5py.File(path.with_name("secret.h5"), "w") as other:
        other["labels/identity"] = np.zeros(N, dtype="i2")
    del file["labels"]
    file["labels"] = h5py.ExternalLink("secret.h5", "/labels")


def external_storage(file, path):
    path.with_name("secret.bin").write_bytes(bytes(N * 4))
    del file["frame"]
    where = [(str(path.with_name("secret.bin")), 0, N * 4)]
    file.create_dataset("frame", (N,), "i4", external=where)


def virtual(file, path):
    with h5py.File(path.with_name("secret.h5"), "w") as other:
        other["frame"] = np.zeros(N, dtype="i4")
    layout = h5py.VirtualLayout((N,), "i4")
    layout[:] = h5py.VirtualSource(str(path.with_name("secret.h5")), "frame", shape=(N,))
    del file["frame"]
    file.create_virtual_dataset("frame", layout)


def huge(file, path):
    del file["vertices"]
    file.create_dataset("vertices", (10**12, VERTICES, 3), "f4", chunks=(1, VERTICES, 3))


def lzf(file, path):
    stored = file["frame"][()]
    del file["frame"]
    file.create_dataset("frame", data=stored, compression="lzf")


def huge_chunk(file, path):
    del file["vertices"]
    shape = (10**8, VERTICES, 3)
    file.create_dataset("vertices", shape, "f4", chunks=(5 * 10**6, VERTICES, 3))


def retyped(file, path):
    del file["frame"]
    file["frame"] = np.zeros(N)


def pickled(file, path):
    del file["frame"]
    file.create_dataset("frame", (N,), h5py.string_dtype())


def delete(name):
    return lambda file, path: file.__delitem__(name)


def attribute(name, value, at="/"):
    return lambda file, path: file[at].attrs.__setitem__(name, value)


def poison(file, path):
    file["template"][3, 1] = np.nan


DAMAGE = {
    "soft link": (soft_link, "/faces is a link"),
    "external link": (external_link, "/faces is a link"),
    "external group": (external_group, "/labels is a link"),
    "external storage": (external_storage, "/frame lies in another file"),
    "virtual": (virtual, "/frame lies in another file"),
    "huge": (huge, "/vertices is incomplete: 0 bytes stored"),
    "lzf": (lzf, "/frame is stored by HDF5's filter 32000; of filters only gzip, shuffle"),
    "huge chunk": (huge_chunk, "/vertices lies in chunks of 5000000x5x3, more than 256 MiB"),
    "float frames": (retyped, "/frame has type float64, expected int32"),
    "strings": (pickled, "/frame has type object"),
    "format": (attribute("format", "other"), "format is 'other'"),
    "version": (attribute("version", 2), "version is .*2.*, expected 1"),
    "units": (attribute("units", "cm"), "units is 'cm', expected 'mm'"),
    "names": (attribute("names", "{", "labels/identity"), "labels/identity@names is not JSON"),
    "names kind": (attribute("names", "{}", "labels/identity"), "must be a JSON list"),
    "names types": (attribute("names", "[1, [2]]", "labels/identity"), "lacks its list"),
    "deep": (attribute("provenance", "[" * 60000), "provenance is not JSON"),
    "nan": (poison, r"/template\[3, 1\] is not finite: nan"),
    **{
        f"no {name}": (delete(name), f"/{name} is missing")
        for name in ("vertices", "faces", "template", "subject", "sequence", "frame", "split")
    },
    "no labels": (delete("labels"), "/labels is empty"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_reading_refuses(stored, case):
    damage, message = DAMAGE[case]
    with h5py.File(stored, "r+") as file:
        damage(file, stored)
    with pytest.raises(DatasetError, match=message) as caught:
        load_dataset(stored)
    assert str(caught.value).startswith(str(stored))
    assert "\n" not in str(caught.value)


def test_a_nan_on_disk_is_found_when_it_is_read(stored):
    with h5py.File(stored, "r+") as file:
        file["vertices"][7, 2, 1] = np.nan
    with load_dataset(stored) as dataset:
        dataset.vertices([0, 6])
        with pytest.raises(DatasetError, match=r"/vertices\[7, 2\] is not finite"):
            dataset.vertices([9, 7])


def test_a_changed_vertex_is_found_by_the_check(stored):
    with h5py.File(stored, "r+") as file:
        file["vertices"][7, 2, 1] += 1
    with load_dataset(stored) as dataset, pytest.raises(DatasetError, match="was changed after"):
        check_dataset(dataset)


def test_every_truncation_is_refused_or_harmless(stored):
    """Cut anywhere: either an error of ours, or (never, for this layout) the same contents."""
    whole = stored.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 60).astype(int):
        stored.write_bytes(whole[:size])
        with pytest.raises(DatasetError, match=r"set\.h5: (truncated|not an HDF5 file)"):
            load_dataset(stored)


def test_missing_file_folder_and_text(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_dataset(tmp_path / "absent.h5")
    with pytest.raises(IsADirectoryError):
        load_dataset(tmp_path)
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(DatasetError, match="not an HDF5 file"):
        load_dataset(tmp_path / "text.h5")


def test_absent_and_read_only_targets(tmp_path, stored, monkeypatch):
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        write(tmp_path / "absent" / "set.h5")
    before = stored.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="is read-only"):
        write(stored)
    assert stored.read_bytes() == before


def test_bad_indices_and_split_names(stored):
    with load_dataset(stored) as dataset:
        with pytest.raises(ValueError, match=r"mesh indices must be in \[0, 12\)"):
            dataset.vertices([12])
        with pytest.raises(ValueError, match="split must be one of train, validation, test"):
            dataset.indices("dev")
