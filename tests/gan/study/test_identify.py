"""Which model a run is: by its folder, its configuration, or the user's word; seeds are pooled."""

import json
import re
import shutil
from pathlib import Path

import pytest

from gan.config import load_config
from gan.errors import CheckpointError, ConfigError
from gan.study.identify import members_of, recognise
from gan.study.runs import differing_keys, read_facts

FACTORS = """
[[factors]]
name = "identity"
code_size = 4
losses = { classification = 1.0, feature = 1.0 }
[[factors]]
name = "expression"
code_size = 3
losses = { classification = 1.0, feature = 1.0%s }
[training]
iterations = %d
seed = %d
[regularizer]
weight = %g
"""


def run(folder: Path, *, more="", iterations=6, seed=0, weight=1.0, text=None, step=6) -> Path:
    """Write the files that say what a run is; the checkpoint is empty."""
    (folder / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
    written = text or FACTORS % (more, iterations, seed, weight)
    (folder / "config.toml").write_text(written)
    record = {"dataset": "/data/faces.h5", "fingerprint": "f" * 64, "training_meshes": 60}
    record |= {"device": "cpu", "versions": {"commit": "abc"}}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "metrics.jsonl").write_text('{"step": 6, "seconds": 90.0}\n')
    return folder


def names(*runs):
    return [member.name for member in members_of([str(r) for r in runs])]


def settings(*overrides):
    tree = load_config("small", None, overrides).model_dump(mode="json")
    tree["factors"] = {factor["name"]: factor for factor in tree["factors"]}
    return tree


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ((), "ours"),
        (("regularizer.weight=0",), "no-regularizer"),
        (("factors.identity.losses={}",), "no-identity-classifier"),
        (("factors.expression.losses={}",), "no-expression-classifier"),
        (("factors.expression.losses.classification=0",), "no-expression-classifier"),
        (
            ("factors.identity.losses.feature=0", "factors.expression.losses.feature=0"),
            "no-feature-loss",
        ),
        (("factors.identity.losses.code-regression=2",), "ours-plus"),
        (("regularizer.weight=0", "factors.identity.losses={}"), None),
    ],
)
def test_a_configuration_says_what_it_trains(overrides, name):
    assert recognise(settings(*overrides)) == name


def test_presets_and_baselines():
    for preset, name in (("paper", "ours"), ("small", "ours"), ("plus", "ours-plus")):
        tree = load_config(preset).model_dump(mode="json")
        tree["factors"] = {factor["name"]: factor for factor in tree["factors"]}
        assert recognise(tree) == name
    assert recognise({"kind": "coma"}) == "coma"


def test_a_share_of_the_labels_is_part_of_the_name():
    share = "factors.expression.label_share={}"
    without = "factors.expression.losses.classification=0"
    assert recognise(settings(share.format(0.05))) == "ours-labels5"
    assert recognise(settings(share.format(0), without)) == "ours-labels0"
    assert recognise({"kind": "mae", "label_share": 0.5}) == "mae-labels50"


def test_members_stand_in_the_order_of_the_tables(tmp_path):
    runs = [
        run(tmp_path / "b", more=", code-regression = 2.0"),
        run(tmp_path / "a"),
        run(tmp_path / "linear", text='kind = "3dmm"\n'),
        run(tmp_path / "c", weight=0),
    ]
    assert names(*runs) == ["no-regularizer", "3dmm", "ours", "ours-plus"]
    (member, *_) = members_of([str(runs[2])])
    assert (member.title, member.kind, member.run) == ("3DMM", "baseline", runs[2])


def test_a_folder_s_name_and_a_given_name_come_first(tmp_path):
    plain = run(tmp_path / "no-feature-loss")
    assert names(plain) == ["no-feature-loss"]
    assert names(f"ours-plus={plain}") == ["ours-plus"]
    assert names(f"mine={plain}") == ["mine"]
    odd = run(tmp_path / "a=b")
    assert names(odd) == ["ours"]  # a path that exists is a path


def test_seeds_are_one_member(tmp_path):
    runs = [run(tmp_path / f"ours-seed{k}", seed=k) for k in range(3)]
    assert names(*runs) == ["ours"] * 3
    others = [run(tmp_path / "x", seed=0, iterations=9), run(tmp_path / "y", seed=1, iterations=9)]
    assert names(*others) == ["ours", "ours"]
    odd = run(
        tmp_path / "both-0", text=(FACTORS % ("", 6, 0, 0)).replace("feature = 1.0", "feature = 0")
    )
    twin = run(
        tmp_path / "both-1", text=(FACTORS % ("", 6, 1, 0)).replace("feature = 1.0", "feature = 0")
    )
    assert names(odd, twin) == ["both-0", "both-1"]
    seeded = [shutil.copytree(path, tmp_path / f"mine-s{k}") for k, path in enumerate((odd, twin))]
    assert names(*seeded) == ["mine", "mine"]


def test_several_configurations_keep_their_own_names(tmp_path):
    one, two = run(tmp_path / "slow"), run(tmp_path / "fast", iterations=3)
    assert sorted(names(one, two)) == ["fast", "slow"]
    (tmp_path / "sub").mkdir()
    again = run(tmp_path / "sub" / "slow", iterations=9)
    found = names(one, two, again)
    assert len(set(found)) == 3
    assert "sub/slow" in found


def test_a_given_name_for_unlike_runs_is_refused(tmp_path):
    one, two = run(tmp_path / "a"), run(tmp_path / "b", iterations=9, seed=1)
    with pytest.raises(ConfigError, match=r"'ours' is the name of several.*training\.iterations"):
        members_of([f"ours={one}", f"ours={two}"])
    twin = shutil.copytree(one, tmp_path / "c")
    with pytest.raises(ConfigError, match="have the same seed, 0"):
        members_of([f"ours={one}", f"ours={twin}"])
    with pytest.raises(ConfigError, match="is given twice"):
        members_of([str(one), f"ours={one}"])
    short = run(tmp_path / "d", step=4, seed=1)
    with pytest.raises(ConfigError, match="differ in step"):
        members_of([f"ours={one}", f"ours={short}"])


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(CheckpointError, match=r"nothing: no such run directory"):
        members_of([str(tmp_path / "nothing")])
    empty = run(tmp_path / "empty")
    shutil.rmtree(empty / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint in it yet"):
        members_of([str(empty)])
    broken = run(tmp_path / "broken", text="= 3")
    with pytest.raises(ConfigError, match=re.escape("broken/config.toml is not TOML")):
        members_of([str(broken)])
    (broken / "config.toml").unlink()
    with pytest.raises(ConfigError, match=re.escape("config.toml is missing")):
        members_of([str(broken)])


def test_facts_of_a_run(tmp_path):
    facts = read_facts(run(tmp_path / "a", seed=7))
    assert (facts.seed, facts.step, facts.minutes, facts.device) == (7, 6, 1.5, "cpu")
    assert (facts.commit, facts.trained_on, facts.baseline) == ("abc", "faces.h5", None)
    other = read_facts(run(tmp_path / "b", seed=8))
    assert differing_keys(facts.method, other.method) == {}
    third = read_facts(run(tmp_path / "c", weight=0.5))
    assert differing_keys(facts.method, third.method) == {"regularizer.weight": (1.0, 0.5)}
