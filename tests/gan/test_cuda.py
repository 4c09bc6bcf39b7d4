"""On a GPU: the same training, to rounding, and the same bits from run to run. Run with -m cuda."""

import subprocess
import sys

import pytest
import torch

from gan.config import dump_config
from gan.datasets.store import load_dataset
from gan.errors import TrainingDiverged
from gan.runs.checkpoints import load_model
from gan.training.benchmark import measure
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


def test_nothing_in_an_iteration_waits_for_the_device(tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), torch.device("cuda"))
    for _ in range(2):
        iterate(state)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(2):
            iterate(state)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    state.watch.confirm()


def test_a_bad_update_is_masked_on_the_device(tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), torch.device("cuda"))
    iterate(state)
    with torch.no_grad():
        state.discriminator.critic.last.weight[0, 0] = torch.inf
    before = [w.detach().clone() for w in state.generator.parameters()]
    iterate(state)
    torch.testing.assert_close(list(state.generator.parameters()), before, rtol=0, atol=0)
    with pytest.raises(TrainingDiverged, match=r"iteration 1: (critic|penalty) is"):
        state.watch.confirm()


@pytest.mark.parametrize(
    "switches",
    [{"tf32": True}, {"autocast": "bf16", "channels_last": True, "tf32": True}, {"compile": True}],
)
def test_switches_train_on_a_gpu(tiny_dataset, switches):
    config = tiny()
    section = config.precision.model_copy(update=switches)
    config = config.model_copy(update={"precision": section})
    plain = iterate(start(tiny(), load_dataset(tiny_dataset), torch.device("cuda")))
    terms = iterate(start(config, load_dataset(tiny_dataset), torch.device("cuda")))
    torch.testing.assert_close(terms, plain, rtol=0.05, atol=0.05)


def test_bench_times_by_events(tiny_dataset):
    result = measure(start(tiny(), load_dataset(tiny_dataset), torch.device("cuda")), rounds=2)
    assert 0 < result.floor < result.iteration
    assert {"discriminator", "penalty", "optimizers"} <= result.parts.keys()
    assert result.memory > 0


def test_nccl_joins_the_gpus_there_are(tiny_dataset, tmp_path):
    n = torch.cuda.device_count()
    config = tmp_path / "config.toml"
    config.write_text(dump_config(tiny(batch=8 * n)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={n}", "-m", "gan", "train", str(tiny_dataset)]
    command += ["--config", str(config), "--out", str(tmp_path / "run"), "--device", "cuda"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done after 6 of 6 iterations") == 1
