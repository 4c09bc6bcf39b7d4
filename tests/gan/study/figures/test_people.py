"""Which real faces are shown, and on which scale their distances."""

import numpy as np

from gan.datasets.store import load_dataset
from gan.study.figures.people import held_out, moving_faces, resting_face
from gan.study.figures.scale import error_limits
from tests.gan.replay import EXPRESSIONS, write_people


def test_sources_move_and_targets_rest(dataset):
    _, rows = held_out(dataset)
    faces = moving_faces(dataset, rows, 6, rng=np.random.default_rng(0))
    assert [face.label for face in faces] == ["left", "up", "wide", "left", "up", "wide"]
    assert len({face.subject for face in faces}) == 6
    for face in faces:
        mine = rows[dataset.subject[rows] == face.subject]
        still, same = (
            mine[dataset.labels["expression"][mine] == EXPRESSIONS.index(name)]
            for name in ("neutral", face.label)
        )
        rest = dataset.vertices(still[:1])
        reach = np.linalg.norm(dataset.vertices(same) - rest, axis=2).mean(axis=1)
        assert face.mesh == same[reach.argmax()]
        # Backwards, so that nobody's first face is the one at rest.
        other = resting_face(dataset, rows[::-1], after=face.subject)
        assert other is not None
        assert dataset.subject[other] != face.subject
        assert dataset.labels["expression"][other] == 0
    alone = rows[dataset.subject[rows] == faces[0].subject]
    assert resting_face(dataset, alone, after=faces[0].subject) is None


def test_unlabelled_faces_are_shown_too(tmp_path):
    with load_dataset(write_people(tmp_path / "p.h5")) as full:
        identity = {
            "labels": {"identity": full.labels["identity"]},
            "names": {"identity": list(full.names["identity"])},
        }
    path = write_people(tmp_path / "bare.h5", **identity)
    with load_dataset(path) as dataset:
        _, rows = held_out(dataset)
        faces = moving_faces(dataset, rows, 3, rng=np.random.default_rng(0))
        assert [face.label for face in faces] == ["", "", ""]
        assert len({face.subject for face in faces}) == 3


def test_the_scale_of_errors_ends_at_a_round_number():
    distance = np.arange(1, 101) / 20  # to 5 mm
    assert error_limits(distance, share=0.5) == (0.0, 3.0)
    assert error_limits(distance, share=0.99) == (0.0, 5.0)
    assert error_limits(np.full(4, 700.0)) == (0.0, 700.0)
