"""Switches of `[precision]`: equal to the plain path where they must be, different where not."""

import subprocess
import sys

import pytest
import torch

from gan.datasets.store import load_dataset
from gan.training.loop import start
from gan.training.step import iterate
from tests.gan.conftest import tiny

CPU = torch.device("cpu")


def state_with(dataset, **switches):
    config = tiny()
    section = config.precision.model_copy(update=switches)
    return start(config.model_copy(update={"precision": section}), load_dataset(dataset), CPU)


def first_terms(dataset, **switches):
    config = tiny(critic_steps=1)
    section = config.precision.model_copy(update=switches)
    state = start(config.model_copy(update={"precision": section}), load_dataset(dataset), CPU)
    return iterate(state)


def test_bf16_rounds_the_networks_and_not_the_penalty(tiny_dataset):
    plain, rounded = (first_terms(tiny_dataset, autocast=kind) for kind in ("none", "bf16"))
    torch.testing.assert_close(rounded["d/penalty"], plain["d/penalty"], rtol=0, atol=0)
    for name in ("d/critic", "d/classification_identity", "g/adversarial"):
        assert rounded[name] != plain[name], f"{name} was not computed in bf16"
        assert rounded[name].dtype == torch.float32
        torch.testing.assert_close(rounded[name], plain[name], rtol=0.05, atol=0.05)


def test_bf16_trains(tiny_dataset):
    state = state_with(tiny_dataset, autocast="bf16")
    before = [w.detach().clone() for w in state.generator.parameters()]
    for _ in range(3):
        assert all(torch.isfinite(term) for term in iterate(state).values())
    moved = [(w - b).abs().max() for w, b in zip(state.generator.parameters(), before, strict=True)]
    assert min(moved) > 0


@pytest.mark.parametrize("switches", [{"channels_last": True}, {"fused_adam": False}])
def test_layout_and_optimizer_change_nothing_but_rounding(tiny_dataset, switches):
    plain, other = state_with(tiny_dataset), state_with(tiny_dataset, **switches)
    for state in (plain, other):
        for _ in range(2):
            iterate(state)
    torch.testing.assert_close(other.latest, plain.latest, rtol=1e-4, atol=1e-5)


def test_channels_last_reaches_the_convolutions(tiny_dataset):
    D = state_with(tiny_dataset, channels_last=True).discriminator
    layouts = []
    for layer in (D.trunk[1], D.critic.blocks[0]):
        layer.register_forward_hook(
            lambda _, __, out: layouts.append(out.is_contiguous(memory_format=torch.channels_last))
        )
    D.score(D.shared(torch.zeros(2, 3, 16, 16)))
    assert layouts == [True, True]


COMPILED = """
import torch, sys
from gan.config import load_config
from gan.datasets.store import load_dataset
from gan.training.loop import start
from gan.training.step import iterate
states = []
compiled = "precision.compile=true"
for switches in ([], [compiled], [compiled, "precision.graphs=true"]):
    config = load_config(None, sys.argv[1], switches)
    states.append(start(config, load_dataset(sys.argv[2]), torch.device(sys.argv[3])))
for state in states:
    iterate(state)
for state in states[1:]:
    torch.testing.assert_close(state.latest, states[0].latest, rtol=1e-4, atol=1e-5)
assert torch._dynamo.utils.counters["frames"]["ok"] > 0, "nothing was compiled"
mapping = states[0].problem.mapping
X = torch.randn(mapping.shape[1], 6, device=sys.argv[3])
whole = torch.compile(mapping, fullgraph=True)
torch.testing.assert_close(whole(X), mapping(X), rtol=0, atol=0)
from gan.training.benchmark import measure
floors = [measure(state, rounds=1).operations for state in states]
assert floors[0] == floors[1] == floors[2], "what is compiled has the same floor"
"""


@pytest.mark.parametrize(
    "device",
    [pytest.param("cpu", marks=pytest.mark.slow), pytest.param("cuda", marks=pytest.mark.cuda)],
)
def test_compiled_equals_plain(device, tiny_dataset, tmp_path):
    """In a process of its own: the checks of shapes in these tests cannot be compiled."""
    from gan.config import dump_config

    config = tmp_path / "config.toml"
    config.write_text(dump_config(tiny()))
    command = [sys.executable, "-c", COMPILED, str(config), str(tiny_dataset), device]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
