"""Mutated HDF5 data sets: read as what they are, or refused with one clear line.

Attributes, shapes, types, values, links, filters, and bytes. Each case is made from its number
alone. The reading happens in children, since a library that crashes or hangs would take the tests
with it.
"""

import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from gan.datasets.store import check_dataset, load_dataset
from gan.errors import MAX_CHARACTERS, DatasetError
from gan.training.loop import start
from meshkit.errors import SolveError
from tests.gan.conftest import blobs, tiny
from tests.system.dice import Rng, pick

ARRAYS = ["vertices", "faces", "template", "subject", "sequence", "frame", "split"]
ARRAYS += ["labels/identity", "labels/expression"]
ATTRIBUTES = [("/", "format"), ("/", "version"), ("/", "units"), ("/", "provenance")]
ATTRIBUTES += [("vertices", "sha256"), ("labels/identity", "names"), ("labels/expression", "names")]
VALUES: list[Any] = ["", "mm", "x" * 50_000, "[" * 50_000, "{}", "[]", '["a"]', '["a", "a", "b"]']
VALUES += ["[1, 2]", '["a\\n", "b", "\\u2028"]', "null", "\x01", 0, 1, -1, 2**40, np.nan, True]
VALUES += [b"\xff\xfe", np.arange(5), np.zeros((2, 0)), h5py.Empty("f4"), ["a", "b"], 1.0]
VALUES += [json.dumps([f"class {i}" for i in range(400)]), np.array("x", dtype="S1")]
TYPES: list[Any] = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u8", ">f4", ">i4", "?", "c8"]
TYPES += ["S4", h5py.string_dtype(), h5py.vlen_dtype("i4"), h5py.ref_dtype, [("a", "f4")], "V3"]
TYPES += [h5py.enum_dtype({"a": 1}, "i4")]
SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (72,), (72, 1), (73,), (3,), (72, 37, 3)]
SHAPES += [(0, 37, 3), (72, 36, 3), (37, 3), (37, 2), (0, 3), (1, 1, 1, 1), (10**9,), (2, 3)]
SHAPES += [(10**6, 37, 3)]
CODES: list[tuple[int, tuple[int, ...]]] = [(32_000, ()), (32_015, (3,)), (305, ()), (4, (8, 8))]
SECONDS = 5
BATCH = 250


def set_attribute(file: h5py.File, rng: Rng) -> None:
    node, name = pick(rng, ATTRIBUTES)
    if rng.random() < 0.2:
        del file[node].attrs[name]
    else:
        file[node].attrs[name] = pick(rng, VALUES)


def replace_array(file: h5py.File, rng: Rng) -> None:
    name, shape = pick(rng, ARRAYS), pick(rng, SHAPES)
    old = file[name].shape
    kind = file[name].dtype if rng.random() < 0.4 else pick(rng, TYPES)
    shape = old if rng.random() < 0.4 else shape
    attributes = dict(file[name].attrs)
    del file[name]
    large = int(np.prod(shape, dtype=float)) > 10**6
    options: dict[str, Any] = {"chunks": tuple(min(n, 50) for n in shape)} if large else {}
    if not large and shape and 0 not in shape and rng.random() < 0.4:
        options = pick(rng, [{"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True}])
        options |= pick(rng, [{}, {"shuffle": True}, {"maxshape": (None, *shape[1:])}])
    made = file.create_dataset(name, shape, kind, **options)
    made.attrs.update(attributes)


def change_value(file: h5py.File, rng: Rng) -> None:
    array = file[pick(rng, ARRAYS)]
    at = tuple(int(rng.integers(n)) for n in array.shape)
    with np.errstate(all="ignore"):
        value = pick(rng, [-1, -2, 0, 1, 2, 3, 36, 37, 127, 2**15 - 1, np.nan, np.inf, 1e30])
        if array.dtype.kind in "iu":
            value = int(np.clip(np.nan_to_num(value), -128, np.iinfo(array.dtype).max))
        if array.dtype.kind in "iuf":
            array[at] = value


def relink(file: h5py.File, rng: Rng) -> None:
    name = pick(rng, [*ARRAYS, "labels", "modes", "landmarks", "labels/mood"])
    links = [h5py.SoftLink("/nowhere"), h5py.SoftLink(f"/{name}"), h5py.SoftLink("/template")]
    links += [h5py.ExternalLink("/etc/hostname", "/x"), h5py.ExternalLink("absent.h5", "/faces")]
    links += [file["/"], file["template"]]
    link = pick(rng, links)
    if name in file:
        del file[name]
    file[name] = link


def move(file: h5py.File, rng: Rng) -> None:
    target = pick(rng, ["labels/a b", "labels/1", "labels/größe", "x", "labels/noise", "modes/id"])
    if target not in file:
        file.move(pick(rng, ARRAYS), target)


def nest(file: h5py.File, rng: Rng) -> None:
    """A group where an array belongs."""
    name = pick(rng, [*ARRAYS, "landmarks", "labels/mood", "modes/identity"])
    if name in file:
        del file[name]
    file.create_group(name)


def filtered(file: h5py.File, rng: Rng) -> None:
    """An array by a filter that only a plug-in, or nobody, can read."""
    name = pick(rng, ARRAYS)
    old = file[name]
    shape, kind, attributes = old.shape, h5py.h5t.py_create(old.dtype), dict(old.attrs)
    del file[name]
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk(shape)
    code, values = pick(rng, CODES)
    plan.set_filter(code, h5py.h5z.FLAG_OPTIONAL, values)
    space = h5py.h5s.create_simple(shape)
    folder, _, leaf = name.rpartition("/")
    made = h5py.h5d.create(file[folder or "/"].id, leaf.encode(), kind, space, plan)
    h5py.Dataset(made).attrs.update(attributes)


MUTATIONS: list[Callable[[h5py.File, Rng], None]] = [set_attribute, set_attribute, replace_array]
MUTATIONS += [replace_array, change_value, change_value, relink, move, nest, filtered]


def write_case(seed: bytes, number: int, path: Path) -> None:
    """Write the mutated file of a number."""
    rng = np.random.default_rng([5, number])
    path.write_bytes(seed)
    if rng.random() < 0.85:
        with h5py.File(path, "r+") as file:
            for _ in range(int(rng.integers(1, 3))):
                try:
                    pick(rng, MUTATIONS)(file, rng)
                except (KeyError, ValueError, TypeError, OSError, RuntimeError, AttributeError):
                    continue  # what an earlier mutation made cannot be mutated so
    if rng.random() < 0.25:
        data = bytearray(path.read_bytes())
        if rng.random() < 0.3:
            data = data[: int(rng.integers(len(data)))]
        for _ in range(int(rng.integers(0, 6))):
            if data:
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
        path.write_bytes(bytes(data))


def examine(path: Path, *, train: bool) -> str:
    """Return "read" or "refused"; raise what should not be."""
    try:
        with load_dataset(path) as dataset:
            check_dataset(dataset)
            if train:
                start(tiny(), dataset, torch.device("cpu"))
        return "read"
    except (DatasetError, SolveError) as error:
        message = str(error)
    except ValueError as error:  # of the mesh or the configuration, when it trains
        if not train:
            raise
        message = str(error)
    assert message.isprintable()
    assert len(message) <= max(MAX_CHARACTERS, len(str(path)) + 400)
    return "refused"


def child(seed: bytes, numbers: range, folder: Path, train_every: int) -> None:
    """Examine the cases, noting each; a signal or an exception ends it at the one it is at."""
    notes = (folder / "notes.txt").open("a", buffering=1)
    code = 1
    try:
        torch.set_num_threads(1)
        for number in numbers:
            notes.write(f"{number} ")
            notes.flush()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of its own time; SIGPROF ends it
            signal.alarm(60 * SECONDS)
            write_case(seed, number, folder / "fuzz.h5")
            notes.write(examine(folder / "fuzz.h5", train=number % train_every == 0) + "\n")
        code = 0
    except BaseException:
        notes.write(traceback.format_exc())
    finally:
        os._exit(code)


def attack(folder: Path, numbers: range, *, train_every: int) -> dict[str, int]:
    """Return how many were read and how many refused."""
    seed = blobs(folder / "blobs.h5", rings=3).read_bytes()
    notes = folder / "notes.txt"
    for first in range(numbers.start, numbers.stop, BATCH):
        pid = os.fork()
        if pid == 0:
            child(seed, range(first, min(first + BATCH, numbers.stop)), folder, train_every)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == 0, f"ended by {status} at number {notes.read_text()[-3000:]}"
    results = [line.split()[1] for line in notes.read_text().splitlines()]
    assert len(results) == len(numbers)
    return {result: results.count(result) for result in ("read", "refused")}


def test_mutated_headers(tmp_path):
    results = attack(tmp_path, range(250), train_every=10**9)
    assert min(results.values()) > 10


@pytest.mark.slow
def test_mutated_headers_in_thousands(tmp_path, monkeypatch, record_property):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    results = attack(tmp_path, range(250, 10_250), train_every=200)
    record_property("results", str(results))
    assert min(results.values()) > 400
