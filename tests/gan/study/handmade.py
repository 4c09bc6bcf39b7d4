"""Comparisons made by hand: any number of any model, as if it had been measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import Measured
from gan.evaluation.result import Evaluation
from gan.study.member import member
from gan.study.results import CompareSettings, Comparison, Result
from gan.study.runs import RunFacts

FACTORS = ("identity", "expression")
DATA = {"name": "faces.h5", "fingerprint": "f" * 64, "training_meshes": 60}
ALL = CompareSettings()


def near(mean: float, half: float = 0.01, *, n: int = 100, unit: str = "samples") -> Estimate:
    """Return a number with its interval."""
    return Estimate(mean, half / 1.96, n, mean - half, mean + half, unit)


def full(**changes: float | Estimate | None) -> dict[str, Estimate | None]:
    """Return every number of a good model, by the keys of the columns with _ for their dots."""
    numbers: dict[str, Any] = {
        "decoupling_identity": 0.95,
        "same_identity": 0.99,
        "unrelated_identity": 0.04,
        "decoupling_expression": 0.90,
        "same_expression": 0.97,
        "unrelated_expression": 0.07,
        "diversity_any": 6.0,
        "diversity_identity": 3.0,
        "diversity_expression": 5.0,
        "specificity": 3.0,
        "energy": 0.15,
        "own_identity": 0.97,
        "leak_identity": 0.02,
        "own_expression": 0.94,
        "leak_expression": 0.06,
        "held_out": 1.0,
        "seen": 0.8,
        "sparse_0": 2.0,
        "sparse_1": 1.8,
    }
    unknown = changes.keys() - numbers.keys()
    assert not unknown, unknown
    numbers |= changes
    return {k: near(v) if isinstance(v, int | float) else v for k, v in numbers.items()}


def evaluation(
    numbers: Mapping[str, Estimate | None], *, skipped: Mapping[str, str] | None = None, **changes
) -> Evaluation:
    """Put numbers where an evaluation holds them."""

    def some(table: Mapping[str, str]) -> dict[str, Any]:
        return {where: v for where, key in table.items() if (v := numbers.get(key)) is not None}

    judged = {f"judges of {f}": "accuracy 96.0% at 4.0% false acceptances" for f in FACTORS}
    faces = {"faces": "12 faces of 4 subjects in faces.extreme.h5, 68 landmarks, 8 starts"}
    own = {f"model, {f}, {kind}": f"{kind}_{f}" for f in FACTORS for kind in ("own", "leak")}
    metrics = {
        "decoupling": Measured(
            some(
                {f"model, {f}": f"decoupling_{f}" for f in FACTORS}
                | {f"model, {f}, same": f"same_{f}" for f in FACTORS}
                | {f"model, {f}, unrelated": f"unrelated_{f}" for f in FACTORS}
            )
            | {f"training, {f}": near(0.93) for f in FACTORS}
            | {f"training, {f}, same": near(0.97) for f in FACTORS}
            | {f"training, {f}, unrelated": near(0.04) for f in FACTORS},
            judged,
        ),
        "diversity": Measured(
            some(
                {"model": "diversity_any"} | {f"model, same {f}": f"diversity_{f}" for f in FACTORS}
            )
            | {"training": near(6.5), "training, same identity": near(2.0)}
        ),
        "specificity": Measured(some({"model": "specificity"}) | {"training": near(2.9)}),
        "energy": Measured(some({"model": "energy"}) | {"training": near(0.14)}),
        "model-free": Measured(some(own)),
        "generalisation": Measured(some({"model": "held_out", "training": "seen"})),
        "sparse": Measured(
            some({"model, λ = 0": "sparse_0", "model, λ = 1": "sparse_1"})
            | {"model, template": near(5.0)},
            faces,
        ),
    }
    values: dict[str, Any] = {
        "model": {"step": 100},
        "dataset": DATA,
        "n_samples": 1000,
        "n_pairs": 10_000,
        "seed": 0,
        "metrics": {name: m for name, m in metrics.items() if name not in (skipped or {})},
        "skipped": dict(skipped or {}),
    }
    return Evaluation(**(values | changes))


def facts(name: str, *, seed: int = 0, config: Mapping[str, Any] | None = None, **changes: Any):
    """Return the origin of a run."""
    tree = {"training": {"seed": seed}, "factors": {}} | dict(config or {})
    values: dict[str, Any] = {
        "run": Path("runs") / name,
        "config": tree,
        "seed": seed,
        "step": 100,
        "minutes": 1.5,
        "device": "cpu",
        "commit": "abc123",
        "trained_on": "faces.h5",
        "fingerprint": DATA["fingerprint"],
        "training_meshes": 60,
    }
    return RunFacts(**(values | changes))


def result(name: str, *evaluations: Evaluation, **changes: Any) -> Result:
    """Return a model with one training for each evaluation."""
    who = member(name, Path("runs") / name)
    runs = tuple(facts(name, seed=k) for k in range(len(evaluations)))
    values: dict[str, Any] = {
        "name": who.name,
        "title": who.title,
        "kind": who.kind,
        "runs": runs,
        "evaluations": evaluations,
    }
    return Result(**(values | changes))


def comparison(*results: Result, settings: CompareSettings = ALL, **changes: Any) -> Comparison:
    """Return a comparison of models."""
    return Comparison(results, DATA, FACTORS, settings, "c0ffee", **changes)


def paper(**models: dict[str, Any]) -> Comparison:
    """Return a comparison in which all nine claims hold, but for the changed numbers.

    Models by name with _ for hyphens and a leading _ where the name begins with a digit: those
    that are given None take no part.
    """
    worse: dict[str, dict[str, Any]] = {
        "no_regularizer": {"specificity": 20.0, "diversity_any": 2.0},
        "no_identity_classifier": {"decoupling_identity": 0.2},
        "no_expression_classifier": {"decoupling_expression": 0.2},
        "no_feature_loss": {"decoupling_expression": 0.8, "diversity_any": 5.5},
        "_3dmm": {"decoupling_identity": 0.98, "decoupling_expression": 0.6, "diversity_any": 5.0}
        | {"specificity": 2.9, "sparse_0": 4.0, "sparse_1": 3.0},
        "mae": {"decoupling_expression": 0.5, "diversity_any": 4.0, "diversity_identity": 0.5}
        | {"sparse_0": 4.0, "sparse_1": 3.0},
        "coma": {"decoupling_expression": 0.5, "diversity_any": 4.0}
        | {"sparse_0": 4.0, "sparse_1": 3.0},
        "ours": {},
    }
    given = {
        name: worse.get(name, {}) | change for name, change in models.items() if change is not None
    }
    chosen = worse | given
    return comparison(
        *(
            result(name.removeprefix("_").replace("_", "-"), evaluation(full(**numbers)))
            for name, numbers in chosen.items()
            if models.get(name, {}) is not None
        )
    )
