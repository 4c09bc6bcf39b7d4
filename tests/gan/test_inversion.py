"""From meshes back to the codes of a generator."""

import numpy as np
import pytest
import torch

from gan.models.contract import FaceGenerator
from gan.models.inversion import PerceptronInverse
from gan.models.loading import load_model_file
from tests.gan.test_models import small_model


def perceptron(rng: torch.Generator, *, n: int = 60, hidden: int = 24, codes: int = 6) -> dict:
    return {
        "W1": torch.randn(hidden, codes, generator=rng) / codes**0.5,
        "b1": 0.1 * torch.randn(hidden, generator=rng),
        "W2": torch.randn(n, hidden, generator=rng),
        "b2": torch.randn(n, generator=rng),
    }


def displacement(w: dict, z: torch.Tensor, scale: float) -> torch.Tensor:
    h = torch.nn.functional.leaky_relu(z @ w["W1"].T + w["b1"], 0.2)
    return scale * (h @ w["W2"].T + w["b2"])


def test_codes_are_found_again():
    rng = torch.Generator().manual_seed(0)
    w = perceptron(rng)
    z = torch.randn(8, 6, generator=rng)
    found = PerceptronInverse(w, scale=3.0, slope=0.2).solve(displacement(w, z, 3.0), prior=1e-9)
    np.testing.assert_allclose(found, z, atol=1e-3)


def test_no_codes_nearby_are_better():
    """A minimum of ‖x(z) − x‖² + λ ‖z‖², though no z fits; at kinks its gradient need not be 0."""
    rng = torch.Generator().manual_seed(1)
    w = {name: weight.double() for name, weight in perceptron(rng).items()}
    d = 5 * torch.randn(4, 60, generator=rng, dtype=torch.float64)
    z = PerceptronInverse(w, scale=2.0, slope=0.2).solve(d, prior=7.0)

    def cost(z: torch.Tensor) -> torch.Tensor:
        return (displacement(w, z, 2.0) - d).square().sum(dim=-1) + 7.0 * z.square().sum(dim=-1)

    near = z + 0.05 * torch.randn(500, *z.shape, generator=rng, dtype=torch.float64)
    # The search may stop at a kink, a little above the valley that begins there.
    assert ((cost(near) - cost(z)) / cost(z)).min() > -1e-2
    assert (cost(z) < cost(torch.zeros_like(z))).all()


def test_transfer_swaps_one_code_and_keeps_the_others():
    rng = torch.Generator().manual_seed(2)
    model = small_model()
    first, second = (model.sample_codes(3, rng=rng) for _ in range(2))
    source, target = model.encode(model.decode(first)), model.encode(model.decode(second))
    moved = model.transfer(model.decode(first), model.decode(second), "expression")
    expected = model.decode(target | {"expression": source["expression"]})
    torch.testing.assert_close(moved, expected)
    with pytest.raises(ValueError, match="no factor 'viseme'"):
        model.transfer(model.decode(first), model.decode(second), "viseme")


def test_join_and_split_are_inverse():
    model = small_model()
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(0))
    again = model.split(model.join(codes))
    assert list(again) == ["identity", "expression", "noise"]
    for name, code in codes.items():
        torch.testing.assert_close(again[name], code, rtol=0, atol=0)


def test_any_model_file_is_read_by_its_kind(tmp_path):
    model = small_model()
    model.landmarks = torch.arange(5)
    model.save(tmp_path / "model.safetensors")
    again = load_model_file(tmp_path / "model.safetensors")
    assert isinstance(again, FaceGenerator)
    assert (
        again.describe()
        == model.describe()
        == ("codes of identity 4, expression 3, noise 2: 9 → 5 → 6 × 3")
    )
    assert again.landmarks is not None
    torch.testing.assert_close(again.landmarks, model.landmarks)
