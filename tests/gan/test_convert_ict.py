"""A tiny checkout with the layout of ICT-FaceKit, and what a conversion makes of it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.converting.ict import Area, convert_ict
from gan.datasets.converting.model import split_quads
from gan.datasets.morphable import load_face_model
from gan.errors import DatasetError

COLUMNS, ROWS = 11, 8
HOLES = {"mouth": [(4, 1), (5, 1), (6, 1)], "eye_L": [(7, 5)], "eye_R": [(3, 5)]}  # (column, row)
EXPRESSIONS = ["jawOpen", "mouthClose", "mouthSmile_L", "mouthSmile_R"]


def grid() -> tuple[np.ndarray, list[list[int]]]:
    """Return a bent sheet of quads with three holes, x from -5 to 5; some 20 cm tall."""
    x, y = np.meshgrid(np.arange(COLUMNS) - 5.0, np.arange(ROWS) * 2.5)
    V = np.stack([x, y, 0.1 * x * y - 0.2 * x**2], axis=-1).reshape(-1, 3)
    removed = {place for places in HOLES.values() for place in places}
    quads = [
        [r * COLUMNS + c, r * COLUMNS + c + 1, (r + 1) * COLUMNS + c + 1, (r + 1) * COLUMNS + c]
        for r in range(ROWS - 1)
        for c in range(COLUMNS - 1)
        if (c, r) not in removed
    ]
    return V, quads


V, QUADS = grid()
AREA = Area(vertices=len(V), quads=len(QUADS))


def obj(V: np.ndarray) -> str:
    """Write the sheet, then other parts of a head, as the repository's files do."""
    lines = ["# ICT", "mtllib x.mtl"]
    lines += [f"v {a!r} {b!r} {c!r}" for a, b, c in V.tolist()]
    lines += ["v 0.0 0.0 50.0"] * 4 + ["vt 0.5 0.5"] * 3
    lines += ["f " + " ".join(f"{i + 1}/{k + 1}" for k, i in enumerate(q)) for q in QUADS]
    n = len(V)
    lines += [f"f {n + 1}/1 {n + 2}/2 {n + 3}/3"]
    return "\n".join(lines) + "\n"


def moved(name: str) -> np.ndarray:
    rng = np.random.default_rng(sum(map(ord, name)))
    return V + 0.1 * rng.normal(size=V.shape)


@pytest.fixture
def checkout(tmp_path) -> Path:
    folder = tmp_path / "kit" / "FaceXModel"
    folder.mkdir(parents=True)
    (folder / "generic_neutral_mesh.obj").write_text(obj(V))
    for name in [*EXPRESSIONS, "identity000", "identity001", "identity002", "cheekRaiser_L"]:
        (folder / f"{name}.obj").write_text(obj(moved(name)))
    indices = {
        "expressions": EXPRESSIONS,
        "idx_to_landmark_verts": list(range(68)),
        "idx_to_rigid_landmark_idx": [0],
    }
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return folder.parent


def converted(checkout: Path) -> dict:
    out = checkout.parent / "out.npz"
    convert_ict(checkout, out, area=AREA)
    with np.load(out) as archive:
        return dict(archive)


def test_the_modes_are_the_differences_from_the_neutral(checkout):
    fields = converted(checkout)
    np.testing.assert_array_equal(fields["mean"], V.astype("f4"))
    assert fields["id_names"].tolist() == ["identity000", "identity001", "identity002"]
    assert fields["exp_names"].tolist() == EXPRESSIONS
    for kind in ("id", "exp"):
        expected = [moved(str(name)) - V for name in fields[f"{kind}_names"]]
        np.testing.assert_array_equal(fields[f"{kind}_modes"], np.float32(expected))
    np.testing.assert_array_equal(fields["quads"], QUADS)
    np.testing.assert_array_equal(fields["landmarks68"], np.arange(68))


def test_the_loops_have_their_names(checkout):
    fields = converted(checkout)
    assert len(fields["outer_loop"]) == 2 * (COLUMNS - 1 + ROWS - 1)
    assert fields["hole_loop_sizes"].tolist() == [8, 4, 4]
    names = fields["hole_names"].tolist()
    loops = dict(zip(names, np.split(fields["hole_loops"], [8, 12]), strict=True))
    assert all(V[loops["mouth"], 1] <= 5)
    assert V[loops["eye_L"], 0].mean() > 0 > V[loops["eye_R"], 0].mean()


def test_the_result_is_a_face_model_in_centimetres(checkout):
    out = checkout.parent / "out.npz"
    convert_ict(checkout / "FaceXModel", out, area=AREA)  # the folder itself does as well
    source = load_face_model(out)
    assert source.provenance["unit"] == "cm"
    assert set(source.controls) >= {"AU12_L", "AU12_R", "AU26", "AU8"}
    rest = source.shape(np.zeros(3), {})
    smile = source.shape(np.zeros(3), {"AU12_L": 1.0}) - rest
    np.testing.assert_allclose(smile, 10 * (moved("mouthSmile_L") - V), atol=1e-5)


def test_quads_are_split_along_their_delaunay_diagonal():
    """A rhombus: the short diagonal, whichever corner comes first; a square: from its first."""
    rhombus = np.array([[0, 0, 0], [2, -1, 0], [4, 0, 0], [2, 1, 0.0]])
    for turn in range(4):
        quad = np.roll(np.arange(4), turn)[None]
        faces = split_quads(rhombus, quad)
        assert all({1, 3} <= set(face) for face in faces.tolist())
        area = np.cross(
            rhombus[faces[:, 1]] - rhombus[faces[:, 0]], rhombus[faces[:, 2]] - rhombus[faces[:, 0]]
        )
        assert (area[:, 2] == 4).all()  # both face the same way and share the quad
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    assert split_quads(square, np.arange(4)[None]).tolist() == [[0, 1, 2], [0, 2, 3]]


def test_equal_checkouts_give_equal_bytes_and_progress_counts(checkout):
    told: list[tuple[int, int]] = []

    def progress(stage: str, done: int, total: int) -> None:
        told.append((done, total))

    for name in ("a", "b"):
        convert_ict(checkout, checkout.parent / f"{name}.npz", area=AREA, progress=progress)
    assert (checkout.parent / "a.npz").read_bytes() == (checkout.parent / "b.npz").read_bytes()
    assert told == 2 * [(k, 7) for k in range(1, 8)]


@pytest.mark.parametrize("form", ["detached", "loose", "packed"])
def test_the_commit_of_a_git_checkout_is_kept(checkout, form):
    commit, git = "0123456789abcdef" * 2 + "01234567", checkout / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text(commit if form == "detached" else "ref: refs/heads/main\n")
    if form == "loose":
        (git / "refs/heads/main").write_text(commit + "\n")
    if form == "packed":
        (git / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    assert str(converted(checkout)["source_commit"]) == commit


def test_a_head_that_leads_out_of_the_checkout_is_not_followed(checkout):
    (checkout / ".git/refs").mkdir(parents=True)
    (checkout.parent / "secret").write_text("a" * 40)
    (checkout / ".git/HEAD").write_text("ref: refs/../../../secret\n")
    assert "source_commit" not in converted(checkout)


def edit(name: str, change):
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_text(change(path.read_text()))

    return damage


def edit_json(**changes):
    return edit("vertex_indices.json", lambda text: json.dumps(json.loads(text) | changes))


def remove(name: str):
    return lambda folder: (folder / name).unlink()


BAD = {
    "not a checkout": (remove("vertex_indices.json"), "no FaceXModel/vertex_indices.json"),
    "no neutral": (remove("generic_neutral_mesh.obj"), r"generic_neutral_mesh\.obj is missing"),
    "no expression": (remove("jawOpen.obj"), r"jawOpen\.obj is missing \(1 in all\)"),
    "no identity": (remove("identity001.obj"), r"identity001\.obj is missing"),
    "not JSON": (edit("vertex_indices.json", lambda text: text[:-5]), "expected JSON with"),
    "no names": (edit_json(expressions=[]), "distinct plain names"),
    "path": (edit_json(expressions=["../jawOpen"]), "distinct plain names"),
    "no list": (edit_json(expressions=None), "must be lists"),
    "landmarks": (edit_json(idx_to_landmark_verts=[1, 2]), "must be 68 vertex indices"),
    "landmark": (edit_json(idx_to_landmark_verts=[9999] * 68), "landmark 9999 is no face vertex"),
    "short": (
        edit("identity001.obj", lambda text: text.replace("v ", "# ", 3)),
        r"identity001\.obj.* vertices",
    ),
    "other": (
        edit("identity001.obj", lambda text: text + "f 1 2 3\n"),
        r"identity001\.obj has 92 vertices and 67 polygons, generic_neutral_mesh\.obj 92 and 66",
    ),
    "word": (
        edit("jawOpen.obj", lambda text: text.replace("v ", "v x", 1)),
        "a vertex is not three numbers",
    ),
    "nan": (
        edit("jawOpen.obj", lambda text: text.replace("v ", "v nan ", 1)),
        "vertex 0 is not finite",
    ),
    "triangles": (
        edit("generic_neutral_mesh.obj", lambda text: text.replace(" 13/3", "", 1)),
        "are not all quads",
    ),
    "no hole": (
        edit(
            "generic_neutral_mesh.obj",
            lambda text: text.replace("f 1/1 2/2 13/3 12/4", "f 59/1 60/2 71/3 70/4"),
        ),
        "the face has 2 holes, expected mouth, eye_L, eye_R",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_checkout_is_refused_and_nothing_is_written(checkout, case):
    damage, message = BAD[case]
    damage(checkout / "FaceXModel")
    with pytest.raises(DatasetError, match=message) as caught:
        convert_ict(checkout, checkout.parent / "out.npz", area=AREA)
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(checkout.parent)) == ["kit"]


def test_an_absent_target_folder_is_refused_before_the_work(checkout):
    def read(*told: object) -> None:
        raise AssertionError(told)

    with pytest.raises(FileNotFoundError, match="create the folder first"):
        convert_ict(checkout, checkout / "no/out.npz", area=AREA, progress=read)


def test_the_shared_face_model_is_what_a_conversion_gives(faces):
    """The shared arrays hold the invariants that the converter builds."""
    with np.load(faces / "ict/ict_face.npz") as f:
        np.testing.assert_array_equal(split_quads(f["mean"].astype(float), f["quads"]), f["faces"])
