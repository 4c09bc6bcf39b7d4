"""On a GPU: the same training, to rounding, and the same bits from run to run. Run with -m cuda."""

import pytest
import torch

from gan.datasets.store import load_dataset
from gan.training.checkpoint import load_model
from gan.training.loop import start, train
from gan.training.step import iterate
from tests.gan.conftest import tiny

pytestmark = pytest.mark.cuda


def test_resuming_on_a_gpu_goes_on(tiny_dataset, tmp_path):
    train(tiny(iterations=3), tiny_dataset, tmp_path / "run", device="cuda")
    outcome = train(tiny(), tiny_dataset, tmp_path / "run", resume=True, device="cuda")
    assert outcome.step == 6
    model = load_model(outcome.run).to("cuda")
    codes = model.sample_codes(2, rng=torch.Generator().manual_seed(0), labels={"expression": 1})
    assert torch.isfinite(model.decode(codes)).all()


def test_the_mapping_and_its_gradient_are_the_same_bits_twice(tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), torch.device("cuda"))
    iterate(state)
    X = torch.randn(217, 96, device="cuda", requires_grad=True)
    runs = []
    for _ in range(2):
        pixels = state.problem.mapping(X)
        runs.append((pixels.detach(), torch.autograd.grad(pixels.square().sum(), X)[0]))
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)
    on_cpu = state.problem.mapping.cpu()(X.detach().cpu())
    torch.testing.assert_close(runs[0][0].cpu(), on_cpu, rtol=1e-5, atol=1e-5)
