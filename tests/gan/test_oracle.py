"""The floor and ceiling of transfer: an oracle that inverts the generator, and the command."""

import json

import numpy as np
import pytest

from gan.datasets.benchmark.interaction import InteractingFace
from gan.datasets.benchmark.open_faces import SCANNER, make_open_faces
from gan.datasets.morphable import LinearFace, load_face_model
from gan.datasets.scanner import Scanner
from gan.evaluation import oracle
from tests.gan.test_benchmark_open_faces import model_file  # noqa: F401
from tests.system.commands import data
from tests.system.json_page import assert_documented

QUIET = Scanner(white=1e-4, smooth=1e-4, reach=15.0)


@pytest.fixture
def model(model_file) -> LinearFace:  # noqa: F811
    return load_face_model(model_file)


@pytest.mark.parametrize("dial", [0.0, 1.0])
def test_units_are_what_the_scan_was_made_with(model, dial):
    """Without a scanner's error the inversion gives back the face, hence the units."""
    face = InteractingFace(model, dial)
    person = face.tissue.meet(face.model.shape(face.sample_identity(np.random.default_rng(0)), {}))
    units = {"AU26": 0.8, "AU12_L": 0.5, "AU4_R": 1.0}
    scan = face.perform(person, units)
    answer = oracle.find_units(face, person.neutral, scan, QUIET)
    np.testing.assert_allclose(face.perform(person, answer), scan, atol=0.02)  # mm
    assert all(0 <= weight <= 1 for weight in answer.values())
    assert answer["AU4_R"] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("dial", [0.0, 1.0])
def test_the_oracle_is_best_and_addition_is_near_it_only_at_0(
    model_file,  # noqa: F811
    tmp_path,
    monkeypatch,
    dial,
):
    """Addition carries the errors of three scans; what is above that is interaction."""
    monkeypatch.setattr(oracle, "FITTED", 200)
    path = tmp_path / "open.h5"
    make_open_faces(load_face_model(model_file), path, size="tiny", interaction=dial)
    done = data.succeed("oracle", path, "--model", model_file, "--json")
    facts = json.loads(done.stdout)
    assert facts == json.loads((tmp_path / "open.oracle.json").read_text())
    assert_documented("gan data oracle", facts)
    error = {way: row["mean"] for way, row in facts["errors_mm"].items()}
    assert list(error) == list(oracle.WAYS)
    assert error["oracle"] == min(error.values())
    noise = np.hypot(SCANNER.white, SCANNER.smooth)
    assert (error["addition"] < 2 * noise) == (dial == 0)
    assert facts["displacement_mm"] > error["addition"]
    for row in facts["errors_mm"].values():
        assert row["low"] <= row["mean"] <= row["high"]
    said = data.fails("oracle", path)
    assert "was made from the face model dome, not from this one" in said
    assert "--model names that file" in said
