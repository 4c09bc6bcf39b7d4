"""The nine claims: every verdict in each of its states, by hand-made numbers."""

import math

import numpy as np
import pytest

from gan.evaluation.estimate import Estimate
from gan.study.claims import CLAIMS, THRESHOLDS
from gan.study.uncertainty import distance_from, pool, subtract
from gan.study.verdicts import full_model, judge_claims
from tests.gan.study.handmade import (
    comparison,
    evaluation,
    facts,
    full,
    near,
    paper,
    result,
)

CHANGES = [  # claim, what is changed so that it fails, so that it is within noise
    (1, {"no_regularizer": {"specificity": 5.0}}, {"no_regularizer": {"specificity": 6.0}}),
    (1, {"no_regularizer": {"diversity_any": 6.6}}, {"no_regularizer": {"diversity_any": 7.0}}),
    (
        2,
        {"no_identity_classifier": {"decoupling_identity": 0.9}},
        {"no_identity_classifier": {"decoupling_identity": 0.475}},
    ),
    (
        2,
        {"no_expression_classifier": {"decoupling_expression": 0.6}},
        {"no_expression_classifier": {"decoupling_expression": 0.45}},
    ),
    (
        3,
        {"no_feature_loss": {"decoupling_expression": 0.3}},
        {"no_feature_loss": {"decoupling_expression": 0.9}},
    ),
    (3, {"no_feature_loss": {"specificity": 7.0}}, {"no_feature_loss": {"specificity": 6.0}}),
    (3, {"no_feature_loss": {"diversity_any": 6.5}}, {"no_feature_loss": {"diversity_any": 6.0}}),
    (4, {"mae": {"decoupling_expression": 0.85}}, {"mae": {"decoupling_expression": 0.8}}),
    (5, {"coma": {"decoupling_identity": 0.7}}, {"coma": {"decoupling_identity": 0.93}}),
    (5, {"coma": {"decoupling_identity": 0.999}}, {"coma": {"decoupling_identity": 0.98}}),
    (6, {"coma": {"diversity_identity": 5.0}}, {"coma": {"diversity_identity": 3.5}}),
    (7, {"_3dmm": {"diversity_any": 6.5}}, {"_3dmm": {"diversity_any": 7.0}}),
    (8, {"_3dmm": {"specificity": 2.5}}, {"_3dmm": {"specificity": 3.0 / 1.1}}),
    (9, {"mae": {"sparse_1": 1.5}}, {"mae": {"sparse_1": 1.8}}),
    (9, {"coma": {"sparse_0": 1.5}}, {"coma": {"sparse_0": 2.0}}),
]


def verdicts(found, subject="ours"):
    return {r.claim.number: r.verdict for r in judge_claims(found) if r.subject == subject}


def test_all_hold_in_a_paper_s_world():
    assert verdicts(paper()) == dict.fromkeys(range(1, 10), "HOLDS")
    assert [claim.number for claim in CLAIMS] == list(range(1, 10))


@pytest.mark.parametrize(("claim", "wrong", "noisy"), CHANGES)
def test_a_claim_fails_or_drowns_alone(claim, wrong, noisy):
    for change, verdict in ((wrong, "DOES NOT HOLD"), (noisy, "WITHIN NOISE")):
        assert verdicts(paper(**change))[claim] == verdict


@pytest.mark.parametrize(
    ("absent", "claims"),
    [
        ("no_regularizer", {1}),
        ("no_identity_classifier", {2}),
        ("no_expression_classifier", {2}),
        ("no_feature_loss", {3}),
        ("_3dmm", {4, 5, 6, 7, 8, 9}),
        ("mae", {4, 5, 6, 7, 8, 9}),
        ("coma", {4, 5, 6, 7, 8, 9}),
        ("ours", set(range(1, 10))),
    ],
)
def test_what_takes_no_part_is_named(absent, claims):
    rulings = judge_claims(paper(**{absent: None}))
    assert {r.claim.number for r in rulings if r.verdict == "NOT MEASURED"} == claims
    title = {"_3dmm": "3DMM", "coma": "CoMA", "mae": "MAE", "ours": "Ours"}.get(absent, "without")
    assert all(
        title in r.reason and "takes no part" in r.reason
        for r in rulings
        if r.claim.number in claims
    )


def test_a_broken_claim_is_broken_whatever_is_missing():
    found = paper(mae=None, coma={"diversity_any": 6.4})
    assert verdicts(found)[7] == "DOES NOT HOLD"


def test_a_metric_that_is_missing_says_why():
    weak = "judge too weak: accuracy 60.0% at 5.0% false acceptances"
    ours = evaluation(full(), skipped={"decoupling": weak})
    found = comparison(*(r for r in paper().results if r.name != "ours"), result("ours", ours))
    ruling = next(r for r in judge_claims(found) if r.claim.number == 4)
    assert ruling.verdict == "NOT MEASURED"
    assert weak in ruling.reason


def test_without_a_prior_of_zero_the_last_claim_is_open():
    found = paper(
        **{name: {"sparse_0": None} for name in ("ours", "_3dmm", "mae", "coma")}
        | {
            name: {"sparse_0": None}
            for name in (
                "no_regularizer",
                "no_identity_classifier",
                "no_expression_classifier",
                "no_feature_loss",
            )
        }
    )
    ruling = judge_claims(found)[-1]
    assert (ruling.verdict, "λ = 0" in ruling.reason) == ("NOT MEASURED", True)


def test_the_error_of_a_single_sample_is_not_known():
    lonely = Estimate(3.0, math.nan, 1)
    ruling = judge_claims(paper(mae={"specificity": lonely}))[7]
    assert ruling.verdict == "NOT MEASURED"
    assert "not known" in ruling.reason


def test_the_numbers_behind_a_verdict_are_those_of_the_evaluations():
    ruling = judge_claims(paper())[0]
    first = ruling.parts[0]
    assert first.text == "Sp. of without regularizer > 2 × Sp. of Ours"
    assert (first.larger.mean, first.smaller.mean) == (20.0, 6.0)
    assert first.difference.mean == 14.0
    assert first.difference.low == pytest.approx(14 - math.hypot(0.01, 0.02))
    assert THRESHOLDS["very large"].value == 2.0


def test_ablations_belong_to_the_model_that_they_are_nearest_to():
    plus = {"factors": {"identity": {"losses": {"code-regression": 2.0}}}}
    without = plus | {"regularizer": {"weight": 0.0}}
    numbers = evaluation(full())
    found = comparison(
        result("no-regularizer", numbers, runs=(facts("a", config=without),)),
        result("ours", numbers),
        result("ours-plus", numbers, runs=(facts("b", config=plus),)),
    )
    assert full_model(found) == "ours-plus"
    ruling = judge_claims(found)[0]
    assert (ruling.subject, ruling.verdict) == ("ours", "NOT MEASURED")
    assert ruling.reason == "the ablations here are those of Ours, plus"
    assert verdicts(found, "ours-plus")[1] == "DOES NOT HOLD"


def test_seeds_are_pooled_and_their_spread_is_the_noise():
    same = [near(3.0), near(3.0), near(3.0)]
    apart = [near(2.0), near(3.0), near(4.0)]
    assert pool(same[:1]) is same[0]
    assert pool(same).mean == pool(apart).mean == 3.0
    assert pool(same).high - 3 == pytest.approx(0.01 / math.sqrt(3), rel=1e-4)
    # Student's t of two degrees, 4.3027, times the standard error of three values a unit apart.
    assert pool(apart).high - 3 == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    assert (pool(apart).n, pool(apart).unit) == (300, "seeds")


def test_a_difference_of_seeds_can_drown_what_samples_could_tell():
    others = [r for r in paper().results if r.name != "ours"]
    one = comparison(*others, result("ours", evaluation(full(diversity_any=5.3))))
    evaluations = (evaluation(full(diversity_any=x)) for x in (4.3, 5.3, 6.3))
    three = comparison(*others, result("ours", *evaluations))
    assert (verdicts(one)[7], verdicts(three)[7]) == ("HOLDS", "WITHIN NOISE")


def test_intervals_keep_their_skew():
    skewed, exact = Estimate(1.0, 0.1, 9, 0.9, 1.8, ""), Estimate(0.5, 0.0, 9, 0.5, 0.5, "")
    found = subtract(skewed, exact)
    assert found == pytest.approx((0.5, 0.4, 1.3))
    assert subtract(exact, skewed) == pytest.approx((-0.5, -1.3, -0.4))
    alone = subtract(Estimate(1.0, 0.1, 9), exact)
    assert alone.high - alone.mean == pytest.approx(0.196, rel=1e-3)


def drawn(mean: float, draws: np.ndarray, design: str = "people") -> Estimate:
    """A number whose resampled means are known."""
    error = float(draws.std(ddof=1))
    low, high = np.quantile(mean + draws, [0.025, 0.975])
    return Estimate(
        mean, error, 100, float(low), float(high), "people", tuple(mean + draws), design
    )


def test_what_two_models_have_in_common_does_not_blur_their_difference():
    """The same people: they move both models alike, and the difference by a tenth of that."""
    rng = np.random.default_rng(0)
    people = rng.normal(size=200)
    ours, theirs = (drawn(mean, people + 0.1 * rng.normal(size=200)) for mean in (2.0, 2.8))
    paired = subtract(theirs, ours)
    assert paired.low > 0
    assert paired.high - paired.mean == pytest.approx(1.96 * 0.1 * math.sqrt(2), rel=0.35)
    others = subtract(theirs, drawn(2.0, people, design="other people"))
    assert others.low < 0
    # Seeds of one model: the people are the same after many trainings.
    pooled = pool([ours, ours, ours])
    assert pooled.standard_error == pytest.approx(ours.standard_error, rel=0.1)
    assert subtract(pool([theirs] * 3), pooled).low > 0
    noisy = pool([drawn(m, people) for m in (1.0, 2.0, 3.0)])
    assert noisy.seeds == 3
    assert subtract(theirs, noisy).low < 0


def test_more_or_less_than_the_data_is_the_same():
    data = near(6.5)
    above, below = (distance_from(near(x), data) for x in (7.5, 5.5))
    assert above.mean == below.mean == 1.0
    assert (above.low, above.high) == pytest.approx((below.low, below.high))
    at = distance_from(near(6.505), data)
    assert (at.low, at.high) == pytest.approx((0.0, 0.005 + 0.01 * math.sqrt(2)))


def test_a_difference_of_pooled_numbers_holds_what_it_promises():
    """Models that are equal, over trainings and people that vary: 0 lies within, mostly."""

    def draw(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        people = rng.normal(size=(1000, 40))

        def model() -> Estimate:
            return pool(
                [
                    drawn(
                        2 + people[0].mean() + 0.2 * rng.normal(),
                        people[1:201].mean(axis=1),
                    )
                    for _ in range(3)
                ]
            )

        found = subtract(model(), model())
        return found.low <= 0 <= found.high

    assert np.mean([draw(seed) for seed in range(80)]) >= 0.88


def test_few_trainings_are_said():
    ruling = judge_claims(paper())[3]
    assert ruling.reason.endswith("3 seeds are needed: Ours has 1, MAE has 1, CoMA has 1")
