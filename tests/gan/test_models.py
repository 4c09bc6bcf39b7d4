"""The networks, and the face model that a run yields."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gan.errors import CheckpointError, ConfigError
from gan.models.contract import Core
from gan.models.face_model import FaceModel, Factor
from gan.models.generator import GENERATORS, Anchors, Components, check_generator


def small_model(seed: int = 0) -> FaceModel:
    rng = torch.Generator().manual_seed(seed)
    core = Core(
        factors=(Factor("identity", 4, ("anna", "bert")), Factor("expression", 3, ("sad", "glad"))),
        codes={"identity": torch.randn(2, 4, generator=rng), "expression": torch.zeros(2, 3)},
        noise_size=2,
        template=torch.randn(6, 3, generator=rng),
        faces=torch.tensor([[0, 1, 2]]),
        UV=torch.rand(6, 2, generator=rng),
        provenance={"step": 7},
    )
    weights = {
        "W1": torch.randn(5, 9, generator=rng),
        "b1": torch.randn(5, generator=rng),
        "W2": torch.randn(18, 5, generator=rng),
        "b2": torch.randn(18, generator=rng),
    }
    return FaceModel(core, weights, scale=2.5, slope=0.2)


def test_a_label_fixes_its_code_and_leaves_the_others():
    model = small_model()
    free = model.sample_codes(4, rng=torch.Generator().manual_seed(1))
    told = model.sample_codes(4, rng=torch.Generator().manual_seed(1), labels={"identity": "bert"})
    torch.testing.assert_close(told["identity"], model.codes["identity"][[1, 1, 1, 1]])
    torch.testing.assert_close(told["expression"], free["expression"], rtol=0, atol=0)
    torch.testing.assert_close(told["noise"], free["noise"], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("factor", "label", "message"),
    [
        ("identity", "carl", "identity has no class 'carl'; it has anna, bert"),
        ("identity", 2, "identity 2 is out of range: 0 to 1"),
        ("identity", "-1", "identity -1 is out of range: 0 to 1"),
        ("viseme", 0, "the model has no factor 'viseme'; it has identity, expression"),
    ],
)
def test_unknown_labels_are_named(factor, label, message):
    with pytest.raises(ValueError, match=message):
        small_model().label_index(factor, label)


def test_a_saved_model_reads_back(tmp_path):
    model, path = small_model(), tmp_path / "model.safetensors"
    model.save(path)
    again = FaceModel.load(path)
    codes = model.sample_codes(2, rng=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.decode(codes), model.decode(codes), rtol=0, atol=0)
    assert again.factors == model.factors
    assert again.provenance == {"step": 7}


def test_what_is_no_face_model_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(CheckpointError, match="damaged or not a safetensors file"):
        FaceModel.load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="is not a 'meshkit-gan face model 1' file"):
        FaceModel.load(path)
    header = {"format": "meshkit-gan face model 1", "model": json.dumps({"factors": []})}
    save_file({"a": torch.zeros(1)}, path, header)
    with pytest.raises(CheckpointError, match="incomplete"):
        FaceModel.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.weights.update(W2=torch.zeros(17, 5)), r"W2 must have shape \(18, 5\), got"),
        (lambda m: m.weights.pop("b2"), r"b2 must have shape \(18,\), got nothing"),
        (
            lambda m: m.codes.update(identity=torch.zeros(2, 3)),
            r"identity must have shape \(2, 4\)",
        ),
        (lambda m: m.faces.fill_(6), "faces name a vertex outside 0 to 5"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path, change, message):
    model, path = small_model(), tmp_path / "model.safetensors"
    change(model)
    model.save(path)
    with pytest.raises(CheckpointError, match=message):
        FaceModel.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"factors": [[5, 3, ["a"]]]},
        {"factors": [["identity", 1e999, ["a"]]]},
        {"factors": [["identity", 3, "abc"]]},
        {"factors": "x"},
        {"noise_size": None},
        {"noise_size": 1e999},
        {"provenance": 5},
        {"template": torch.zeros(6, 3, dtype=torch.int64)},
        {"faces": torch.zeros(1, 3)},
    ],
    ids=str,
)
def test_hostile_headers_are_refused_in_one_line(tmp_path, change):
    path = tmp_path / "model.safetensors"
    small_model().save(path)
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
    header = json.loads(metadata["model"])
    for name, value in change.items():
        (tensors if isinstance(value, torch.Tensor) else header)[name] = value
    save_file(tensors, path, metadata | {"model": json.dumps(header)})
    with pytest.raises(CheckpointError) as caught:
        FaceModel.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mlp", "mlp-components"])
def test_components_start_gives_the_datas_mean_and_covariance(name):
    rng = torch.Generator().manual_seed(0)
    basis, mean = torch.randn(3, 12, generator=rng), torch.randn(12, generator=rng)
    draws = []
    for _ in range(40):  # averaged over first layers too: rows of one are only nearly orthonormal
        groups = [Components(slice(0, 64), basis, [])]
        G = generator(name, 64, mean, groups, rng)
        z = torch.randn(4000, 64, generator=rng)
        draws.append(G(z).detach().reshape(12, -1))
    X = torch.cat(draws, dim=1)
    np.testing.assert_allclose(X.mean(dim=1), mean, atol=0.05)
    np.testing.assert_allclose(torch.cov(X), basis.T @ basis, atol=0.35)


@pytest.mark.parametrize("name", ["mlp", "mlp-components"])
def test_groups_are_driven_by_their_own_codes(name):
    """Moving the first code moves along the first group's directions alone, at the start."""
    rng = torch.Generator().manual_seed(0)
    one, two = torch.zeros(2, 12), torch.zeros(3, 12)
    one[:, :6], two[:, 6:] = torch.randn(2, 6, generator=rng), torch.randn(3, 6, generator=rng)
    groups = [Components(slice(0, 4), one, []), Components(slice(4, None), two, [])]
    G = generator(name, 9, torch.zeros(12), groups, rng)
    z, other = torch.randn(2, 5, 9, generator=rng)
    other[:, 4:] = z[:, 4:]
    moved = (G(z) - G(other)).reshape(12, -1)
    assert moved[:6].abs().max() > 0.1
    assert moved[6:].abs().max() < 1e-5


@pytest.mark.parametrize("name", ["mlp", "mlp-components"])
def test_anchored_codes_start_at_their_faces(name):
    rng = torch.Generator().manual_seed(0)
    basis, codes = torch.randn(8, 12, generator=rng), torch.randn(3, 6, generator=rng)
    targets = torch.randn(3, 8, generator=rng)
    groups = [Components(slice(0, None), basis, [Anchors(slice(0, 6), codes, targets)])]
    G = generator(name, 7, torch.zeros(12), groups, rng, hidden=24)
    z = torch.randn(3, 4000, 7, generator=rng)
    z[:, :, :6] = codes[:, None]
    faces = G(z.flatten(0, 1)).detach().reshape(12, 3, 4000).mean(dim=2).T
    np.testing.assert_allclose(faces, targets @ basis, atol=0.2)


def generator(
    name: str,
    codes: int,
    mean: torch.Tensor,
    groups: list[Components],
    rng: torch.Generator,
    hidden: int = 8,
) -> torch.nn.Module:
    return GENERATORS.build(
        name, code_size=codes, hidden=hidden, slope=0.2, mean=mean, groups=groups, rng=rng
    )


def test_a_generator_that_lays_meshes_out_otherwise_is_told_how():
    G = torch.nn.Sequential(torch.nn.Linear(4, 18), torch.nn.Unflatten(1, (6, 3)))
    with pytest.raises(ConfigError, match=r"makes \(2, 6, 3\) of two codes, .* \.permute\(1, 2, 0"):
        check_generator(G, "mine", 4, 6)
