"""The guide for CoMA's topology, run on made-up heads with a neck and two eyeballs."""

import re
import shlex
from pathlib import Path

import pytest

from gan.datasets.store import load_dataset
from tests.gan.whole_heads import head, write_coma
from tests.system.commands import gan

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "coma_vocaset_flame.md"
SMALL = (
    *("--set", "training.iterations=2", "--set", "training.batch=8"),
    *("--set", "mapping.size=32", "--set", "generator.hidden=16"),
    *("--set", "discriminator.widths=[4,4,8,8]", "--set", "training.critic_steps=1"),
)


@pytest.fixture
def coma(workdir, monkeypatch) -> Path:
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(workdir / "cache"))
    write_coma(workdir / "COMA_data")
    return workdir


def test_the_commands_of_the_guide_make_a_model_of_heads(coma):
    section = GUIDE.read_text(encoding="utf-8").split("## CoMA")[1].split("## ")[0]
    commands = [shlex.split(line) for line in re.findall(r"^    gan (.*)$", section, re.M)]
    assert [words[0] for words in commands] == ["data", "train", "evaluate", "sample", "view"]
    for words in commands[:-1]:
        more = {"train": SMALL, "evaluate": ("--metrics", "diversity", "--samples", 20)}
        result = gan.succeed(*words, *more.get(words[0], ()))
        if words[0] == "train":
            assert re.search(r"images show \d+ of \d+ vertices", result.stderr)
    with load_dataset(coma / "coma.h5") as data:
        whole = head()
        assert len(data.template) < len(whole.V)
        assert data.provenance["parameters"]["kept"]["component"] == "largest"
    assert len(list((coma / "faces").glob("face-*.obj"))) == 9


def test_the_whole_heads_are_imported_with_a_word_and_refused_for_training(coma):
    said = gan.succeed("data", "import", "COMA_data", "-o", "all.h5").stderr
    assert "gan train cannot use it as it is" in said
    assert "--component largest" in said
    refused = gan.fails("train", "all.h5", "--out", "run", *SMALL)
    assert "gan data import --component largest" in refused


def test_all_meshes_that_cannot_be_used_are_named_at_once(coma):
    meshes = sorted(coma.glob("COMA_data/*/*/*.ply"))
    for path in meshes[5:8]:
        path.write_text("ply\n")
    call = gan("data", "import", "COMA_data", "--component", "largest", "-o", "coma.h5")
    assert call.exit_code == 1
    said = call.stderr.splitlines()[-1]
    for path in meshes[5:8]:
        assert path.name in said
    assert "--skip-bad" in said
