"""Every command that reads a mesh for a model: where it lies and its unit change only the pose."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan.datasets.model_file import UNITS
from gan.pose import Placer
from gan.report.samples import write_codes
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.registration.similarity import Similarity
from tests.gan.face import smooth_model
from tests.system.commands import gan

MODEL = smooth_model()
F = MODEL.faces.numpy()
TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
MOTION = Similarity(TURN * np.linalg.det(TURN), np.array([60.0, -200.0, 900.0]), 1.0)  # mm
FIT = ("--prior", 0.01, "--steps", 60, "--starts", 2)


@pytest.fixture
def home(workdir) -> Path:
    MODEL.save(workdir / "model.safetensors")
    codes = MODEL.sample_codes(2, rng=torch.Generator().manual_seed(5))
    write_codes(workdir / "codes.npz", MODEL, codes)
    return workdir


def put(name: str, motion: Similarity, unit: str) -> None:
    """Write a face that the model does not quite express, and its landmarks."""
    codes = MODEL.sample_codes(1, rng=torch.Generator().manual_seed(1))
    V = MODEL.decode(codes)[0].double().numpy()
    V = V + np.random.default_rng(0).normal(size=V.shape) * 0.3
    X = motion.apply(V) / UNITS[unit]
    save_mesh(f"{name}.ply", Mesh(X, F))
    marks = [{"template": k, "scan": X[k].tolist()} for k in range(0, len(X), 9)]
    Path(f"{name}.json").write_text(json.dumps({"landmarks": marks}))


# A command on the face NAME, the mesh that it leaves, and whether that lies where the face lay.
COMMANDS = {
    "transfer from": (["transfer", "MODEL", "NAME.ply", "codes.npz"], "out.ply", False),
    "transfer to": (["transfer", "MODEL", "codes.npz", "NAME.ply"], "out.ply", True),
    "keeping detail": (
        ["transfer", "MODEL", "codes.npz", "NAME.ply", "--keep-detail"],
        "out.ply",
        True,
    ),
    "interpolate": (
        ["interpolate", "MODEL", "NAME.ply", "codes.npz", "--steps", 2, "--format", "ply"],
        "out/face-001.ply",
        True,
    ),
    "neutralise": (
        ["neutralise", "MODEL", "NAME.ply", "--label", "sad"],
        "out/NAME.obj",
        True,
    ),
    "export": (["export", "MODEL", "--face", "NAME.ply", "--samples", 40], "out.glb", True),
    "fit landmarks": (["fit", "MODEL", "NAME.json", *FIT], "out/face.obj", True),
    "fit a scan": (
        ["fit", "MODEL", "NAME.ply", "--landmarks", "NAME.json", *FIT],
        "out/face.obj",
        True,
    ),
}


@pytest.mark.parametrize("unit", ["mm", "m"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_motion_and_a_unit_change_nothing_but_the_pose(home, name, unit):
    words, result, carried = COMMANDS[name]
    faces = {}
    for case, motion, its_unit in (
        ("plain", Similarity(np.eye(3), np.zeros(3), 1.0), "mm"),
        ("moved", MOTION, unit),
    ):
        put(case, motion, its_unit)
        call = [
            str(word).replace("NAME", case).replace("MODEL", "model.safetensors") for word in words
        ]
        out = Path(case) / result.split("/")[0]
        out.parent.mkdir()
        gan.succeed(*call, "-o", out)
        scale = 1000.0 if result.endswith(".glb") else UNITS[its_unit] if carried else 1.0
        V = load_mesh(Path(case) / result.replace("NAME", case)).V * scale
        faces[case] = motion.inverse().apply(V) if carried else V
    np.testing.assert_allclose(faces["moved"], faces["plain"], atol=0.02)


def test_the_pose_of_a_generated_face_is_found():
    """Whatever its expression: the codes explain it, so it does not turn the head."""
    X = MODEL.sample(4, rng=torch.Generator().manual_seed(2)).double().numpy()
    for V in X:
        placed, pose = Placer(MODEL).place(MOTION.apply(V) / 10)
        assert pose.unit == "cm"
        np.testing.assert_allclose(placed, V, atol=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda V: V * 0.3, "size in no unit"),
        (lambda V: V * [-1, 1, 1], "mirror image"),
        (lambda V: V[::-1], "in another order"),
        (lambda V: V * 0, "all points lie in one place"),
    ],
)
def test_what_is_no_face_of_the_model_is_refused(home, change, message):
    V = MODEL.template.double().numpy() @ np.diag([1, 1.2, 0.9])
    save_mesh("odd.ply", Mesh(change(V), F))
    said = gan.fails("transfer", "model.safetensors", "odd.ply", "codes.npz")
    assert "odd.ply" in said
    assert message in said


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda P: P * [-1, 1, 1], (), "mirror image"),
        (lambda P: P[np.random.default_rng(0).permutation(len(P))], (), "in another order"),
        (lambda P: P + 60, ("--pose", "fixed"), "--pose rigid"),
        (lambda P: P * 0.3, (), "size in no unit"),
    ],
)
def test_landmarks_that_are_not_the_models_are_refused(home, change, options, message):
    V = MODEL.template.double().numpy() @ np.diag([1, 1.2, 0.9]) + np.arange(3)
    marks = np.arange(0, len(V), 9)
    P = change(V[marks])
    pairs = [{"template": int(k), "scan": p.tolist()} for k, p in zip(marks, P, strict=False)]
    Path("marks.json").write_text(json.dumps({"landmarks": pairs}))
    assert message in gan.fails("fit", "model.safetensors", "marks.json", *options)
