"""What `gan bench` measures: the floor's calls, the parts of a step; updates that are masked."""

import json

import pytest
import torch
from click.testing import CliRunner

from gan.cli import main
from gan.config import dump_config
from gan.datasets.store import load_dataset
from gan.errors import TrainingDiverged
from gan.sections import PrecisionConfig
from gan.training.benchmark import measure
from gan.training.descent import Watch
from gan.training.floor import record_floor
from gan.training.loop import start
from gan.training.precision import full_precision
from gan.training.profile import Profile, part
from gan.training.roofline import DEVICES, LAUNCH, REACHED, REACHED_BYTES, roofline
from gan.training.step import iterate
from tests.gan.conftest import tiny
from tests.system.json_page import assert_documented

CPU = torch.device("cpu")


def test_the_floor_is_the_convolutions_and_products_with_their_gradients():
    layer = torch.nn.Conv2d(3, 8, 4, stride=2, padding=1)
    last = torch.nn.Linear(8 * 16, 5)
    images = torch.randn(2, 3, 8, 8)

    def work():
        h = torch.nn.functional.leaky_relu(layer(images))
        last(h.flatten(1)).square().sum().backward()

    floor = record_floor(work)
    macs = {"conv": 2 * 8 * 16 * 3 * 16, "linear": 2 * 128 * 5}
    # Forward, and for each weight and each hidden signal once backward; 2 operations a product.
    expected = 2 * (2 * macs["conv"] + 3 * macs["linear"])
    assert floor.operations == expected
    assert len(floor.calls) == 5  # convolution and its gradient; a product and its two
    before = layer.weight.detach().clone()
    floor.replay()
    torch.testing.assert_close(layer.weight.detach(), before, rtol=0, atol=0)


def test_a_roofline_counts_what_kernels_compute_and_move():
    """By hand: sums are bound by memory, products by arithmetic, small ones by their launch."""
    x, A = torch.randn(10_000_000), torch.randn(2048, 2048)
    limits, mega = DEVICES["h100"], 1e6
    plain, fast = PrecisionConfig(), PrecisionConfig(tf32=True)

    def penalty():
        with full_precision(fast):
            A @ A

    added = roofline(lambda: x.view(10, -1) + x[:1].expand(10, 1_000_000), "h100", plain)
    assert (added.operations, added.kernels, added.bytes) == (0, 1, 80 * mega + 4)
    assert added.predicted == added.memory == added.bytes / (REACHED_BYTES * limits.bytes)
    for settings, rate, work in (
        (plain, limits.float32, lambda: A @ A),
        (fast, limits.tf32, lambda: A @ A),
        (fast, limits.float32, penalty),
        (fast, limits.bf16, lambda: A.bfloat16() @ A.bfloat16()),
    ):
        product = roofline(work, "h100", settings)
        assert product.operations == 2 * 2048**3
        assert product.compute == product.operations / (REACHED * rate)
    small = roofline(lambda: torch.ones(3) + 1, "h100", plain, iterations=2)
    assert small.predicted == small.launches == LAUNCH


def test_sparse_products_are_above_the_floor(tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), CPU)
    X = torch.randn(state.problem.mapping.shape[1], 4)
    assert record_floor(lambda: state.problem.mapping(X)).calls == []


def test_backward_time_goes_to_the_part_that_made_the_graph():
    def slow(x):
        for _ in range(60):
            x = x @ torch.eye(200)
        return x

    x = torch.randn(200, 200, requires_grad=True)
    with Profile(CPU) as profile:
        with part("penalty"):
            y = slow(x)
        with part("regularizer"):
            total = (y * 2).sum()
        forward = profile.seconds()
        from gan.training.profile import backward_parts

        with backward_parts(total):
            total.backward()
    whole = profile.seconds()
    gained = {name: whole[name] - forward.get(name, 0.0) for name in ("penalty", "regularizer")}
    assert gained["penalty"] > gained["regularizer"] > 0


def test_parts_add_up_to_the_iterations(tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), CPU)
    result = measure(state, rounds=2)
    named = {"data", "noise", "generator", "mapping", "discriminator", "penalty", "regularizer"}
    assert named | {"optimizers", "averaging", "rest"} == set(result.parts)
    assert all(seconds > 0 for seconds in result.parts.values())
    assert state.step == 2 * (1 + 2 * (3 + 2)), "recorded, then iterations and parts in turn"
    assert result.seconds_for(2.0, 80) == pytest.approx(2 * 5 * result.iteration)


def test_bench_prints_json_and_leaves_nothing_behind(tiny_dataset, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(dump_config(tiny()))
    before = sorted(path.name for path in tmp_path.iterdir())
    command = ["bench", str(tiny_dataset), "--config", str(config), "--rounds", "1", "--json"]
    command += ["--roofline", "h100"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert_documented("gan bench", record)
    assert record["ratio"] == pytest.approx(record["iteration"] / record["floor"])
    assert record["roofline"]["predicted"] > 0
    assert record["roofline"]["operations"] == pytest.approx(record["operations"], rel=0.01)
    assert {*before, "cache"} == {path.name for path in tmp_path.iterdir()}
    made_up = ["bench", "--vertices", "200", *command[2:]]
    record = json.loads(CliRunner().invoke(main, made_up).stdout)
    assert record["vertices"] == pytest.approx(200, rel=0.2)


def test_an_update_that_is_not_finite_is_masked_until_it_is_confirmed(tiny_dataset):
    """As on a GPU: nothing waits for the value, and yet the weights stay those before the step."""
    state = start(tiny(), load_dataset(tiny_dataset), CPU)
    state.watch = Watch(defer=True)
    iterate(state)
    state.watch.confirm()
    with torch.no_grad():
        state.discriminator.critic.last.weight[0, 0] = torch.inf
    players = [*state.generator.parameters(), *state.discriminator.parameters()]
    before = [w.detach().clone() for w in players]
    iterate(state)
    iterate(state)
    torch.testing.assert_close([w.detach() for w in players], before, rtol=0, atol=0)
    with pytest.raises(TrainingDiverged, match=r"iteration 1: (critic|penalty) is"):
        state.watch.confirm()
    with torch.no_grad():
        state.discriminator.critic.last.weight[0, 0] = 0.0
    iterate(state)
    state.watch.confirm()
    assert (players[0].detach() - before[0]).abs().max() > 0, "it goes on after a repair"


def test_masking_changes_no_bit_of_a_good_run(tiny_dataset):
    states = [start(tiny(), load_dataset(tiny_dataset), CPU) for _ in range(2)]
    states[1].watch = Watch(defer=True)
    for state in states:
        for _ in range(3):
            iterate(state)
        state.watch.confirm()
    weights = [list(state.generator.parameters()) for state in states]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
