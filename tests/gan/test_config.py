"""Configurations: presets, overlays, overrides; whatever is wrong is named in one line."""

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.config import PRESETS, dump_config, load_config, parse_config
from gan.errors import ConfigError


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_reads_back_equal(preset):
    config = load_config(preset)
    assert parse_config(tomllib.loads(dump_config(config)), "written") == config


def test_later_layers_win(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[training]\nbatch = 8\nepochs = 2.5\n[generator]\nhidden = 99\n")
    config = load_config("small", file, ["generator.hidden=7", "factors.identity.code_size=5"])
    assert config.training.batch == 8
    assert config.training.epochs == 2.5
    assert config.training.iterations is None, "the file's epochs replace the preset's iterations"
    assert config.generator.hidden == 7
    assert config.factors[0].code_size == 5
    assert config.mapping == load_config("small").mapping


def test_a_star_sets_all_tables_of_a_list():
    config = load_config("small", None, ["factors.*.losses.feature=0"])
    assert [factor.losses["feature"].g for factor in config.factors] == [0, 0]
    assert [factor.losses["classification"].g for factor in config.factors] == [1, 1]
    with pytest.raises(ConfigError, match=r"expected regularizers.NAME.key"):
        load_config("small", None, ["regularizers.*.weight=1"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.bat=3", "unknown key 'training.bat'; known here: iterations, epochs"),
        ("factors.identity.size=3", "unknown key 'factors.0.size'; known here: name, code_size"),
        ("factors.viseme.feature=1", "expected factors.NAME.key, NAME of identity, expression"),
        ("training.batch=-3", "training.batch: .* greater than or equal to 2, got -3"),
        ("adversarial.prior_codes=false", "a pair_critic needs adversarial.prior_codes = true"),
        ("training.batch=7", "training.batch: 7 is not a multiple of 2"),
        ("mapping.size=40", "mapping.size: 40 is not a multiple of 16"),
        ("factors.identity.losses.feature=-1", "losses.feature.d: .* or equal to 0, got -1"),
        ("factors.identity.losses.feature.g=x", "losses.feature.g: .* valid number.* got 'x'"),
        ("factors.identity.losses.feature.to=[1]", r"feature.options.to.* got \[1\]"),
        ("factors.identity.losses=[]", "losses: Input should be a valid dictionary"),
        ("factors.identity.losses.feature=yes", "feature: expected a weight, or a table"),
        ("generator.ema=1.0", "generator.ema: .* less than 1, got 1.0"),
        ("optimizer.rate_d=inf", "optimizer.rate_d: .* finite number"),
        ("training=3", "training: .*got 3"),
        ("training.batch", "expected key=value"),
        ("training.batch.x=3", "batch is a value, not a section"),
        ("mapping.name=plain", "mapping: samples belongs to name = 'antialiased'"),
        ("mapping.weights=belt", "mapping.weights: Input should be 'auto', 'cotan'.* or 'robust'"),
        ("augmentation.p=1.1", "augmentation.p: .*less than or equal to 1, got 1.1"),
        ("regularizers.weight=1", "expected regularizers.NAME.key"),
        (
            "regularizers.cotangent.weight=1",
            r"a name appears twice in \['cotangent', 'cotangent'\]",
        ),
        ("regularizers.edge-length.wait=1", "unknown key 'regularizers.0.wait'; .* name, weight"),
        ("adversarial.options=3", "adversarial.options: .* valid dictionary, got 3"),
        (
            "adversarial={ penalty = 0, options = { penalty = 3 } }",
            "remove one of adversarial.penalty and adversarial.options.penalty: they set",
        ),
        (
            "discriminator={ spectral_norm = true, options = { spectral_norm = true } }",
            "one of discriminator.spectral_norm and discriminator.options.spectral_norm: they",
        ),
        ("regularizer.name=5", "regularizer.name: Input should be a valid string, got 5"),
    ],
)
def test_a_wrong_value_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config("small", overrides=[override])


def test_all_that_is_wrong_is_named_at_once():
    wrong = ["training.batch=-3", "generator.hid=4", "adversarial.options.a=[[1]]"]
    message = (
        r"^preset small: 3 errors: training.batch: .*got -3; .*unknown key 'generator.hid'; known "
        r"here: name.*adversarial.options.a: .*got \[\[1\]\]"
    )
    with pytest.raises(ConfigError, match=message) as caught:
        load_config("small", overrides=wrong)
    assert str(caught.value).count("adversarial") == 1, "one line for all branches of a union"


def test_a_factors_losses_are_weights_or_tables():
    name = "factors.identity.losses"
    short = [f"{name}.classification=0", f"{name}.feature.distance=l2", f"{name}.feature.g=3"]
    short += [f"{name}.feature.d=0", f"{name}.code-regression=2"]
    whole = f"{name}={{ feature = {{ g = 3.0, d = 0, distance = 'l2' }}, code-regression = 2 }}"
    for overrides in ([whole], short):
        config = load_config("small", overrides=overrides)
        losses = config.factors[0].losses
        assert (losses["feature"].d, losses["feature"].g) == (0, 3)
        assert losses["feature"].options == {"distance": "l2"}
        assert losses["code-regression"].d == losses["code-regression"].g == 2
        assert "classification" not in losses or losses["classification"].g == 0
        assert parse_config(tomllib.loads(dump_config(config)), "written") == config
    assert load_config("paper").factors[0].losses.keys() == {"classification", "feature"}


def test_lists_and_options_are_set_by_name_and_written(tmp_path):
    awkward = 'two\nlines, "quotes", \x7f and é'
    file = tmp_path / "mine.toml"
    file.write_text('[[metrics]]\nname = "distribution"\noptions = { "a b" = [1, 2.5, true] }\n')
    sets = ["regularizers.edge-length.weight=0.25", "regularizers.edge-length.options.k=3"]
    config = load_config("small", file, [*sets, f"adversarial.options.note={awkward}"])
    (further,) = config.regularizers
    assert (further.name, further.weight, further.options) == ("edge-length", 0.25, {"k": 3})
    assert config.adversarial.options == {"note": awkward}
    assert config.metrics[0].options == {"a b": [1, 2.5, True]}
    assert parse_config(tomllib.loads(dump_config(config)), "written") == config
    file.write_text("metrics = 3\n")
    with pytest.raises(ConfigError, match="metrics is not a list of tables"):
        load_config("small", file, ["metrics.distribution.options.k=1"])


def test_a_factor_may_not_appear_twice_or_be_called_noise():
    factor = {"name": "identity", "code_size": 2}
    training = {"iterations": 1}
    with pytest.raises(ConfigError, match="appears twice"):
        parse_config({"factors": [factor, factor], "training": training}, "it")
    with pytest.raises(ConfigError, match="without labels"):
        parse_config({"factors": [factor | {"name": "noise"}], "training": training}, "it")


def test_both_lengths_are_refused():
    tree = {"factors": [{"name": "a", "code_size": 1}], "training": {"iterations": 1, "epochs": 1}}
    with pytest.raises(ConfigError, match="either iterations or epochs"):
        parse_config(tree, "it")


def test_unknown_preset_lists_the_known():
    with pytest.raises(ConfigError, match="unknown preset 'huge'; known: demo, small, plus, paper"):
        load_config("huge")


def test_a_file_that_is_not_toml_is_named(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_bytes(b"\xff\x00 = [")
    with pytest.raises(ConfigError, match=r"bad\.toml is not TOML"):
        load_config(None, file)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_configuration_error(tmp_path_factory, noise):
    file = tmp_path_factory.mktemp("config") / "noise.toml"
    file.write_bytes(noise)
    with contextlib.suppress(ConfigError):
        load_config("small", file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a." * 200_000 + "a = 1", "400,005 bytes: more than 65,536 are not read"),
        ("a=" + "[" * 5000, "nested too deeply"),
        ("training=1979-05-27", "training: Input should be a valid dictionary"),
        ("[training]\niterations=" + "9" * 4000, "training.iterations: Input should be less than"),
    ],
    ids=["long", "deep", "date", "huge"],
)
def test_hostile_files_are_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config("small", file)
    assert "\n" not in str(caught.value)


def test_the_sampler_of_earlier_versions_is_read_if_it_did_nothing():
    plain = load_config("small").model_dump(mode="json", exclude_none=True)
    for written in ({"name": "uniform"}, {"name": "uniform", "options": {}}, {}):
        assert parse_config(plain | {"sampler": written}, "old") == parse_config(plain, "new")
    balanced = {"name": "balanced", "options": {"factor": "expression"}}
    with pytest.raises(ConfigError, match=r"old: .*set training.labelled_batch"):
        parse_config(plain | {"sampler": balanced}, "old")
