"""The file of transfer pairs: what is written is read; what breaks a rule is refused by name."""

import h5py
import numpy as np
import pytest

from gan.datasets.benchmark.transfer_pairs import (
    judges_path,
    load_transfer,
    transfer_path,
    write_transfer,
)
from gan.errors import DatasetError
from meshkit.primitives import hemisphere

V, F = hemisphere(3)
NAMES = ("neutral", "happy")


@pytest.fixture
def path(tmp_path):
    """Write three pairs of people 4, 7 and 9, in blocks of two and one."""
    people = np.array([4, 7, 9])
    arrays = {
        "faces": F,
        "rest": V + people[:, None, None],
        "person": people,
        "person_a": [4, 9, 7],
        "person_b": [9, 7, 4],
        "expression": [1, 1, 1],
        "strength": [0.5, 0.75, 1.0],
    }
    posed = V + np.arange(3)[:, None, None]
    blocks = [(posed[:2], -posed[:2]), (posed[2:], -posed[2:])]
    path = transfer_path(tmp_path / "open.h5")
    write_transfer(path, arrays=arrays, posed=blocks, names=NAMES, provenance={"seed": 1})
    return path


def test_what_is_written_is_read(path):
    assert path.name == "open.transfer.h5"
    assert judges_path("x/open.h5").name == "open.judges.h5"
    pairs = load_transfer(path)
    assert len(pairs) == 3
    assert pairs.names == NAMES
    assert pairs.provenance == {"seed": 1}
    np.testing.assert_allclose(pairs.rest_a - V, pairs.person_a[:, None, None] + 0 * V, atol=1e-6)
    np.testing.assert_allclose(pairs.rest_b - V, pairs.person_b[:, None, None] + 0 * V, atol=1e-6)
    np.testing.assert_allclose(pairs.expression_b[2], V + 2, atol=1e-6)
    np.testing.assert_allclose(pairs.truth, -pairs.expression_b)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("person_a", 5, "/person_a names 5, who has no scan at rest"),
        ("person_a", 9, "pair 0 is of one person with itself"),
        ("expression", 2, r"/expression\[0\] is 2, expected 0 to 1"),
        ("truth", np.nan, r"/truth\[0, 0, 0\] is not finite"),
        ("person", 7, "/person must rise"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(path, name, value, message):
    with h5py.File(path, "r+") as file:
        array = file[name][()]
        array.flat[0] = value
        del file[name]
        file[name] = array
    with pytest.raises(DatasetError, match=message) as refused:
        load_transfer(path)
    assert str(path) in str(refused.value)


def test_a_missing_file_says_what_writes_it(tmp_path):
    with pytest.raises(DatasetError, match=r"none.transfer.h5 does not exist") as refused:
        load_transfer(transfer_path(tmp_path / "none.h5"))
    assert refused.value.remedy == "make-benchmark"
