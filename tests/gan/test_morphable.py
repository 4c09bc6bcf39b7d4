"""Face model files: the two formulas against slow code, real faces against their stated facts."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.controls import load_table
from gan.datasets.morphable import load_face_model
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style, vary_style
from gan.datasets.source import translate_units
from gan.errors import DatasetError

VERTICES = 9
FACES = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [6, 7, 8]])
ARKIT = ["jawOpen", "mouthClose", "mouthSmile_L", "mouthSmile_R", "browInnerUp_L", "eyeLookIn_L"]


def linear_fields() -> dict:
    rng = np.random.default_rng(1)
    mean = rng.normal(size=(VERTICES, 3))
    return {
        "mean": (mean * 20 / np.ptp(mean, axis=0).max()).astype("f4"),  # 20 cm long
        "id_modes": rng.normal(size=(4, VERTICES, 3)).astype("f4"),
        "exp_modes": rng.normal(size=(len(ARKIT), VERTICES, 3)).astype("f4"),
        "exp_names": np.array(ARKIT),
        "faces": FACES.astype("i4"),
        "landmarks68": (np.arange(68) % VERTICES).astype("i4"),
        "source_commit": np.array("abc"),
    }


def skinned_fields() -> dict:
    rng = np.random.default_rng(2)
    mean = rng.normal(size=(VERTICES, 3))
    names = ["macro:east-female-young", "macro:west-male-young", "maxweight:male-young"]
    names += ["head/head-round", "eyes/l-eye-in", "eyes/l-eye-out", "eyes/r-eye-in"]
    names += ["eyes/r-eye-out", "asym/a-l", "asym/a-r"]
    poses = ["JawDrop", "LeftCheekUp", "RightCheekUp", "LeftLowerLidUp", "RightLowerLidUp"]
    weights = rng.uniform(size=(VERTICES, 4))
    return {
        "mean": mean * 2 / np.ptp(mean, axis=0).max(),  # 2 dm long
        "id_modes": 0.1 * rng.normal(size=(10, VERTICES, 3)),
        "id_names": np.array(names),
        "id_kinds": np.array(["macro"] * 2 + ["weight"] + ["detail"] * 5 + ["asym"] * 2),
        "id_opposite": np.array([-1, -1, -1, -1, 5, 4, 7, 6, 9, 8]),
        "id_mirror": np.array([0, 1, 2, 3, 6, 7, 4, 5, 8, 9]),
        "exp_modes": rng.normal(size=(2, 1, VERTICES, 3)),
        "exp_names": np.array(["mouth-corner-puller"]),
        "exp_races": np.array(["east", "west"]),
        "faces": FACES,
        "bone_names": np.array(["head", "jaw", "lip", "cheek"]),
        "bone_parent": np.array([-1, 0, 1, 0]),
        "joint_mean": rng.normal(size=(4, 3)),
        "joint_id_modes": 0.1 * rng.normal(size=(10, 4, 3)),
        "skin_weights": weights / weights.sum(axis=1, keepdims=True),
        "pose_names": np.array(poses),
        "pose_rotvec": 0.5 * rng.normal(size=(5, 4, 3)),
    }


def save(path: Path, fields: dict) -> Path:
    np.savez(path, **fields)
    return path


@pytest.fixture
def linear(tmp_path) -> Path:
    return save(tmp_path / "linear.npz", linear_fields())


@pytest.fixture
def skinned(tmp_path) -> Path:
    return save(tmp_path / "skinned.npz", skinned_fields())


def test_linear_face_is_the_sum_of_its_modes_in_millimetres(linear):
    f, source = linear_fields(), load_face_model(linear)
    a = source.sample_identity(np.random.default_rng(0))
    expected = f["mean"].astype(float)
    for k in range(4):
        expected += a[k] * f["id_modes"][k]
    expected += 0.6 * f["exp_modes"][2] + 0.25 * f["exp_modes"][4]
    V = source.shape(a, {"AU12_L": 0.6, "AU1_L": 0.25})
    np.testing.assert_allclose(V, 10 * expected, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(source.shape(np.zeros(4), {}), source.template)
    assert source.provenance["unit"] == "cm"
    assert source.provenance["source_commit"] == "abc"
    np.testing.assert_array_equal(source.landmarks, f["landmarks68"])


def test_another_person_after_one_that_was_kept(linear):
    source = load_face_model(linear)
    one, other = np.ones(4), np.zeros(4)
    first = source.shape(one, {"AU26": 0.5})
    source.shape(other, {})
    np.testing.assert_array_equal(source.shape(one, {"AU26": 0.5}), first)


def rotation(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula, in homogeneous coordinates."""
    angle = np.linalg.norm(vector)
    M = np.eye(4)
    if angle > 0:
        x, y, z = vector / angle
        K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        M[:3, :3] = np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K
    return M


def shift(point: np.ndarray) -> np.ndarray:
    M = np.eye(4)
    M[:3, 3] = point
    return M


def slow_skinned(f: dict, a: np.ndarray, c: np.ndarray, e: float) -> np.ndarray:
    """The formula of data/face_model_file.md, vertex by vertex and bone by bone."""
    X, J = f["mean"].copy(), f["joint_mean"].copy()
    for k in range(len(a)):
        X += a[k] * f["id_modes"][k]
        J += a[k] * f["joint_id_modes"][k]
    X += e * (a[0] * f["exp_modes"][0, 0] + a[1] * f["exp_modes"][1, 0])
    A = [np.eye(4)]
    for b in range(1, 4):
        turn = rotation(sum(c[p] * f["pose_rotvec"][p, b] for p in range(5)))
        A.append(A[f["bone_parent"][b]] @ shift(J[b]) @ turn @ shift(-J[b]))
    V = np.zeros_like(X)
    for v in range(VERTICES):
        for b in range(4):
            V[v] += f["skin_weights"][v, b] * (A[b] @ [*X[v], 1])[:3]
    return 100 * V  # decimetres


def test_skinned_face_equals_the_slow_formula(skinned):
    source = load_face_model(skinned)
    a = source.sample_identity(np.random.default_rng(4))
    assert a[0] > 0
    # tables/makehuman.toml: AU26 = 0.45 JawDrop; AU6 = CheekUp + LowerLidUp / 2 of its side
    c = np.array([0.45 * 0.8, 0.7, 0, 0.35, 0])
    V = source.shape(a, {"AU26": 0.8, "AU6_L": 0.7})
    np.testing.assert_allclose(V, slow_skinned(skinned_fields(), a, c, 0.0), atol=1e-9)
    rest = source.shape(a, {})
    np.testing.assert_allclose(rest, slow_skinned(skinned_fields(), a, 0 * c, 0.0), atol=1e-9)


def test_expression_targets_mix_by_ancestry(tmp_path):
    own = {"AU99": {"mouth-corner-puller": 1.0}}
    f = skinned_fields() | {"action_units": np.array(json.dumps(own))}
    source = load_face_model(save(tmp_path / "own.npz", f))
    assert source.controls == ("AU99",)
    a = source.sample_identity(np.random.default_rng(4))
    expected = slow_skinned(f, a, np.zeros(5), 0.5)
    np.testing.assert_allclose(source.shape(a, {"AU99": 0.5}), expected, atol=1e-9)


def test_people_of_a_skinned_model_keep_its_rules(skinned):
    source, rng = load_face_model(skinned), np.random.default_rng(5)
    people = np.stack([source.sample_identity(rng) for _ in range(400)])
    assert people.min() >= 0
    assert people.max() <= 1
    np.testing.assert_array_equal(people[:, 3], 0)  # a head shape without an opposite
    np.testing.assert_array_equal(people[:, [4, 5]], people[:, [6, 7]])  # both sides alike
    for one, other in ((4, 5), (8, 9)):
        assert (people[:, one] * people[:, other] == 0).all()  # one end of a slider
        assert (people[:, one] > 0).mean() == pytest.approx(0.5, abs=0.1)
    detail = people[:, 4] - people[:, 5]
    assert detail.std() == pytest.approx(0.2, rel=0.15)


def test_modes_span_what_the_source_does_alone(linear, skinned):
    for path in (linear, skinned):
        source, rng = load_face_model(path), np.random.default_rng(6)
        a = source.sample_identity(rng)
        identity = source.modes("identity").reshape(-1, VERTICES * 3)
        offset = (source.shape(a, {}) - source.template).ravel()
        left = offset - identity.T @ np.linalg.lstsq(identity.T, offset, rcond=None)[0]
        np.testing.assert_allclose(left, 0, atol=1e-8)
        with pytest.raises(ValueError, match="factor must be"):
            source.modes("age")
    source = load_face_model(linear)
    moved = source.shape(a[:4], {"AU12_R": 0.5, "AU26": 1.0}) - source.shape(a[:4], {})
    modes = source.modes("expression").reshape(-1, VERTICES * 3)
    left = moved.ravel() - modes.T @ np.linalg.lstsq(modes.T, moved.ravel(), rcond=None)[0]
    np.testing.assert_allclose(left, 0, atol=1e-8)
    assert len(modes) == 5  # no unit moves eyeLookIn_L


def test_mouth_close_never_exceeds_the_jaw(linear):
    source, f = load_face_model(linear), linear_fields()
    rest = source.template
    np.testing.assert_array_equal(source.shape(np.zeros(4), {"AU8": 1.0}), rest)
    both = source.shape(np.zeros(4), {"AU8": 1.0, "AU26": 1.0}) - rest
    jaw = load_table("arkit", ARKIT, linear).weights({"AU26": 1.0})["jawOpen"]
    assert 0 < jaw < 1
    np.testing.assert_allclose(
        both, 10 * jaw * (f["exp_modes"][0] + f["exp_modes"][1]), rtol=1e-5, atol=1e-5
    )


def test_units_are_checked_and_translated(linear):
    source = load_face_model(linear)
    assert source.controls == ("AU12_L", "AU12_R", "AU1_L", "AU25", "AU26", "AU27", "AU8")
    with pytest.raises(ValueError, match="unknown action unit 'AU12'; known: AU12_L"):
        source.shape(np.zeros(4), {"AU12": 1.0})
    with pytest.raises(ValueError, match=r"AU26 must be in \[0, 1\], got nan"):
        source.shape(np.zeros(4), {"AU26": float("nan")})
    units = {"AU12": 0.4, "AU26_L": 0.2, "AU26_R": 0.6, "AU99": 1.0, "AU1_L": 0.3}
    found = translate_units(units, source.controls)
    assert found == {"AU12_L": 0.4, "AU12_R": 0.4, "AU26": 0.4, "AU1_L": 0.3}


def test_the_names_of_apple_do_as_well(tmp_path):
    names = ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "jawLeft", "tongueOut"]
    f = linear_fields() | {"exp_names": np.array(names)}
    source = load_face_model(save(tmp_path / "apple.npz", f))
    expected = {"AU12_L", "AU12_R", "AU1_L", "AU1_R", "AU25", "AU26", "AU27", "AU30_L"}
    assert set(source.controls) == expected
    smile = source.shape(np.zeros(4), {"AU12_R": 1.0}) - source.template
    np.testing.assert_allclose(smile, 10 * f["exp_modes"][2], atol=1e-5)
    brows = source.shape(np.zeros(4), {"AU1_L": 1.0, "AU1_R": 0.5}) - source.template
    np.testing.assert_allclose(brows, 0.75 * 10 * f["exp_modes"][3], atol=1e-5)


@pytest.mark.parametrize(
    ("length", "unit"), [(0.2, "m"), (2.0, "dm"), (20.0, "cm"), (200.0, "mm"), (99.9, "cm")]
)
def test_the_unit_follows_from_the_size(tmp_path, length, unit):
    f = linear_fields()
    f["mean"] = f["mean"] * length / 20
    source = load_face_model(save(tmp_path / "sized.npz", f))
    assert source.provenance["unit"] == unit
    factor = {"mm": 1, "cm": 10, "dm": 100, "m": 1000}[unit]
    np.testing.assert_allclose(source.template, factor * f["mean"], rtol=1e-6)
    np.testing.assert_allclose(source.modes("identity"), factor * f["id_modes"], rtol=1e-6)


def test_a_stated_unit_wins(tmp_path):
    source = load_face_model(
        save(tmp_path / "stated.npz", linear_fields() | {"unit": np.array("mm")})
    )
    assert np.ptp(source.template, axis=0).max() == pytest.approx(20)
    assert source.provenance["unit_from"] == "field"


def without(name):
    return lambda f: f.pop(name)


def change(name, value):
    return lambda f: f.update({name: value})


def poison(name, index):
    return lambda f: f[name].__setitem__(index, np.nan)


BAD_LINEAR = {
    "no faces": (without("faces"), "linear face model without faces"),
    "nothing": (dict.clear, "without mean, id_modes, exp_modes, exp_names, faces"),
    "nan": (poison("id_modes", (2, 3, 1)), r"id_modes\[2, 3, 1\] is not finite"),
    "modes": (change("id_modes", np.zeros((4, 3, 3))), r"id_modes has shape \(4, 3, 3\)"),
    "empty": (change("id_modes", np.zeros((0, VERTICES, 3))), "id_modes has shape"),
    "names": (change("exp_names", np.array(["jawOpen"])), r"exp_names has shape \(1,\).*E = 6"),
    "type": (change("mean", np.array(["x"] * 27).reshape(9, 3)), "mean has type .*real numbers"),
    "float faces": (change("faces", FACES * 1.0), "faces has type float64, expected integers"),
    "index": (change("faces", FACES + 1), r"faces\[3, 2\] is 9, expected 0 to 8"),
    "corner": (change("faces", np.array([[0, 1, 1]])), r"faces\[0\] = \[0, 1, 1\] repeats"),
    "landmarks": (change("landmarks68", np.arange(5)), r"landmarks68 has shape \(5,\)"),
    "landmark": (change("landmarks68", np.full(68, -1)), r"landmarks68\[0\] is -1"),
    "unit": (change("unit", np.array("inch")), "unit is 'inch', expected one of mm, cm, dm, m"),
    "size": (change("mean", linear_fields()["mean"] * 1e4), "in no unit of mm"),
    "flat": (change("mean", np.zeros((VERTICES, 3))), "is 0 long, .* in no unit of"),
    "strange": (change("exp_names", np.array(list("abcdef"))), "store a field 'action_units'"),
    "table": (change("action_units", np.array("[1]")), "action_units must be JSON such as"),
    "empty table": (change("action_units", np.array("{}")), "action_units is empty"),
    "unknown control": (
        change("action_units", np.array('{"AU1": {"brow": 1}}')),
        "action_units: AU1 names 'brow', no control",
    ),
}
BAD_SKINNED = {
    "no weights": (without("skin_weights"), "skinned face model without skin_weights"),
    "weights": (change("skin_weights", np.ones((VERTICES, 4))), r"skin_weights\[0\] sum to 4"),
    "parents": (change("bone_parent", np.array([-1, 2, 0, 0])), "parents first"),
    "two roots": (change("bone_parent", np.array([-1, 0, -1, 0])), "parents first"),
    "opposite": (change("id_opposite", np.full(10, 10)), r"id_opposite\[0\] is 10"),
    "ancestry": (
        change("exp_races", np.array(["east", "north"])),
        r"id_names\[1\] is 'macro:west-male-young', no known corner",
    ),
    "bones": (change("joint_mean", np.zeros((3, 3))), r"joint_mean has shape \(3, 3\)"),
}


@pytest.mark.parametrize("case", [*BAD_LINEAR, *BAD_SKINNED])
def test_bad_fields_are_refused(tmp_path, case):
    fields = skinned_fields() if case in BAD_SKINNED else linear_fields()
    damage, message = (BAD_LINEAR | BAD_SKINNED)[case]
    damage(fields)
    with pytest.raises(DatasetError, match=message) as caught:
        load_face_model(save(tmp_path / "bad.npz", fields))
    assert str(tmp_path / "bad.npz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_and_strange_files_are_refused(tmp_path, linear):
    whole = linear.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 40).astype(int):
        linear.write_bytes(whole[:size])
        with pytest.raises(DatasetError, match=r"not an \.npz file|damaged"):
            load_face_model(linear)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mean.npy", b"no array")
    linear.write_bytes(buffer.getvalue())
    with pytest.raises(DatasetError, match=r"damaged \.npz file|without"):
        load_face_model(linear)
    with pytest.raises(FileNotFoundError):
        load_face_model(tmp_path / "absent.npz")
    with pytest.raises(IsADirectoryError):
        load_face_model(tmp_path)


def test_flipped_bytes_never_crash(linear):
    whole, rng, loaded = linear.read_bytes(), np.random.default_rng(8), 0
    for place in rng.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        linear.write_bytes(damaged)
        try:
            load_face_model(linear)
            loaded += 1
        except DatasetError as error:
            assert "\n" not in str(error)  # noqa: PT017
    assert loaded > 0


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch, linear):
    monkeypatch.setattr("gan.datasets.model_file.LARGEST_FILE", 1000)
    with pytest.raises(DatasetError, match="unpacks to"):
        load_face_model(linear)


MODELS = ["ict/ict_face.npz", "ict/ict_face_full.npz", "makehuman/makehuman_face.npz"]


@pytest.mark.parametrize("model", MODELS)
def test_no_expression_tears_a_real_face(faces, model):
    """Lips part, so small edges in them may grow a lot; nothing grows by a centimetre."""
    source = load_face_model(faces / model)
    E = np.concatenate([source.faces[:, [0, 1]], source.faces[:, [1, 2]], source.faces[:, [2, 0]]])
    for k in range(3):
        rng = np.random.default_rng([9, k])
        a, style = source.sample_identity(rng), sample_style(rng)
        rest = source.shape(a, {})
        before = np.linalg.norm(rest[E[:, 0]] - rest[E[:, 1]], axis=1)
        for emotion in EMOTIONS[1:]:
            units = translate_units(
                emotion_units(emotion, 1.0, vary_style(style, rng)), source.controls
            )
            V = source.shape(a, units)
            after = np.linalg.norm(V[E[:, 0]] - V[E[:, 1]], axis=1)
            assert (after - before).max() < 10
            assert np.linalg.norm(V - rest, axis=1).max() > 5  # it is an expression


def test_ict_is_in_centimetres_and_has_every_basic_unit(faces):
    source = load_face_model(faces / "ict/ict_face.npz")
    corners = source.template[source.landmarks[[36, 45]]]
    assert np.linalg.norm(corners[0] - corners[1]) == pytest.approx(89, abs=1)  # its README: 8.9
    for emotion in EMOTIONS[1:]:
        asked = emotion_units(emotion, 1.0)
        got = translate_units(asked, source.controls)
        assert {unit.split("_")[0] for unit in asked.keys() - got.keys()} <= {"AU11"}
    smile = source.shape(np.zeros(100), {"AU12_L": 1.0}) - source.template
    moved = np.linalg.norm(smile, axis=1)
    assert source.template[moved.argmax(), 0] > 0  # the subject's left is +x


def test_makehuman_interaction_is_what_its_readme_measured(faces):
    """An oracle for bones, joints and people at once: identity changes what a pose does."""
    source = load_face_model(faces / "makehuman/makehuman_face.npz")
    assert np.ptp(source.template, axis=0).max() == pytest.approx(217, abs=1)
    rng = np.random.default_rng(10)
    people = [source.sample_identity(rng) for _ in range(40)]
    rests = [source.shape(a, {}) for a in people]
    stated = {"AU43_L": 0.09, "AU18": 0.09, "AU27": 0.08}  # UpperLidClosed, LipsKiss, JawDrop
    for unit, ratio in stated.items():
        moves = np.stack(
            [source.shape(a, {unit: 1.0}) - rest for a, rest in zip(people, rests, strict=True)]
        )
        mean = moves.mean(axis=0)
        measured = np.sqrt(((moves - mean) ** 2).mean() / (mean**2).mean())
        assert measured == pytest.approx(ratio, abs=0.03)
