"""The networks, and the face model that a run yields."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gan.errors import CheckpointError
from gan.models.discriminator import BranchedDiscriminator
from gan.models.face_model import FaceModel, Factor
from gan.models.generator import MLPGenerator


def small_model(seed: int = 0) -> FaceModel:
    rng = torch.Generator().manual_seed(seed)
    return FaceModel(
        factors=(Factor("identity", 4, ("anna", "bert")), Factor("expression", 3, ("sad", "glad"))),
        codes={"identity": torch.randn(2, 4, generator=rng), "expression": torch.zeros(2, 3)},
        noise_size=2,
        template=torch.randn(6, 3, generator=rng),
        faces=torch.tensor([[0, 1, 2]]),
        UV=torch.rand(6, 2, generator=rng),
        weights={
            "W1": torch.randn(5, 9, generator=rng),
            "b1": torch.randn(5, generator=rng),
            "W2": torch.randn(18, 5, generator=rng),
            "b2": torch.randn(18, generator=rng),
        },
        scale=2.5,
        slope=0.2,
        provenance={"step": 7},
    )


def test_decode_is_the_formula():
    model = small_model()
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(1))
    z = torch.cat([codes["identity"], codes["expression"], codes["noise"]], dim=1).double()
    w = {name: weight.double() for name, weight in model.weights.items()}
    h = z @ w["W1"].T + w["b1"]
    h = torch.where(h > 0, h, 0.2 * h)
    expected = model.template + 2.5 * (h @ w["W2"].T + w["b2"]).reshape(3, 6, 3)
    np.testing.assert_allclose(model.decode(codes), expected, atol=1e-4)


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


def test_components_start_gives_the_datas_mean_and_covariance():
    rng = torch.Generator().manual_seed(0)
    components, mean = torch.randn(3, 12, generator=rng), torch.randn(12, generator=rng)
    G = MLPGenerator(code_size=64, n_vertices=4, hidden=8, slope=0.2, rng=rng)
    G.start_from_components(mean, components)
    with torch.no_grad():
        # Averaged over first layers too: the rows of one W1 are only nearly orthonormal.
        draws = []
        for _ in range(40):
            G.W1.copy_(torch.randn(8, 64, generator=rng) / 8)
            z = torch.randn(4000, 64, generator=rng)
            draws.append(G.displacement(G.hidden(z)).reshape(12, -1))
    X = torch.cat(draws, dim=1)
    np.testing.assert_allclose(X.mean(dim=1), mean, atol=0.05)
    np.testing.assert_allclose(torch.cov(X), components.T @ components, atol=0.35)


def test_discriminator_branches_have_their_sizes():
    rng = torch.Generator().manual_seed(0)
    D = BranchedDiscriminator(
        size=32, widths=(4, 6, 8, 10), slope=0.2, classes={"identity": 7, "expression": 3}, rng=rng
    )
    shared = D.shared(torch.zeros(2, 3, 32, 32))
    assert shared.shape == (2, 6, 8, 8)
    assert D.score(shared).shape == (2,)
    assert D.features("identity", shared).shape == (2, 10 * 2 * 2)
    assert D.logits("identity", shared).shape == (2, 7)
    assert D.logits("expression", shared).shape == (2, 3)
