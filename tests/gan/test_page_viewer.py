"""Viewers in pages: numbers survive packing, shapes are the model's, the script is ours."""

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gan.report
from gan.export.shapes import FactorShapes, zero_codes
from gan.report.frame import assemble, page_script
from gan.report.packed import LARGEST, pack
from gan.report.viewer import STEPS, mesh_viewer, model_viewer
from meshkit.primitives import hemisphere
from meshkit.report.pictures import Picture
from tests.gan.face import smooth_model

BUNDLE = Path(gan.report.__file__).with_name("viewer.js")
STILL = Picture("data:,", "a face", 1, 1)
SOURCES = Path(__file__).parents[2] / "tools" / "viewer"


def unpack(text: str, *shapes: tuple[int, int]) -> list[np.ndarray]:
    """Read byte by byte, as tools/viewer/packed.js does."""
    stream = iter(zlib.decompress(base64.b64decode(text)))

    def number() -> int:
        coded = shift = 0
        for byte in stream:
            coded |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        return (coded >> 1) ^ -(coded & 1)

    tables = []
    for shape in shapes:
        flat = [number() for _ in range(shape[0] * shape[1])]
        tables.append(np.cumsum(np.reshape(flat, shape), axis=0))
    assert next(stream, None) is None
    return tables


rows = st.lists(st.tuples(*[st.integers(-LARGEST, LARGEST)] * 3), min_size=1, max_size=5)


@given(st.lists(rows, min_size=1, max_size=3))
def test_numbers_survive_packing(tables):
    given_ = [np.array(table) for table in tables]
    for table, found in zip(given_, unpack(pack(given_), *(t.shape for t in given_)), strict=True):
        np.testing.assert_array_equal(found, table)


def test_numbers_that_the_reader_would_wrap_are_refused():
    with pytest.raises(ValueError, match=r"1073741824 is too large"):
        pack([np.array([[0, -LARGEST - 1]])])


def decoded(spec: dict) -> list[np.ndarray]:
    n, targets = spec["vertices"], spec["targets"]
    flat = [(n, 2)] * (spec["uv"] is not None)
    return unpack(spec["data"], (spec["faces"], 3), (n, 3), *flat, *[(n, 3)] * targets)


def test_a_viewer_holds_what_the_model_decodes():
    """Every slider's ends and every class, within half a step of rounding for each of two parts."""
    model = smooth_model()
    spec = json.loads(model_viewer(model, label="mean", still=STILL, directions=2).spec)
    F, base, UV, *moves = decoded(spec)
    np.testing.assert_array_equal(F, model.faces.numpy())
    np.testing.assert_allclose(UV / spec["uv"], model.UV.numpy(), atol=0.5 / spec["uv"] + 1e-6)
    assert [group["name"] for group in spec["groups"]] == [f.name for f in model.factors]
    zero, half = zero_codes(model), spec["step"]
    assert half == STEPS[0]
    with torch.no_grad():
        np.testing.assert_allclose(base * half, model.decode(zero)[0].numpy(), atol=half)
        used = []
        for factor, group in zip(model.factors, spec["groups"], strict=True):
            assert [choice["name"] for choice in group["choices"]] == ["mean", *factor.classes]
            assert group["choices"][0]["target"] is None
            for label, choice in enumerate(group["choices"][1:]):
                codes = zero | {factor.name: model.codes[factor.name][label][None]}
                X = (base + moves[choice["target"]]) * half
                np.testing.assert_allclose(X, model.decode(codes)[0].numpy(), atol=half)
                used.append(choice["target"])
            assert len(group["sliders"]) == 2
            used += [slider[way] for slider in group["sliders"] for way in ("plus", "minus")]
    assert sorted(used) == list(range(len(moves)))


def test_large_data_is_rounded_more(monkeypatch):
    V, F = hemisphere(8)
    V = 80 * V
    rng = np.random.default_rng(0)
    shapes = [
        FactorShapes("f", V[None] + rng.normal(size=(1, len(V), 3)), V[None], np.ones(1), {"a": V})
    ]

    def step(most: int) -> float:
        monkeypatch.setattr("gan.report.viewer.MAX_DATA", most)
        viewer = mesh_viewer(V, F, None, shapes, label="x", rest="rest", still=STILL)
        return json.loads(viewer.spec)["step"]

    assert step(10**6) == STEPS[0]
    assert step(1) == STEPS[-1]


def test_the_bundle_is_built_from_these_sources():
    text = BUNDLE.read_text(encoding="utf-8")
    files = sorted(p for p in SOURCES.iterdir() if p.suffix == ".js" or p.name == "package.json")
    expected = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    assert f"sources sha256 {expected};" in text, "run tools/build_viewer.sh"
    assert "Copyright © 2010-2026 three.js authors" in text
    assert not re.search(r"</script|<!--|\r", text, re.IGNORECASE)


def test_a_page_without_viewers_lets_no_script_run():
    pages = [assemble("frame.html", title="t", viewers=viewers) for viewers in (False, True)]
    assert "<script" not in pages[0]
    assert "script-src" not in pages[0]
    text = page_script().text
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in pages[1]
    assert f"<script>{text}</script>" in pages[1]
