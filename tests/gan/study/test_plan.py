"""What a study is going to do: budgets as data, ablations of one line, stages by name."""

import pytest

from gan.baselines.baseline import BASELINES
from gan.config import Config, load_config
from gan.errors import ConfigError
from gan.study.ablations import ablations_of
from gan.study.job_choice import choose_jobs, with_needs
from gan.study.plan import plan_ablations, plan_study, workflow_settings
from gan.study.sizes import load_sizes, named_size
from gan.study.sources import Source
from gan.training.changes import differing_keys
from tests.gan.study.small_study import ABLATIONS, MODELS, TABLE, small_plan, write_table

LOSSES = "factors.{}.losses.{}"


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_an_ablation_differs_in_one_line(preset):
    full = load_config(preset)
    changed = {}
    for cut in ablations_of(full):
        assert "\n" not in cut.override
        less = load_config(preset, None, [cut.override])
        changed[cut.name] = set(differing_keys(full, less))
    both = {name: LOSSES.format(name, "{}") for name in ("identity", "expression")}
    assert changed == {
        "no-regularizer": {"regularizer.weight"},
        "no-identity-classifier": {
            both["identity"].format(loss) for loss in ("classification", "feature")
        },
        "no-expression-classifier": {
            both["expression"].format(loss) for loss in ("classification", "feature")
        },
        "no-feature-loss": {key.format("feature") for key in both.values()},
    }


def test_ablations_of_classifiers_follow_the_factors():
    tree = load_config("small").model_copy(
        update={"factors": load_config("small").factors[:1]}, deep=True
    )
    names = [cut.name for cut in ablations_of(tree)]
    assert names == ["no-regularizer", "no-identity-classifier", "no-feature-loss"]


@pytest.mark.parametrize("size", load_sizes())
def test_every_size_trains_what_the_tables_need(size):
    plan = plan_study(size, named_size(size))
    names = [trial.name for trial in plan.trials]
    baselines = set(BASELINES)
    assert set(names) == {*ABLATIONS, *baselines, "ours", "ours-plus", "three-factors"}
    assert len(plan.trial("three-factors").config.factors) == 3
    jobs = plan.jobs()
    assert jobs[0].name == "data"
    assert jobs[-1].name == "report"
    settings = workflow_settings(plan, "gan", "1")
    assert f"--size {plan.budget.benchmark}" in settings["sources"][""]["options"]
    assert settings["models"]["mae"]["verb"] == "baseline mae"


def test_the_budget_of_an_ablation_is_that_of_the_model():
    plan = plan_study("small", named_size("small"))
    full = plan.trial("ours").config
    assert isinstance(full, Config)
    assert full.training.iterations == 1200
    for name in ABLATIONS:
        assert plan.trial(name).config.training == full.training


def test_jobs_are_chosen_by_name_and_by_group(tmp_path):
    plan = small_plan(write_table(tmp_path))

    def chosen(*only: str) -> list[str]:
        return [job.name for job in choose_jobs(plan, only)]

    assert chosen() == [job.name for job in plan.jobs()]
    assert chosen("report", "ours") == ["ours", "report"]
    assert chosen("trainings") == list(MODELS)
    assert chosen("ablations") == list(ABLATIONS)
    assert chosen("evaluations", "data") == ["data", *(f"evaluate-{name}" for name in MODELS)]
    with pytest.raises(
        ValueError, match=r"no stage 'mea'; known are data, oracle, 3dmm, ours, .*trainings"
    ):
        choose_jobs(plan, ["mea"])
    needed = with_needs(plan, choose_jobs(plan, ["evaluate-coma", "report"]))
    assert [job.name for job in needed] == ["data", "coma", "judges", "evaluate-coma", "report"]


def test_sources_and_seeds_multiply(tmp_path):
    sources = (Source("ict"), Source("mine", data=tmp_path / "mine.h5"))
    plan = small_plan(write_table(tmp_path), seeds=(4, 7), sources=sources)
    names = [job.name for job in plan.jobs()]
    assert len(names) == len(set(names)) == 2 + 2 * (2 * 2 * len(MODELS) + 2)
    assert "ict/data" in names
    assert "mine/data" not in names
    seeds = {job.name: job.seed for job in plan.jobs()}
    assert (seeds["ict/ours"], seeds["mine/ours-seed7"]) == (4, 7)
    ours = [job.name for job in choose_jobs(plan, ["ours"])]
    assert ours == ["ict/ours", "ict/ours-seed7", "mine/ours", "mine/ours-seed7"]
    assert {job.source for job in choose_jobs(plan, ["mine"])} == {"mine/"}


def test_an_ablation_study_is_the_preset_and_what_is_set():
    size = named_size("tiny")
    plan = plan_ablations("plus", ["training.iterations=9"], [], size, seeds=[3])
    assert [trial.name for trial in plan.trials] == ["ours-plus", *ABLATIONS]
    assert {trial.config.training.iterations for trial in plan.trials} == {9}
    assert not [job for job in plan.jobs() if job.name == "speaking-data"]
    some = plan_ablations("plus", [], ["no-regularizer"], size)
    assert [trial.name for trial in some.trials] == ["no-regularizer"]
    with pytest.raises(ValueError, match="no model 'ours'; known are ours-plus, no-regularizer"):
        plan_ablations("plus", [], ["ours"], size)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[mini]", "[mini", "is not TOML"),
        ('about = "for tests"', 'abut = "x"', "mini.about: Field required"),
        ('baseline = "coma"', 'preset = "small"\nbaseline = "coma"', "coma: give either preset"),
        ("[mini.trainings.coma]", '[mini.trainings."../coma"]', "cannot be the name of a folder"),
        ("samples = 20", "samples = 3", "mini.evaluation.samples: .*equal to 20"),
        ('baseline = "coma"', 'baseline = "comma"', "unknown baseline 'comma'"),
        ('preset = "small"', 'preset = "smal"', "unknown preset 'smal'"),
        ('"specificity", ', '"specifity", ', "unknown metric 'specifity'"),
        ("decoupling.width=2", "decoupling.girth=2", "decoupling.*girth"),
    ],
)
def test_a_wrong_table_is_said_in_one_line(tmp_path, before, after, says):
    assert before in TABLE
    table = write_table(tmp_path, TABLE.replace(before, after))
    with pytest.raises(ConfigError, match=says):
        small_plan(table)


def test_every_model_learns_from_fewer_labels_too(tmp_path):
    plan = small_plan(write_table(tmp_path), label_shares=(0.0, 0.05, 1.0))
    fewer = [trial for trial in plan.trials if trial.label_share < 1]
    models = ("3dmm", "ours", "coma")
    assert {t.name for t in fewer} == {f"{m}-labels{p}" for m in models for p in (0, 5)}
    assert plan.trial("coma-labels5").config == plan.trial("coma").config.model_copy(
        update={"label_share": 0.05}
    )
    changed = differing_keys(plan.trial("ours").config, plan.trial("ours-labels0").config)
    expression = "factors.expression."
    assert set(changed) == {f"{expression}label_share", f"{expression}losses.classification"}
    assert plan.trial("ours-labels5").title == "Ours, 0.05 of the labels"
    names = {job.name for job in choose_jobs(plan, ["evaluate-labels"])}
    assert names == {f"evaluate-{trial.name}" for trial in fewer}
    assert [job.trial for job in choose_jobs(plan, ["baselines"])] == ["3dmm", "coma"]


def test_an_unknown_size_names_those_that_exist():
    with pytest.raises(ConfigError, match="no size 'huge'; known are tiny, small, full"):
        named_size("huge")
