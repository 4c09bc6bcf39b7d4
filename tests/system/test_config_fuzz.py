"""Mutated configurations: accepted and written back equal, or refused with one clear line.

Each case is a preset with a few mutations and a few `--set`, made from its number alone: a failure
names the number, and `case(number)` gives the text and the overrides again.
"""

import time
import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from gan.config import PRESETS, dump_config, load_config, parse_config
from gan.datasets.store import load_dataset
from gan.errors import MAX_CHARACTERS, ConfigError, DatasetError
from gan.training.loop import start
from tests.gan.conftest import blobs
from tests.system.dice import Rng, pick

TEXTS = {name: (resources.files("gan.presets") / f"{name}.toml").read_text() for name in PRESETS}
LEFT = {line.partition(" =")[0] for t in TEXTS.values() for line in t.splitlines() if "=" in line}
MORE = "iterations epochs threads seed critic_steps samples penalty options losses balance weights"
MORE += " betas deterministic on_divergence keep slope"
KEYS = sorted({*LEFT, *MORE.split()})
SECTIONS = ["generator", "discriminator", "mapping", "adversarial", "regularizer", "optimizer"]
SECTIONS += ["training", "output", "augmentation", "precision", "factors.identity"]
SECTIONS += [f"factors.identity.losses{key}" for key in ("", ".feature")]
SECTIONS += ["regularizers.edge-length"]
VALUES = ["0", "-1", "1", "2", "3", "16", "48", "0.5", "1.5", "1e400", "-0.0", "nan", "inf", "-inf"]
VALUES += ["true", "false", '""', '"mlp"', '"cosine"', '"\\n"', '"ü\\u0000"', "'''a\nb'''", "bare"]
VALUES += ["9223372036854775807", "9223372036854775808", "1" * 30, "1" * 5000, "0x10", "1_000"]
VALUES += ["[]", "[1]", "[4, 4, 8, 8]", "[0.0, 0.9]", "[[1], [2]]", "{}", "{ a = 1 }", "{ g = 5 }"]
VALUES += ["1979-05-27", "07:32:00", '["a", "b"]', "[" * 40 + "]" * 40, "[" * 5000]
VALUES += ["{ a." + "b." * 900]
VALUES += ['"' + "x" * 20_000 + '"', "{ feature = 1.0 }", "{ classification = { d = 0, g = nan } }"]
LINES = ["[unknown]", "[training]", "[[factors]]", "[factors]", "[generator.options]", "x = 1"]
LINES += ["= 1", "[[regularizers]]", '[[metrics]]\nname = "x"', 'name = "identity"', "a.b.c = 1"]
LINES += ["\x00", "]", '"training" = 3', "[training]\niterations = 5\nepochs = 5", '["" ]']
LINES += ["[a.b.c.d]", "\ufeff"]
SECONDS = 2.0
CPU = torch.device("cpu")


def mutate(text: str, rng: Rng) -> str:
    lines = text.splitlines()
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(len(lines))) if lines else 0
        match int(rng.integers(0, 8)):
            case 0 | 1 | 2 if lines and "=" in lines[at]:
                lines[at] = f"{lines[at].partition('=')[0]}= {pick(rng, VALUES)}"
            case 3:
                lines.insert(at, f"{pick(rng, KEYS)} = {pick(rng, VALUES)}")
            case 4 if lines:
                del lines[at]
            case 5 if lines:
                lines.insert(int(rng.integers(len(lines))), lines[at])
            case 6:
                lines.insert(at, pick(rng, LINES))
            case 7 if lines and lines[at]:
                i = int(rng.integers(len(lines[at])))
                lines[at] = lines[at][:i] + chr(int(rng.integers(1, 0x2FF))) + lines[at][i + 1 :]
    return "\n".join(lines)


def override(rng: Rng) -> str:
    match int(rng.integers(0, 6)):
        case 0:
            return pick(rng, [*LINES, *VALUES, "=", "a=b=c", ".=1", "training.=1", "factors=3"])
        case 1:
            return f"{pick(rng, SECTIONS)}={pick(rng, VALUES)}"
        case _:
            return f"{pick(rng, SECTIONS)}.{pick(rng, KEYS)}={pick(rng, VALUES)}"


def case(number: int) -> tuple[str | None, str, list[str]]:
    """Return the preset below (or None), the file's text, and the values to set."""
    rng = np.random.default_rng([6, number])
    text = mutate(TEXTS[pick(rng, PRESETS)], rng)
    below = None if rng.random() < 0.7 else pick(rng, PRESETS)
    return below, text, [override(rng) for _ in range(int(rng.choice([0, 0, 1, 2])))]


def attack(folder: Path, numbers: range) -> list[int]:
    """Return the numbers of what was accepted."""
    accepted, path = [], folder / "fuzz.toml"
    for number in numbers:
        below, text, overrides = case(number)
        path.write_text(text, encoding="utf-8")
        began = time.perf_counter()
        try:
            config = load_config(below, path, overrides)
            again = parse_config(tomllib.loads(dump_config(config)), "written")
            assert repr(again) == repr(config), f"number {number} is not read back equal"
            accepted.append(number)
        except ConfigError as error:
            message = str(error)
            assert message.isprintable(), f"number {number}: {message!r}"
            assert len(message) <= MAX_CHARACTERS, f"number {number}: {message}"
        except Exception as error:
            raise AssertionError(f"number {number}: {error!r}") from error
        assert time.perf_counter() - began < SECONDS, f"number {number} is slow"
    return accepted


def prepare(numbers: list[int], folder: Path) -> int:
    """Start a training with each, on a tiny data set, at sizes for a test; return how many can."""
    dataset, started = load_dataset(blobs(folder / "blobs.h5")), 0
    for number in numbers:
        below, text, overrides = case(number)
        (folder / "fuzz.toml").write_text(text, encoding="utf-8")
        config = load_config(below, folder / "fuzz.toml", overrides)
        sizes = [config.generator.hidden, config.generator.noise_size, *config.discriminator.widths]
        sizes += [config.mapping.size, config.training.critic_steps]
        sizes += [factor.code_size for factor in config.factors]
        if max(sizes) > 2048 or config.precision.compile:
            continue
        try:
            state = start(config, dataset, CPU)
            assert state.iterations >= 1
            started += 1
        except (ValueError, DatasetError) as error:
            assert "\n" not in str(error), f"number {number}: {error}"  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"number {number}: {error!r}") from error
    return started


def test_mutated_configurations(tmp_path):
    accepted = attack(tmp_path, range(400))
    assert 40 < len(accepted) < 360  # the mutations do damage, but not always


@pytest.mark.slow
def test_mutated_configurations_in_thousands(tmp_path, monkeypatch):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    accepted = attack(tmp_path, range(400, 10_400))
    some = accepted[:: max(1, len(accepted) // 60)]
    assert prepare(some, tmp_path) > 10
