"""`align`, `transfer`, `register --sequence`: many meshes in and out, one line for mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from meshkit.io import load_mesh
from meshkit.primitives import hemisphere
from meshkit.registration import sequence
from tests import meshes
from tests.system.commands import read_json, refuse, run, succeed, write

V, F = meshes.bumpy(5)


pytestmark = pytest.mark.usefixtures("workdir")


def bent(P: np.ndarray, by: float = 0.2) -> np.ndarray:
    return P + by * np.sin(2 * P[:, [1, 2, 0]])


def scattered(count: int) -> list[Path]:
    rng = np.random.default_rng(0)
    turns = Rotation.random(count, rng=rng).as_matrix()
    return [
        write(f"m{k}.obj", (1 + k) * V @ R.T + 9 * rng.normal(size=3), F, UV=V[:, :2])
        for k, R in enumerate(turns)
    ]


def test_align_undoes_motions_and_sizes():
    paths = scattered(3)
    values = read_json("align", *paths, "-o", "out", "--scale", "--mean", "mean.ply")
    back = [load_mesh(path) for path in values["outputs"]]
    mean = load_mesh("mean.ply")
    assert [path.name for path in sorted(Path("out").iterdir())] == ["m0.obj", "m1.obj", "m2.obj"]
    for mesh in back:
        assert_allclose(mesh.V, mean.V, atol=1e-6)
        assert_array_equal(mesh.F, F)
        assert mesh.UV is not None
    scales = np.array([motion["scale"] for motion in values["motions"]])
    assert_allclose(scales * [1, 2, 3], scales[0])
    assert max(values["residuals"]) < 1e-6
    assert "mean shape" in succeed("align", *paths, "-o", "out").stdout


def test_align_by_landmarks_ignores_the_other_vertices():
    marked = [0, 10, 40, 70]
    other = V.copy()
    other[[i for i in range(len(V)) if i not in marked]] += 5
    write("a.obj", V, F)
    write("b.obj", other + 1, F)
    for content in (
        marked,
        {str(i): i for i in marked},
        {"template": {str(i): i for i in marked}, "scan": {}},
        {"landmarks": [{"template": i, "scan": [0, 0, 0]} for i in marked]},
    ):
        Path("L.json").write_text(json.dumps(content))
        values = read_json("align", "a.obj", "b.obj", "-o", "out", "--landmarks", "L.json")
        assert values["landmarks"] == 4
        assert max(values["residuals"]) < 1e-9
        assert_allclose(load_mesh("out/a.obj").V[marked], load_mesh("out/b.obj").V[marked])


def test_align_names_the_mesh_that_does_not_fit():
    write("a.obj", V, F)
    write("b.obj", *hemisphere(3))
    write("c.obj", V, F[::-1])
    broken = V.copy()
    broken[3, 1] = np.nan
    write("d.obj", broken, F)
    Path("L.json").write_text("[0, 1, 999]")
    Path("twice.json").write_text("[0, 1, 1]")
    Path("text.json").write_text("hello")
    refuse("align", "a.obj", "b.obj", "-o", "out", says="b.obj has 37 vertices, a.obj has 91")
    refuse("align", "a.obj", "c.obj", "-o", "out", says="c.obj has other faces than a.obj")
    refuse("align", "a.obj", "d.obj", "-o", "out", says="d.obj: vertex 3 is not finite")
    refuse("align", "a.obj", "gone.obj", "-o", "out", says="gone.obj: No such file")
    for file, says in (
        ("L.json", "L.json: landmark '2' is vertex 999, but there are 91 vertices"),
        ("twice.json", "twice.json: vertex 1 is named twice"),
        ("text.json", "text.json is no JSON"),
    ):
        refuse("align", "a.obj", "-o", "out", "--landmarks", file, says=says)


def test_align_warns_of_mirrored_meshes():
    paths = [write(f"{k}.obj", V * [s, 1, 1], F) for k, s in enumerate([1, 1, -1, 1])]
    said = succeed("align", *paths, "-o", "out").stderr
    assert said.count("meshes [2] fit far better mirrored") == 1


def test_transfer_reproduces_the_poses_of_a_copy():
    write("neutral.obj", V, F)
    write("copy.ply", 2 * V + 5, F)
    for k in (1, 2):
        write(f"pose{k}.obj", bent(V, 0.1 * k), F)
    values = read_json("transfer", "neutral.obj", "copy.ply", *Path().glob("pose?.obj"), "-o", "o")
    assert [pose["folded_edges"] for pose in values["poses"]] == [0, 0]
    for k in (1, 2):
        found = load_mesh(f"o/pose{k}.ply")
        assert_allclose(found.V, 2 * bent(V, 0.1 * k) + 5, atol=1e-5)
        assert_array_equal(found.F, F)


@pytest.mark.parametrize("how", ["closest", "fit"])
def test_transfer_between_topologies(how):
    fine, coarse = hemisphere(12), hemisphere(7)

    def pose(P: np.ndarray) -> np.ndarray:
        return P + np.stack([0 * P[:, 0], 0.2 * P[:, 2] ** 2, 0.3 * P[:, 0]], axis=1)

    write("fine.obj", *fine)
    write("coarse.obj", *coarse)
    write("posed.obj", pose(fine[0]), fine[1])
    marks = [{"template": i, "scan": fine[0][i].tolist()} for i in (0, 300, 350, 400)]
    Path("L.json").write_text(json.dumps({"landmarks": marks}))
    extra = ["--landmarks", "L.json"] if how == "fit" else []
    call = ["transfer", "fine.obj", "coarse.obj", "posed.obj", "-o", "o", "--correspondence"]
    succeed(*call, how, *extra, "--save-correspondence", "c.npy")
    found = load_mesh("o/posed.obj").V
    assert np.linalg.norm(found - pose(coarse[0]), axis=1).max() < 0.1
    succeed(*call, "c.npy")
    assert_array_equal(load_mesh("o/posed.obj").V, found)


def test_transfer_refuses_what_does_not_correspond():
    write("a.obj", V, F)
    write("b.obj", *hemisphere(3))
    write("pose.obj", V, F)
    Path("c.npy").write_text("no array")
    np.save("d.npy", np.zeros(3))
    np.save("e.npy", np.full(len(F), 10**6))
    call = ["transfer", "a.obj", "a.obj", "pose.obj", "-o", "o"]
    refuse("transfer", "a.obj", "b.obj", "pose.obj", "-o", "o", says="--correspondence fit finds")
    refuse("transfer", "a.obj", "a.obj", "b.obj", "-o", "o", says="b.obj has 37 vertices")
    refuse(*call, "--correspondence", "c.npy", says="c.npy: not a sound .npy file")
    refuse(*call, "--correspondence", "d.npy", says="d.npy: expected one integer per target")
    refuse(*call, "--correspondence", "e.npy", says="indices below 150")


def frames(count: int) -> list[Path]:
    return [write(f"f{k}.ply", bent(V, 0.02 * k) + 0.02 * k, F) for k in range(count)]


def marks_of_first_frame() -> None:
    entries = [{"template": i, "scan": V[i].tolist()} for i in (0, 30, 60, 80)]
    Path("L.json").write_text(json.dumps({"landmarks": entries}))


def test_a_sequence_is_fitted_reported_and_goes_on(monkeypatch):
    write("t.obj", V, F, UV=V[:, :2])
    scans = frames(4)
    marks_of_first_frame()
    call = ["register", "t.obj", *scans, "--sequence", "-o", "fits", "--landmarks", "L.json"]
    real, calls = sequence.rigid_icp, []

    def stop_at_third(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(sequence, "rigid_icp", stop_at_third)
    assert run(*call).exit_code == 130
    monkeypatch.setattr(sequence, "rigid_icp", real)
    values = read_json(*call, "--report", "r.html")
    assert values["fits_from_before"] == 2
    whole = read_json(*call[:5], *call[5:-4], "-o", "again", *call[-2:])
    assert whole["fits_from_before"] == 0
    for k, frame in enumerate(values["frames"]):
        found = load_mesh(frame["output"])
        assert np.linalg.norm(found.V - bent(V, 0.02 * k) - 0.02 * k, axis=1).mean() < 0.04
        assert_array_equal(found.V, load_mesh(f"again/f{k}.obj").V)
        assert found.UV is not None
    page = Path("r.html").read_text()
    assert [page.count(f'<th scope="row">f{k}</th>') for k in range(4)] == [1] * 4
    assert page.count("<polyline") == 2
    assert read_json(*call)["fits_from_before"] == 6
    write("f3.ply", bent(V, 0.05), F)  # what looks at the last frame is made anew
    assert read_json(*call)["fits_from_before"] == 4
    assert read_json(*call, "--smoothness", "0")["fits_from_before"] == 0


def test_a_damaged_fit_is_made_anew():
    write("t.obj", V, F)
    call = ["register", "t.obj", *frames(2), "--sequence", "-o", "fits"]
    succeed(*call)
    Path("fits/.fits/pass1_00001.npz").write_bytes(b"PK\x03\x04 nonsense")
    assert read_json(*call)["fits_from_before"] == 1


def test_wrong_use_of_sequences():
    write("t.obj", V, F)
    scans = frames(2)
    Path("marks").mkdir()
    call = ["register", "t.obj", *scans]
    with_marks = ["--sequence", "-o", "fits", "--landmarks", "marks"]
    refuse(*call, *with_marks, says="marks holds no f0.json")
    refuse(*call, "gone.ply", "--sequence", "-o", "out", says="gone.ply: No such file")
    with_report = ["--sequence", "-o", "out", "--report", "no/r.html"]
    refuse(*call, *with_report, says="no does not exist; create the folder first")
    refuse(*call[:3], "-o", "no/o.obj", says="no does not exist; create the folder first")
