"""One contract for every plug-in that ships: built from defaults it trains, and resumes exactly."""

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gan.config import Config, parse_config
from gan.datasets.store import Dataset, load_dataset
from gan.losses import ADVERSARIAL_LOSSES, FACTOR_LOSSES, REGULARIZERS
from gan.models.discriminator import DISCRIMINATORS
from gan.models.generator import GENERATORS
from gan.plugins import KINDS, registry
from gan.training.checkpoint import restore, save_checkpoint
from gan.training.choices import check_choices
from gan.training.loop import start
from gan.training.state import TrainState
from gan.training.step import iterate
from tests.gan.conftest import blobs, tiny
from tests.simulated_cuda import no_waits

CPU = torch.device("cpu")


def names(registry) -> list[str]:
    return sorted(registry)


CASES = [
    *(("generator", name) for name in names(GENERATORS)),
    *(("discriminator", name) for name in names(DISCRIMINATORS)),
    *(("adversarial", name) for name in names(ADVERSARIAL_LOSSES)),
    *(("regularizer", name) for name in names(REGULARIZERS)),
    *(("factors", name) for name in names(FACTOR_LOSSES)),
    *(("mapping", name) for name in ("antialiased",)),
    *(("augmentation", name) for name in ("adaptive", "fixed")),
    ("discriminator.spectral_norm", True),
    ("regularizers", "edge-length"),
]


def choose(section: str, name: Any) -> Config:
    """Return the tiny configuration with one choice made."""
    tree = copy.deepcopy(tiny().model_dump(mode="json", exclude_none=True))
    if section == "factors":
        for factor in tree["factors"]:
            factor["losses"] = {name: 1.0}
    elif section == "regularizers":
        tree["regularizers"] = [{"name": name, "weight": 0.5}]
    elif section == "discriminator.spectral_norm":
        tree["discriminator"]["spectral_norm"] = name
    else:
        tree[section]["name"] = name
        if name == "quadratic":
            tree[section]["start"] = "fitted"
        if section == "augmentation":
            tree[section] |= {"p": 0.5, "images": 100}
    return parse_config(tree, "the test")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    with load_dataset(blobs(tmp_path_factory.mktemp("data") / "blobs.h5")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep derived data of this module in one place."""
    folder = tmp_path_factory.getbasetemp() / "plug-in-cache"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(folder))


def begin(config: Config, dataset: Dataset) -> TrainState:
    return start(config, dataset, CPU)


def everything(state: TrainState) -> dict[str, Any]:
    """Return all that training changes, as copies."""
    parts = {name: dict(part.state_dict()) for name, part in state.parts().items()}
    kept = {"parts": parts, "order": state.order, "rng": state.rng.get_state()}
    return copy.deepcopy(kept | {"latest": state.latest, "average": state.average})


@pytest.mark.parametrize(("section", "name"), CASES)
def test_every_plug_in_trains_and_resumes_bit_for_bit(section, name, dataset, tmp_path):
    config = choose(section, name)
    whole = begin(config, dataset)
    before = everything(whole)
    for _ in range(2):
        iterate(whole)
    checkpoint = save_checkpoint(whole, tmp_path)
    for _ in range(3):  # past the end of an epoch of seven batches
        terms = iterate(whole)
    for player in (whole.generator, whole.discriminator):
        gradients = [w.grad for w in player.parameters() if w.grad is not None]
        assert gradients
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert all(torch.isfinite(term) for term in terms.values()), terms
    after = everything(whole)
    for player in ("generator", "discriminator"):
        moved = [(after["parts"][player][k] != w).any() for k, w in before["parts"][player].items()]
        assert any(moved), player
    again = begin(config, dataset)
    torch.manual_seed(1)  # no plug-in may draw from the global numbers
    restore(again, checkpoint)
    for _ in range(3):
        iterate(again)
    assert_close(everything(again), after, rtol=0, atol=0)


@pytest.mark.parametrize(("section", "name"), CASES)
def test_every_plug_in_trains_on_a_gpu_and_never_waits_for_it(section, name, cuda, dataset):
    state = start(choose(section, name), dataset, cuda)
    iterate(state)
    with no_waits():
        for _ in range(2):  # the other factor's turn, and again; a new epoch may wait
            terms = iterate(state)
    state.watch.confirm()
    assert all(torch.isfinite(term) for term in terms.values()), terms
    for part in state.parts().values():
        tensors = [t for t in part.state_dict().values() if isinstance(t, torch.Tensor)]
        assert {t.device.type for t in tensors} <= {"cuda"}


@pytest.mark.parametrize(("section", "name"), CASES)
def test_a_seed_is_a_run(section, name, dataset):
    config = choose(section, name)
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(everything(begin(config, dataset)))
    assert_close(*states, rtol=0, atol=0)


def test_every_section_refuses_a_name_or_an_option_it_does_not_know(dataset):
    for section in ("generator", "discriminator", "adversarial", "regularizer"):
        tree = tiny().model_dump(mode="json", exclude_none=True)
        tree[section]["name"] = "nonsense"
        with pytest.raises(ValueError, match=r"unknown .* 'nonsense'; known: "):
            begin(parse_config(tree, "the test"), dataset)
        tree = tiny().model_dump(mode="json", exclude_none=True)
        tree[section]["options"] = {"nonsense": 1}
        with pytest.raises(ValueError, match="has no option 'nonsense'"):
            begin(parse_config(tree, "the test"), dataset)


def test_a_metric_is_looked_up_before_the_training(dataset):
    tree = tiny().model_dump(mode="json", exclude_none=True) | {"metrics": [{"name": "beauty"}]}
    with pytest.raises(ValueError, match=r"unknown metric 'beauty'; known: .*distribution"):
        begin(parse_config(tree, "the test"), dataset)


def test_a_setting_that_the_choice_does_not_have_is_refused(dataset):
    tree = tiny().model_dump(mode="json", exclude_none=True)
    tree["adversarial"] = {"name": "hinge", "penalty": 3.0}
    with pytest.raises(ValueError, match="'hinge' has no option 'penalty'; it has no options"):
        begin(parse_config(tree, "the test"), dataset)


def test_the_page_names_every_group_and_its_examples_hold():
    text = (Path(__file__).parents[2] / "docs/howto/plugins.md").read_text()
    assert [kind for kind in KINDS if registry(kind).group not in text] == []
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        values = tomllib.loads(example)
        if "project" not in values:
            tree = tiny().model_dump(mode="json", exclude_none=True)
            check_choices(parse_config(tree | values, "docs/howto/plugins.md"))
