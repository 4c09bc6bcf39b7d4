"""Known layouts: a small tree of each, with an odd file, is detected and read as documented."""

from pathlib import Path

import pytest

from gan.datasets.importing.dataset import ImportOptions, import_dataset
from gan.datasets.importing.layouts import LAYOUTS, list_layout
from gan.datasets.store import load_dataset
from gan.errors import DatasetError
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from tests.gan.registered import face

# Path, subject, sequence, frame, labels of each mesh; "-": none. A path alone is an odd file.
TABLES = {
    "coma": """
        FaceTalk_17_TA/teeth/teeth.000001.ply FaceTalk_17_TA teeth 1 expression=teeth
        FaceTalk_17_TA/teeth/teeth.000012.ply FaceTalk_17_TA teeth 12 expression=teeth
        FaceTalk_28_TA/up/up.000002.ply FaceTalk_28_TA up 2 expression=up
        template.obj
        """,
    "facescape": """
        1/models_reg/1_neutral.obj 1 - - expression=neutral
        1/models_reg/3_mouth_stretch.obj 1 - - expression=mouth_stretch
        12/models_reg/20_brow_lower.obj 12 - - expression=brow_lower
        12/models_reg/21_more.obj
        """,
    "facewarehouse": """
        Tester_1/TrainingPose/pose_0.obj Tester_1 - - expression=neutral
        Tester_1/TrainingPose/pose_19.obj Tester_1 - - expression=pose_19
        Tester_10/Blendshape/shape_3.obj Tester_10 - - expression=shape_03
        Tester_10/Blendshape/mean.obj
        """,
    "bu3dfe": """
        F0001/F0001_NE00WH_F3D.obj F0001 - - expression=neutral
        F0001/F0001_AN04WH_F3D.obj F0001 - - expression=anger intensity=4
        M0044/M0044_SU01LA.ply M0044 - - expression=surprise intensity=1
        M0044/M0044_XX01LA.ply
        """,
    "bu4dfe": """
        F001/Happy/000.obj F001 Happy 0 expression=happy
        F001/Happy/017_reg.obj F001 Happy 17 expression=happy
        M043/Angry/099.obj M043 Angry 99 expression=anger
        M043/Bored/001.obj
        """,
    "bp4d": """
        F001/T1/0000.obj F001 T1 0 task=T1
        F001/T8/2345.obj F001 T8 2345 task=T8
        M002/T1/0001.obj M002 T1 1 task=T1
        M002/notes/0001.obj
        """,
    "bosphorus": """
        bs000/bs000_N_N_0.obj bs000 - - expression=neutral
        bs000/bs000_CAU_A22A25_0.obj bs000 - - expression=CAU_A22A25
        bs001/bs001_E_HAPPY_0.obj bs001 - - expression=happy
        bs001/bs001_LFAU_12LW_0_registered.obj bs001 - - expression=LFAU_12LW
        bs001/bs001_YR_R45_0.obj
        """,
}


def read_facts(words: list[str]) -> tuple | None:
    """Return (subject, sequence, frame, labels); None of an odd file."""
    if not words:
        return None
    subject, sequence, frame, *labels = words
    labelled = dict(label.split("=") for label in labels)
    return subject, sequence.strip("-"), None if frame == "-" else int(frame), labelled


TREES = {
    name: {line.split()[0]: read_facts(line.split()[1:]) for line in table.strip().splitlines()}
    for name, table in TABLES.items()
}


def plant(folder: Path, paths) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def test_every_layout_is_tested():
    assert TREES.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("inside", ["", "registered/v1"])
def test_a_tree_is_detected_and_read(tmp_path, name, inside):
    """Wherever the tree begins; other files are no meshes, hidden folders no data."""
    plant(tmp_path / inside, TREES[name])
    plant(tmp_path, ["readme.txt", "1/models_reg/1_neutral.jpg", ".trash/F001/T1/0000.obj"])
    listing = list_layout(tmp_path, "auto")
    assert listing.name == name
    prefix = f"{inside}/" if inside else ""
    read = {e.path: (e.subject, e.sequence, e.frame, e.labels) for e in listing.manifest.entries}
    assert read == {prefix + path: facts for path, facts in TREES[name].items() if facts}
    assert listing.odd == tuple(prefix + path for path, facts in TREES[name].items() if not facts)
    said = listing.describe(tmp_path)
    assert f"layout {LAYOUTS[name].title}: {len(read)} meshes of 2 subjects" in said
    assert f"1 mesh files are not of it and left out: {listing.odd[0]}" in said
    assert list_layout(tmp_path, name) == listing


def test_no_layout_is_guessed(tmp_path):
    with pytest.raises(DatasetError, match="holds no mesh file"):
        list_layout(tmp_path, "auto")
    plant(tmp_path, ["a.obj", "b.obj", "c.obj", "F001/T1/0000.obj"])
    with pytest.raises(DatasetError, match=r"no known layout: .* fits 1 of 4 .* first is"):
        list_layout(tmp_path, "auto")
    with pytest.raises(
        DatasetError, match="none of its 4 mesh files has a name of the layout CoMA"
    ):
        list_layout(tmp_path, "coma")
    with pytest.raises(ValueError, match="layout must be auto or one of coma"):
        list_layout(tmp_path, "flame")


@pytest.mark.parametrize("name", ["coma", "bu3dfe"])
def test_a_tree_of_meshes_becomes_a_data_set(tmp_path, name):
    """Sequences keep their frames, classes their names; subjects are told apart."""
    for k, (path, facts) in enumerate(TREES[name].items()):
        if facts:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            save_mesh(tmp_path / path, Mesh(*face(k)))
    listing = list_layout(tmp_path, "auto")
    out = tmp_path / "out.h5"
    import_dataset(tmp_path, listing.manifest, out, ImportOptions(shares=(0.5, 0.0, 0.5)))
    with load_dataset(out) as dataset:
        for k, entry in enumerate(listing.manifest.entries):
            subject, sequence, frame, labels = TREES[name][entry.path]
            assert dataset.names["identity"][dataset.labels["identity"][k]] == subject
            assert (dataset.sequence[k] >= 0) == bool(sequence)
            assert dataset.frame[k] == frame or frame is None
            found = dataset.names["expression"][dataset.labels["expression"][k]]
            assert found == labels["expression"]
        first = dataset.names["expression"][0]
        assert first == ("teeth" if name == "coma" else "neutral")
