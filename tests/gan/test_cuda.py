"""On a GPU: the same training, to rounding, and the same bits from run to run.

On every machine on a simulated GPU (`tests/simulated_cuda.py`); with -m cuda on a real one.
"""

import subprocess
import sys

import pytest
import torch

from gan.datasets.store import load_dataset
from gan.errors import TrainingDiverged
from gan.runs.checkpoints import load_model, newest_good_checkpoint
from gan.training.benchmark import PRODUCT, measure
from gan.training.checkpoint import restore
from gan.training.determinism import reproducible
from gan.training.loop import start, train
from gan.training.step import iterate
from tests.gan.conftest import tiny


def with_precision(**switches):
    config = tiny(iterations=3)
    section = config.precision.model_copy(update=switches)
    return config.model_copy(update={"precision": section})


def test_resuming_on_a_gpu_goes_on(cuda, tiny_dataset, tmp_path):
    train(tiny(iterations=2), tiny_dataset, tmp_path / "run", device="cuda")
    config = tiny(iterations=4)
    outcome = train(config, tiny_dataset, tmp_path / "run", resume=True, device="cuda")
    assert outcome.step == 4
    model = load_model(outcome.run).to(cuda)
    codes = model.sample_codes(2, rng=torch.Generator().manual_seed(0), labels={"expression": 1})
    assert torch.isfinite(model.decode(codes)).all()


def test_deterministic_trainings_end_with_the_same_bits(cuda, tiny_dataset, tmp_path):
    runs = [
        train(
            tiny(deterministic=True, iterations=2), tiny_dataset, tmp_path / name, device="cuda"
        ).run
        for name in ("one", "two")
    ]
    weights = [load_model(run).weights for run in runs]
    torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_the_mapping_and_its_gradient_are_the_same_bits_twice(cuda, tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), cuda)
    iterate(state)
    X = torch.randn(217, 96, device=cuda, requires_grad=True)
    runs = []
    for _ in range(2):
        pixels = state.problem.mapping(X)
        runs.append((pixels.detach(), torch.autograd.grad(pixels.square().sum(), X)[0]))
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)
    on_cpu = state.problem.mapping.cpu()(X.detach().cpu())
    torch.testing.assert_close(runs[0][0].cpu(), on_cpu, rtol=1e-5, atol=1e-5)


def test_a_bad_update_is_masked_on_the_device(cuda, tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), cuda)
    iterate(state)
    with torch.no_grad():
        state.discriminator.critic.last.weight[0, 0] = torch.inf
    before = [w.detach().clone() for w in state.generator.parameters()]
    iterate(state)
    torch.testing.assert_close(list(state.generator.parameters()), before, rtol=0, atol=0)
    with pytest.raises(TrainingDiverged, match=r"iteration 1: (critic|penalty) is"):
        state.watch.confirm()


@pytest.mark.parametrize(
    "switches", [{"tf32": True}, {"autocast": "bf16", "channels_last": True, "tf32": True}]
)
def test_switches_train_on_a_gpu(cuda, tiny_dataset, switches):
    plain = iterate(start(tiny(), load_dataset(tiny_dataset), cuda))
    terms = iterate(start(with_precision(**switches), load_dataset(tiny_dataset), cuda))
    torch.testing.assert_close(terms, plain, rtol=0.05, atol=0.05)


def test_tf32_is_on_in_the_trainings_products_alone(cuda, tiny_dataset, monkeypatch):
    """Off in penalties, and afterwards the caller's own again: torch's, products and not both."""

    def switches():
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    def watch(owner, name):
        call, seen = getattr(owner, name), set()
        monkeypatch.setattr(owner, name, lambda *a, **k: (seen.add(switches()), call(*a, **k))[1])
        return seen

    before = switches()
    state = start(with_precision(tf32=True), load_dataset(tiny_dataset), cuda)
    products = watch(state.discriminator, "shared")
    penalty = watch(state.adversarial, "discriminator")
    iterate(state)
    assert (products, penalty) == ({("high", True)}, {("highest", False)})
    assert switches() == before == ("highest", True)


def test_the_penalty_has_a_precision_of_its_own_and_cudnn_tries_its_algorithms(
    cuda, tiny_dataset, monkeypatch
):
    """Unless the training is to repeat itself bit for bit; afterwards all is as before."""
    cudnn, seen = torch.backends.cudnn, []
    for deterministic in (False, True):
        config = with_precision(penalty="tf32", cudnn_benchmark=True)
        state = start(config, load_dataset(tiny_dataset), cuda)
        judge = state.adversarial.discriminator
        monkeypatch.setattr(
            state.adversarial,
            "discriminator",
            lambda *a, judge=judge, **k: (
                seen.append((cudnn.allow_tf32, cudnn.benchmark)),
                judge(*a, **k),
            )[1],
        )
        with reproducible(deterministic):
            iterate(state)
    assert set(seen[:2]) == {(True, True)}
    assert set(seen[2:]) == {(True, False)}
    assert not cudnn.benchmark


def test_adam_that_is_not_fused_counts_on_the_host_after_resuming(cuda, tiny_dataset, tmp_path):
    config, data = with_precision(fused_adam=False), load_dataset(tiny_dataset)
    run = train(config, data, tmp_path / "run", device="cuda").run
    state = start(config, data, cuda)
    restore(state, newest_good_checkpoint(run))
    steps = [memory["step"] for memory in state.optimizer_g.state.values()]
    assert {step.device.type for step in steps} == {"cpu"}


def test_bench_times_by_events(cuda, tiny_dataset, monkeypatch):
    monkeypatch.setitem(PRODUCT, "cuda", 256)
    monkeypatch.setattr("gan.training.benchmark.WARM", 1)
    result = measure(start(tiny(), load_dataset(tiny_dataset), cuda), rounds=1)
    assert 0 < result.floor < result.iteration
    assert {"discriminator", "penalty", "optimizers"} <= result.parts.keys()
    assert result.memory > 0


NCCL = """
import torch
from gan import parallel
with parallel.processes("cuda") as device:
    assert torch.distributed.get_backend(torch.distributed.group.WORLD) == "nccl"
    numbers = torch.full((1 << 20,), parallel.rank() + 1.0, device=device)
    parallel._call(torch.distributed.all_reduce, numbers)
    n = parallel.world()
    assert bool((numbers == n * (n + 1) / 2).all())
    parts = [torch.empty_like(numbers) for _ in range(n)]
    parallel._call(torch.distributed.all_gather, parts, numbers)
    flag = torch.ones(())
    parallel._call(torch.distributed.all_reduce, flag)
    assert flag == n
    torch.cuda.synchronize()
"""


@pytest.mark.cuda
def test_nccl_joins_the_gpus_there_are():
    """One GPU, too, starts a group: NCCL beside gloo."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    command += [f"--nproc-per-node={torch.cuda.device_count()}", sys.executable, "-c", NCCL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
