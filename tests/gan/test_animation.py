"""Animation: keys are met, curves keep between them, loops close, and files show the frames."""

import numpy as np
import pytest
import torch

from gan.export.animation import CURVES, Key, codes_in_time
from gan.export.shapes import zero_codes
from tests.gan.face import smooth_model
from tests.gan.gltf_rules import Glb
from tests.system.commands import gan
from tests.system.json_page import assert_documented

MODEL = smooth_model()


@pytest.fixture
def workdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


KEYS = [
    *("--key", "0:expression=sad", "--key", "1:expression=glad"),
    *("--key", "2:expression=sad", "--key", "1.5:identity=bert"),
]


def keys(*pairs: tuple[float, list[float]]) -> list[Key]:
    return [Key(seconds, "expression", torch.tensor(code)) for seconds, code in pairs]


@pytest.mark.parametrize("curve", CURVES)
def test_keys_are_met_and_nothing_overshoots(curve):
    places = {0.0: [0.0, 1.0, 0.0], 0.5: [1.0, 1.0, 0.2], 1.5: [1.0, -1.0, 3.0]}
    t, codes = codes_in_time(zero_codes(MODEL), keys(*places.items()), fps=20, curve=curve)
    z = codes["expression"].numpy()
    for seconds, code in places.items():
        np.testing.assert_allclose(z[np.abs(t - seconds).argmin()], code, atol=1e-6)
    between = z[(t > 0.5) & (t < 1.5)]
    assert (between >= np.minimum(places[0.5], places[1.5]) - 1e-6).all()
    assert (between <= np.maximum(places[0.5], places[1.5]) + 1e-6).all()
    torch.testing.assert_close(codes["identity"], torch.zeros(len(t), 4))
    assert t[-1] == 1.5


def test_a_loop_ends_as_it_begins():
    t, codes = codes_in_time(
        zero_codes(MODEL), keys((0, [1.0, 0, 0]), (1, [0, 1.0, 0])), fps=10, loop=True
    )
    assert t[-1] == 2
    torch.testing.assert_close(codes["expression"][0], codes["expression"][-1])
    torch.testing.assert_close(codes["expression"][10], torch.tensor([0, 1.0, 0]))


def test_a_file_of_weights_shows_every_frame(workdir):
    MODEL.save(workdir / "model.safetensors")
    call = ["animate", "model.safetensors", *KEYS, "--fps", 10]
    assert_documented("gan animate", gan.read_json(*call, "-o", "face.glb"))
    gan.succeed(*call, "-o", "codes.npz")
    with np.load("codes.npz") as file:
        codes = {n: torch.from_numpy(file[n]) for n in ("identity", "expression", "noise")}
    X = MODEL.decode(codes).numpy()
    face = Glb(workdir / "face.glb")
    D = np.stack([target["POSITION"] for target in face.targets])
    shown = face.position + np.einsum("tk,kvc->tvc", face.weights, D)
    assert np.linalg.norm(shown - X, axis=2).max() < 0.06
    assert len(D) <= 7, "no more than the model has codes"
    assert abs(face.weights).max() <= 1 + 1e-6
    np.testing.assert_allclose(face.times, np.arange(21) / 10, atol=1e-6)


def test_a_film_moves(workdir):
    import av

    MODEL.save(workdir / "model.safetensors")
    gan.succeed("animate", "model.safetensors", *KEYS[:4], "--fps", 6, "-o", "face.mp4")
    with av.open("face.mp4") as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 7
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--key", "expression=sad"], "write SECONDS:FACTOR=VALUE"),
        (["--key", "0:expression=odd"], "no class 'odd'"),
        (["--key", "0:mood=odd"], "no factor 'mood'"),
        (["--key", "0:expression=sad", "--key", "0:expression=glad"], "make no animation"),
        (["--key", "2:expression=sad", "--seconds", 1], "in an animation of 1 s"),
    ],
)
def test_keys_that_make_no_sense(workdir, options, message):
    MODEL.save(workdir / "model.safetensors")
    assert message in gan.fails("animate", "model.safetensors", *options)
