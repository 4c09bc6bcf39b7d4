"""Registered meshes become a data set: what comes in comes out, in one frame and in mm."""

import os

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gan.datasets.contract import SPLITS
from gan.datasets.importing.dataset import ImportOptions, import_dataset
from gan.datasets.importing.manifest import read_manifest
from gan.datasets.importing.outliers import robust_limit
from gan.datasets.importing.reading import check_correspondence, read_reference, rotation_from
from gan.datasets.importing.splitting import split_subjects
from gan.datasets.processes import crew
from gan.datasets.store import check_dataset, load_dataset
from gan.errors import DatasetError
from meshkit.errors import MeshError
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.registration.procrustes import generalized_procrustes, procrustes
from tests.gan.registered import EXPRESSIONS, PEOPLE, face, pose, write_folder, write_manifest

N = PEOPLE * len(EXPRESSIONS)


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "meshes")
    return tmp_path / "meshes"


def run(folder, name="out.h5", manifest=None, **options):
    manifest = read_manifest(manifest or folder.with_suffix(".csv"))
    out = folder.parent / name
    return out, import_dataset(folder, manifest, out, ImportOptions(**options))


def shapes():
    return [10 * face(p, e)[0] for p in range(PEOPLE) for e in EXPRESSIONS]  # mm


def test_every_mesh_is_its_file_moved_rigidly_in_mm(folder):
    out, done = run(folder)
    assert done.unit == "cm"
    with load_dataset(out) as dataset:
        stored = dataset.vertices(np.arange(N)).astype(np.float64)
        check_dataset(dataset)
    for V, X in zip(shapes(), stored, strict=True):
        np.testing.assert_allclose(procrustes(V, X).apply(V), X, atol=1e-4)


def test_alignment_is_the_one_in_memory(folder):
    out, done = run(folder)
    expected = generalized_procrustes(np.stack(shapes()))
    with load_dataset(out) as dataset:
        stored = dataset.vertices(np.arange(N)).astype(np.float64)
    # Files were posed and the first was not, so the frame is that of the first mesh in both.
    np.testing.assert_allclose(stored, expected.aligned, atol=2e-3)
    np.testing.assert_allclose(done.alignment.measures.rms, expected.residuals, atol=1e-3)
    turn = procrustes(done.alignment.mean, shapes()[0]).R
    np.testing.assert_allclose(turn, np.eye(3), atol=1e-6)


def test_the_template_is_the_mean_of_neutral_training_meshes(folder):
    out, _ = run(folder)
    with load_dataset(out) as dataset:
        calm = dataset.names["expression"].index("neutral")
        chosen = np.flatnonzero((dataset.labels["expression"] == calm) & (dataset.split == 0))
        mean = dataset.vertices(chosen).astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(dataset.template, mean, atol=1e-4)


def test_without_alignment_meshes_stay_where_they_are(folder):
    out, _ = run(folder, align=False)
    with load_dataset(out) as dataset:
        stored = dataset.vertices(np.arange(N))
    manifest = read_manifest(folder.with_suffix(".csv"))
    for entry, X in zip(manifest.entries, stored, strict=True):
        np.testing.assert_allclose(X, 10 * load_mesh(folder / entry.path).V, atol=1e-4)


def test_axes_turn_the_faces_upright(folder):
    for path in folder.rglob("*.*"):
        mesh = load_mesh(path)
        save_mesh(path, Mesh(mesh.V[:, [2, 0, 1]], mesh.F))  # x, y, z -> z, x, y: up is z
    turned, _ = run(folder, "turned.h5", up="+z", front="+x", align=False)
    write_folder(folder)
    plain, _ = run(folder, "plain.h5", align=False)
    with load_dataset(turned) as a, load_dataset(plain) as b:
        np.testing.assert_allclose(a.vertices(range(N)), b.vertices(range(N)), atol=1e-4)


def test_rotations_of_axes():
    R = rotation_from("-x", "+y")
    np.testing.assert_allclose(R @ (-1, 0, 0), (0, 1, 0), atol=0)
    np.testing.assert_allclose(R @ (0, 1, 0), (0, 0, 1), atol=0)
    assert np.linalg.det(R) == 1
    with pytest.raises(ValueError, match="one line"):
        rotation_from("+x", "-x")


def test_some_vertices_can_hold_the_alignment(folder, tmp_path):
    """What stands still in all meshes stands still in the result."""
    held = np.flatnonzero(face(0)[0][:, 0] < 0)
    for k, path in enumerate(sorted(folder.rglob("*.*"))):
        V, F = face(0)
        V[V[:, 0] > 0] *= 1 + 0.02 * k
        save_mesh(path, Mesh(pose(V, k) if k else V, F))
    (tmp_path / "held.txt").write_text(" ".join(map(str, held)))
    out, _ = run(folder, align_on=tmp_path / "held.txt")
    with load_dataset(out) as dataset:
        X = dataset.vertices(np.arange(N))[:, held]
    assert np.ptp(X, axis=0).max() < 2e-3  # mm
    out, _ = run(folder, "all.h5")
    with load_dataset(out) as dataset:
        X = dataset.vertices(np.arange(N))[:, held]
    assert np.ptp(X, axis=0).max() > 0.5


def test_two_processes_write_the_bytes_of_one(folder):
    one, _ = run(folder, "one.h5")
    two, _ = run(folder, "two.h5", jobs=2)
    assert one.read_bytes() == two.read_bytes()


def die(shared: object, item: object) -> None:
    os._exit(1)


def test_a_killed_process_is_said():
    with pytest.raises(DatasetError, match="process was killed"), crew(2, None) as run:
        list(run(die, [1, 2, 3]))


def test_an_interrupted_import_goes_on(folder, monkeypatch):
    """Only what is not there yet, or has changed, is read; nothing stays behind."""
    from gan.datasets.importing import dataset as module

    read = []
    plain = module.read_registered

    def counting(path, reference):
        read.append(path.name)
        if len(read) == 11:
            raise KeyboardInterrupt
        return plain(path, reference)

    monkeypatch.setattr(module, "read_registered", counting)
    with pytest.raises(KeyboardInterrupt):
        run(folder, "again.h5")
    work = folder.parent / ".again.h5.import"
    assert len(list(work.rglob("*.npy"))) == 10
    assert not (folder.parent / "again.h5").exists()
    changed = folder / "p0" / "left.ply"
    os.utime(changed, ns=(1, 1))
    out, _ = run(folder, "again.h5")
    assert len(read) == 11 + (N - 10) + 1
    assert not work.exists()
    monkeypatch.undo()
    assert out.read_bytes() == run(folder)[0].read_bytes()


def test_subjects_are_split_whole_and_by_the_seed(folder):
    out, done = run(folder, shares=(0.5, 0.25, 0.25), seed=3)
    with load_dataset(out) as dataset:
        count = [len(np.unique(dataset.subject[dataset.indices(name)])) for name in SPLITS]
        names = dataset.names["identity"]
    assert count == [2, 2, 2]
    assert done.split_from == "drawn by subject, seed 3"
    manifest = read_manifest(folder.with_suffix(".csv"))
    drawn = [split_subjects(manifest, (0.5, 0.25, 0.25), seed=seed)[0] for seed in range(6)]
    assert drawn[3] == {name: int(k >= 2) + int(k >= 4) for k, name in enumerate(names)}
    assert len({str(sorted(split.items())) for split in drawn}) > 1


def test_a_split_column_decides(folder, tmp_path):
    manifest = read_manifest(folder.with_suffix(".csv"))
    rows = [(e.path, e.subject, "test" if e.subject == "p1" else "train") for e in manifest.entries]
    path = write_manifest(tmp_path / "split.csv", ("path", "subject", "split"), rows)
    out, done = run(folder, manifest=path)
    assert done.split_from == "column split"
    with load_dataset(out) as dataset:
        tested = dataset.labels["identity"][dataset.indices("test")]
        assert {dataset.names["identity"][i] for i in tested} == {"p1"}
        assert list(dataset.labels) == ["identity"]


def test_outliers_are_named_worst_first_and_dropped_on_request(folder):
    mesh = load_mesh(folder / "p2" / "left.ply")
    V = mesh.V.copy()
    V[40] += 25  # cm: a spike
    save_mesh(folder / "p2" / "left.ply", Mesh(V, mesh.F))
    giant = load_mesh(folder / "p4" / "up.npz")
    centre = giant.V.mean(axis=0)
    save_mesh(folder / "p4" / "up.npz", Mesh(1.9 * (giant.V - centre) + centre, giant.F))
    out, done = run(folder, threshold=8.0)
    found = [done.entries[x.place].path for x in done.outliers]
    assert sorted(found) == ["p2/left.ply", "p4/up.npz"]
    scores = [x.score for x in done.outliers]
    assert scores == sorted(scores, reverse=True)
    out, done = run(folder, threshold=8.0, drop_outliers=True)
    assert sorted(entry.path for entry in done.dropped) == sorted(found)
    with load_dataset(out) as dataset:
        assert dataset.n == N - 2
        assert dataset.provenance["outliers_dropped"] == 2


def test_the_limit_does_not_see_outliers():
    value = np.concatenate([np.linspace(4, 6, 101), [1e6] * 40])
    limit = robust_limit(value, 5.0)
    assert limit.limit < 12
    clean = np.random.default_rng(0).normal(10, 2, 100_000)
    np.testing.assert_allclose(robust_limit(clean, 5.0).limit, 20, rtol=0.02)


def test_twins_and_flat_faces_are_named(folder):
    V, F = face(3)
    V[F[7, 1]] = V[F[7, 0]]
    save_mesh(folder / "p3" / "neutral.obj", Mesh(V, F))
    (folder / "p5" / "up.npz").write_bytes((folder / "p4" / "up.npz").read_bytes())
    _, done = run(folder)
    (twins,) = done.twins
    assert [done.entries[k].path for k in twins] == ["p4/up.npz", "p5/up.npz"]
    flat = {done.entries[k].path for k in np.flatnonzero(done.alignment.measures.flat)}
    assert flat == {"p3/neutral.obj"}


def test_landmarks_and_provenance_are_stored(folder, tmp_path):
    marks = np.arange(68)[::-1]
    (tmp_path / "marks.json").write_text(str(marks.tolist()))
    out, _ = run(folder, landmarks=tmp_path / "marks.json")
    with load_dataset(out) as dataset:
        np.testing.assert_array_equal(dataset.landmarks, marks)
        facts = dataset.provenance
    assert facts["parameters"]["unit"] == "cm"
    assert str(tmp_path) not in str(facts)


def spoil(kind: str) -> tuple[np.ndarray, np.ndarray]:
    V, F = face(2, "left")
    order = np.random.default_rng(0).permutation(len(V))
    other = F.copy()
    other[5] = other[5, [1, 2, 0]]
    return {
        "face": (V, other),
        "count": (V, F[:-1]),
        "both reordered": (V[order], np.argsort(order)[F]),
        "vertices reordered": (V[order], F),
        "mirror": (V * (-1, 1, 1), F),
        "nan": (np.where(np.arange(len(V))[:, None] == 9, np.nan, V), F),
        "unit": (10 * V, F),
        "point": (0 * V, F),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("face", "1 faces differ from neutral.obj, the first is face 5: "),
        ("count", "faces, but neutral.obj has"),
        ("both reordered", "it may be the same mesh with its vertices or faces in another order"),
        ("vertices reordered", "its vertices are in another order"),
        ("mirror", "a mirror image of neutral.obj"),
        ("nan", "vertex 9 is not finite"),
        ("unit", "another unit"),
        ("point", "all in one place"),
    ],
)
def test_a_bad_mesh_is_named_with_its_line(folder, kind, says):
    V, F = spoil(kind)
    save_mesh(folder / "p2" / "left.ply", Mesh(V, F))
    with pytest.raises(DatasetError, match=says) as raised:
        run(folder)
    assert str(raised.value).startswith("meshes.csv, line 9: p2/left.ply: ")
    out, done = run(folder, skip_bad=True)
    ((entry, reason),) = done.bad
    assert entry.line == 9
    assert says in reason
    with load_dataset(out) as dataset:
        assert dataset.n == N - 1


def test_vertices_shifted_by_one_are_another_order(faces):
    """The subtlest mistake: most vertices take the place of a neighbour."""
    reference, _, _ = read_reference(
        faces / "ict" / "template_holes.obj", unit="auto", up="+y", front="+z"
    )
    check_correspondence(reference.V, reference)
    with pytest.raises(MeshError, match=r"faces are those of .* vertices are in another order"):
        check_correspondence(np.roll(reference.V, 1, axis=0), reference)


def test_missing_and_damaged_files(folder):
    (folder / "p2" / "left.ply").unlink()
    with pytest.raises(DatasetError, match=r"line 9: p2/left.ply: does not exist"):
        run(folder)
    (folder / "p2" / "left.ply").write_bytes(b"ply\nnonsense")
    with pytest.raises(DatasetError, match=r"line 9: p2/left.ply: "):
        run(folder)
    for path in folder.rglob("*.*"):
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"line 2: p0/neutral.obj: is empty"):
        run(folder, skip_bad=True)


def test_no_usable_mesh(folder, tmp_path):
    V, F = face(0)
    save_mesh(tmp_path / "other.obj", Mesh(V, F[:-2]))
    with pytest.raises(DatasetError, match="no mesh can be used"):
        run(folder, template=tmp_path / "other.obj", skip_bad=True)


def test_a_template_gives_the_orientation(folder, tmp_path):
    V, F = face(0)
    turn = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    save_mesh(tmp_path / "template.obj", Mesh(V @ turn.T, F))
    out, _ = run(folder, template=tmp_path / "template.obj")
    with load_dataset(out) as dataset:
        R = procrustes(dataset.template.astype(np.float64), V @ turn.T).R
    assert np.trace(R) > 2.98  # cosines: within 10 degrees


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"jobs": 0}, "jobs must be 1 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"shares": (0.5, 0.2, 0.2)}, "three shares with sum 1"),
        ({"shares": (0.0, 0.5, 0.5)}, "the first above 0"),
        ({"threshold": 0.0}, "threshold must be above 0"),
        ({"up": "+z"}, "one line"),
    ],
)
def test_options_out_of_range(folder, options, says):
    with pytest.raises(ValueError, match=says):
        run(folder, **options)


def test_a_foreign_folder_is_never_deleted(folder):
    (folder.parent / ".out.h5.import").mkdir()
    with pytest.raises(DatasetError, match="in the way"):
        run(folder)


def test_a_unit_that_cannot_be_told(folder):
    for path in folder.rglob("*.*"):
        mesh = load_mesh(path)
        save_mesh(path, Mesh(mesh.V * 1e5, mesh.F))
    with pytest.raises(DatasetError, match=r"in no unit of mm, cm, dm, m$"):
        run(folder)
    assert run(folder, unit="mm")[1].unit_from == "as given"


def test_one_subject_makes_no_identity(folder, tmp_path):
    rows = [("p0/neutral.obj", "p0", "neutral"), ("p1/left.ply", "p0", "left")]
    path = write_manifest(tmp_path / "few.csv", ("path", "subject", "expression"), rows)
    with pytest.raises(DatasetError, match="cannot be split into 3 parts"):
        run(folder, manifest=path)
    out, done = run(folder, manifest=path, shares=(1.0, 0.0, 0.0))
    assert done.notes == ["factor identity is left out: it has one class, 'p0'"]
    with load_dataset(out) as dataset:
        assert list(dataset.labels) == ["expression"]
