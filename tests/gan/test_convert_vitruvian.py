"""A tiny checkout with the layout of CharMorph-Vitruvian, and what a conversion makes of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.converting.sliders import draw_people
from gan.datasets.converting.vitruvian import (
    ORIGIN,
    Cut,
    convert_vitruvian,
    vitruvian_cut,
)
from gan.datasets.morphable import load_face_model
from gan.errors import DatasetError

COLUMNS, ROWS = 17, 13
SLIDERS = {"Chin_Width": 0.4, "Gender_Female": 0.5, "Gender_Male": 0.5, "Nose_NasalBone": 0.3}
UNUSED = {"Eyes_Size": 0.001, "Neck_Length": 1.0, "Arms_Armpit_Loc_Z": 1.0}
EXPRESSIONS = (
    *("Cheeks_Puffed", "Chew", "Eyes_Closed_Left", "Eyes_Closed_Right", "Frown_Left"),
    *("Frown_Right", "Happy", "Mouth_Closed_Jaw_Move", "aa_02"),
)
NAMES = [
    *("Cheeks_Puffed_L", "Cheeks_Puffed_R", "Eyes_Closed_L", "Eyes_Closed_R", "Frown_L", "Frown_R"),
    *("Happy", "Mouth_Closed_Jaw_Move_L", "Mouth_Closed_Jaw_Move_R", "aa_02"),
]


def vertex(column: int, row: int) -> int:
    return row * COLUMNS + column


def ring(low: tuple[int, int], high: tuple[int, int]) -> list[int]:
    """Return the vertices on the border of a block of columns and rows."""
    (c0, r0), (c1, r1) = low, high
    border = [(c, r0) for c in range(c0, c1)] + [(c1, r) for r in range(r0, r1)]
    border += [(c, r1) for c in range(c1, c0, -1)] + [(c0, r) for r in range(r1, r0, -1)]
    return [vertex(*place) for place in border]


# A sheet 16 cm wide; the outline cuts two corners off, across a quad each.
x, y = np.meshgrid(np.arange(COLUMNS) - 8.0, np.arange(ROWS) * 1.5)
V = np.stack([x, y, 5 - 0.05 * x**2], axis=-1).reshape(-1, 3)
QUADS = np.array(
    [
        [vertex(c, r), vertex(c + 1, r), vertex(c + 1, r + 1), vertex(c, r + 1)]
        for r in range(ROWS - 1)
        for c in range(COLUMNS - 1)
    ]
)
CORNERS = {vertex(1, 11), vertex(15, 11)}
OUTLINE = [i for i in ring((1, 1), (15, 11)) if i not in CORNERS]
HOLES = tuple(
    np.array(ring(*ends))
    for ends in (((6, 2), (10, 4)), ((10, 7), (12, 9)), ((4, 7), (6, 9)))  # mouth, left, right
)
CUT = Cut(np.array(OUTLINE), HOLES, np.full(68, vertex(8, 6)))
SIDE = np.array([-1.0, 1.0, 1.0])


def turned_back(D: np.ndarray) -> np.ndarray:
    """Return lengths as the source stores them: metres, z up."""
    return np.stack([D[:, 0], -D[:, 2], D[:, 1]], axis=1) / 100


def moved(name: str) -> np.ndarray:
    """Return what a morph does, cm: anything for a name; halves move their side and the middle."""
    rng = np.random.default_rng(sum(map(ord, name)))
    D = SLIDERS.get(name, UNUSED.get(name, 0.5)) * rng.uniform(0.5, 1, size=V.shape)
    if name.endswith(("_Left", "_Right")):
        viewer = name.startswith("Frown")  # whose left is the subject's right
        D = D * ((V[:, :1] >= 0) if name.endswith("_Left") != viewer else (V[:, :1] <= 0))
    return D


@pytest.fixture
def checkout(tmp_path) -> Path:
    folder = tmp_path / "kit"
    for level in ("L1", "L2", "L3"):
        (folder / "morphs" / level).mkdir(parents=True)
    np.save(folder / "faces.npy", QUADS.astype(np.uint16))
    np.save(folder / "morphs/L1/Default.npy", turned_back(V + ORIGIN))
    for level, names in (("L2", [*SLIDERS, *UNUSED]), ("L3", EXPRESSIONS)):
        for name in names:
            D = turned_back(moved(name))
            (rows,) = D.any(axis=1).nonzero()
            np.savez(
                folder / f"morphs/{level}/{name}.npz", idx=rows.astype(np.uint16), delta=D[rows]
            )
    limits = [{"morph": "Chin_Width", "min": -1, "max": 1}, {"morph": "Gender_Male"}]
    (folder / "morphs/L2/morphs.json").write_text(json.dumps([*limits, {"separator": "Nose"}]))
    return folder


def converted(checkout: Path) -> dict[str, np.ndarray]:
    out = checkout.parent / "out.npz"
    convert_vitruvian(checkout, out, cut=CUT)
    with np.load(out) as archive:
        return dict(archive)


def test_the_face_is_what_lies_within_the_loops(checkout):
    fields = converted(checkout)
    inside = set(range(len(V))) - {vertex(c, r) for c in (0, 16) for r in range(ROWS)}
    inside -= {vertex(c, r) for c in range(COLUMNS) for r in (0, 12)} | CORNERS
    inside -= {vertex(7, 3), vertex(8, 3), vertex(9, 3), vertex(11, 8), vertex(5, 8)}
    assert fields["vertex_map"].tolist() == sorted(inside)
    place = fields["vertex_map"].tolist().index
    halves = fields["border_triangles"].tolist()
    for corner in (((15, 10), (14, 11), (14, 10)), ((1, 10), (2, 10), (2, 11))):
        assert [place(vertex(*at)) for at in corner] in halves
    assert len(halves) == 2 + 3 * 4  # the holes have four corners each
    assert len(fields["faces"]) == 2 * len(fields["quads"]) + len(halves)
    assert fields["hole_names"].tolist() == ["mouth", "eye_R", "eye_L"]
    assert set(fields["outer_loop"]) == {place(i) for i in OUTLINE}
    np.testing.assert_array_equal(
        V[fields["vertex_map"][fields["mirror"]]][:, 0], -rest(fields)[:, 0]
    )
    assert fields["landmarks68"].tolist() == [place(vertex(8, 6))] * 68


def rest(fields) -> np.ndarray:
    return V[fields["vertex_map"]]


def test_people_are_what_their_sliders_make_and_the_modes_span_them(checkout):
    fields = converted(checkout)
    names = fields["morph_names"].tolist()
    assert names == list(SLIDERS)  # those that move too little, or no part of the face, are out
    assert fields["morph_range"].tolist() == [[-1, 1], [0, 1], [0, 1], [0, 1]]
    people = draw_people(names, fields["morph_range"])
    male, female = (people[:, names.index(f"Gender_{kind}")] for kind in ("Male", "Female"))
    assert not (male * female).any()
    morphs = np.stack([moved(name)[fields["vertex_map"]] for name in names])
    faces = rest(fields).ravel() + people @ morphs.reshape(4, -1)
    np.testing.assert_allclose(fields["mean"].ravel(), faces.mean(axis=0), atol=1e-5)
    modes = fields["id_modes"].reshape(4, -1).astype(np.float64)
    a = (faces - faces.mean(axis=0)) @ np.linalg.pinv(modes)
    np.testing.assert_allclose(np.cov(a.T), np.eye(4), atol=1e-4)
    np.testing.assert_allclose(a @ modes, faces - faces.mean(axis=0), atol=1e-4)
    by_slider = a @ fields["morph_from_id"]
    np.testing.assert_allclose(by_slider, people - people.mean(axis=0), atol=1e-4)


def test_expressions_have_sides_that_are_measured(checkout):
    fields = converted(checkout)
    names = fields["exp_names"].tolist()
    assert names == NAMES
    modes = dict(zip(names, fields["exp_modes"].astype(np.float64), strict=True))
    at, mirror, x = fields["vertex_map"], fields["mirror"], rest(fields)[:, 0]
    assert fields["exp_kinds"].tolist() == [*["unit"] * 6, "emotion", *["unit"] * 2, "viseme"]
    np.testing.assert_allclose(modes["Happy"], moved("Happy")[at], atol=1e-6)
    np.testing.assert_allclose(
        modes["Eyes_Closed_L"], 1.1 * moved("Eyes_Closed_Left")[at], atol=1e-6
    )
    both = modes["Cheeks_Puffed_L"] + modes["Cheeks_Puffed_R"]
    np.testing.assert_allclose(both, moved("Cheeks_Puffed")[at], atol=1e-6)
    assert not modes["Cheeks_Puffed_L"][x < -1].any()
    one, other = (modes[f"Mouth_Closed_Jaw_Move_{side}"] for side in "LR")
    np.testing.assert_allclose(one[mirror] * SIDE, other, atol=1e-6)
    frown = modes["Frown_L"] + modes["Frown_R"]
    np.testing.assert_allclose(frown[mirror] * SIDE, frown, atol=1e-6)
    assert not modes["Frown_R"][x > 1].any()
    middle, *near = (at.tolist().index(vertex(c, 6)) for c in (8, 7, 9))
    np.testing.assert_allclose(frown[middle], frown[near].mean(axis=0), atol=1e-6)
    assert fields["exp_sources"].tolist()[4] == "Frown_Right+Frown_Left"
    assert "Antonia Polygon by Olaf Delgado-Friedrichs" in str(fields["attribution"])


def test_a_git_directory_without_a_work_tree_gives_the_same(checkout):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(checkout)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    of_files = converted(checkout)
    bare = checkout.parent / "bare"
    shutil.move(checkout / ".git", bare)
    of_git = converted(bare)
    for name, array in of_files.items():
        np.testing.assert_array_equal(of_git[name], array)
    assert len(str(of_git["source_commit"])) == 40


def save(name: str, **arrays):
    return lambda folder: np.savez(folder / name, **arrays)


BAD = {
    "nothing": (
        lambda kit: (kit / "morphs/L1/Default.npy").unlink(),
        "no morphs/L1/Default.npy: no",
    ),
    "no mesh": (lambda kit: (kit / "faces.npy").unlink(), r"faces\.npy is missing"),
    "text": (lambda kit: (kit / "faces.npy").write_text("x"), r"faces\.npy: no array of numpy's"),
    "no delta": (save("morphs/L3/Happy.npz", idx=[1]), r"Happy\.npz: expected the arrays"),
    "short": (
        save("morphs/L3/Happy.npz", idx=[1], delta=np.zeros((2, 3))),
        r"Happy\.npz: expected finite numbers \(1, 3\)",
    ),
    "nan": (
        save("morphs/L3/Happy.npz", idx=[1], delta=np.full((1, 3), np.nan)),
        r"Happy\.npz: expected finite numbers",
    ),
    "far": (
        save("morphs/L2/Chin_Width.npz", idx=[999], delta=np.zeros((1, 3))),
        r"Chin_Width\.npz: it moves vertex 999 of 221",
    ),
    "limits": (
        lambda kit: (kit / "morphs/L2/morphs.json").write_text("{"),
        r"morphs\.json: expected a list of morphs",
    ),
    "another body": (
        lambda kit: np.save(kit / "morphs/L1/Default.npy", np.zeros((9, 3))),
        "9 vertices are too few for the face",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_checkout_is_refused_and_nothing_is_written(checkout, case):
    damage, message = BAD[case]
    damage(checkout)
    with pytest.raises(DatasetError, match=message):
        convert_vitruvian(checkout, checkout.parent / "out.npz", cut=CUT)
    assert os.listdir(checkout.parent) == ["kit"]


@pytest.mark.parametrize(("cut", "file"), [("narrow", "_narrow"), ("full", "")])
def test_the_shared_face_model_is_what_a_conversion_gives(faces, tmp_path, cut, file):
    """Of the shared arrays: the people; and all, where VITRUVIAN_CHECKOUT names the repository."""
    with np.load(faces / f"vitruvian/vitruvian_face{file}.npz") as archive:
        shared = dict(archive)
    people = draw_people(shared["morph_names"].tolist(), shared["morph_range"])
    np.testing.assert_array_equal(people.mean(axis=0).astype(np.float32), shared["morph_mean"])
    place = os.environ.get("VITRUVIAN_CHECKOUT")
    if place is None:
        pytest.skip("VITRUVIAN_CHECKOUT does not name a copy of Upliner/CharMorph-Vitruvian")
    out = tmp_path / "face.npz"
    convert_vitruvian(place, out, cut=vitruvian_cut(cut))
    with np.load(out) as archive:
        made = dict(archive)
    assert shared.keys() - made.keys() == {"faces_filled", "fill_mask", "fill_hole"}
    for name in made.keys() & shared.keys() - {"id_modes", "id_deviations"}:
        np.testing.assert_array_equal(made[name], shared[name], err_msg=name)
    for name in ("id_modes", "id_deviations"):  # float32: the last digit hangs on the LAPACK
        np.testing.assert_allclose(made[name], shared[name], atol=1e-9)
    assert "Sean Buckley" in load_face_model(out).provenance["attribution"]
