"""Whether the paper's claims hold here, with the numbers that decide."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gan.evaluation.estimate import Estimate
from gan.study.claims import CLAIMS, EVERY_PRIOR, SUBJECT, Claim, Part, Term
from gan.study.member import TITLES
from gan.study.quantities import Quantity, missing, quantities, sparse_quantities
from gan.study.results import Comparison, Result
from gan.study.runs import differing_keys
from gan.study.uncertainty import Difference, pool, scaled, subtract

Verdict = Literal["HOLDS", "DOES NOT HOLD", "WITHIN NOISE", "NOT MEASURED"]
SUBJECTS = ("ours", "ours-plus")
RULE = (
    "An ordering holds if the 95 % interval of the difference lies on the claimed side of 0, does "
    "not hold if it lies on the other, and is within noise if it includes 0. A claim of several "
    "orderings holds if all hold, and does not if any does not."
)


class Deciding(NamedTuple):
    """One ordering: both numbers as they are compared, their difference, and what follows."""

    text: str
    unit: str
    larger: Estimate | None
    smaller: Estimate | None
    difference: Difference | None
    verdict: Verdict
    reason: str = ""


class Ruling(NamedTuple):
    """The verdict on a claim about one subject."""

    claim: Claim
    subject: str
    verdict: Verdict
    parts: tuple[Deciding, ...]
    reason: str = ""


def judge_claims(found: Comparison) -> list[Ruling]:
    """Decide all claims, for every subject that takes part (for "ours" if none does)."""
    present = [name for name in SUBJECTS if found.result(name) is not None] or ["ours"]
    full = full_model(found)
    columns = {q.key: q for q in (*quantities(found.factors), *_priors(found))}
    return [_judge(claim, subject, found, columns, full) for claim in CLAIMS for subject in present]


def full_model(found: Comparison) -> str:
    """Return which subject the ablations are made from: the one that differs in the fewest keys."""
    ablations = [result for result in found.results if result.kind == "ablation"]

    def distance(subject: str) -> float:
        whole = found.result(subject)
        if whole is None:
            return math.inf
        methods = whole.runs[0].method, *(a.runs[0].method for a in ablations)
        return float(sum(len(differing_keys(methods[0], m)) for m in methods[1:]))

    return min(SUBJECTS, key=distance)


def as_rows(rulings: Sequence[Ruling]) -> list[dict[str, Any]]:
    """Return rulings as JSON values."""
    return [
        {
            "claim": ruling.claim.number,
            "statement": ruling.claim.statement,
            "rule": ruling.claim.rule,
            "subject": ruling.subject,
            "verdict": ruling.verdict,
            "reason": ruling.reason,
            "parts": [
                part._asdict()
                | {"larger": part.larger and part.larger._asdict()}
                | {"smaller": part.smaller and part.smaller._asdict()}
                | {"difference": part.difference and part.difference._asdict()}
                for part in ruling.parts
            ],
        }
        for ruling in rulings
    ]


def _priors(found: Comparison) -> list[Quantity]:
    return sparse_quantities(found.evaluations)


def _judge(
    claim: Claim, subject: str, found: Comparison, columns: Mapping[str, Quantity], full: str
) -> Ruling:
    if claim.ablation and subject != full and found.result(full) is not None:
        reason = f"the ablations here are those of {TITLES[full][0]}"
        return Ruling(claim, subject, "NOT MEASURED", (), reason)
    parts = []
    for part in claim.parts:
        if part.larger.quantity != EVERY_PRIOR:
            parts.append(_decide(part, subject, found, columns))
            continue
        priors = [q.key for q in _priors(found)]
        if "sparse λ = 0" not in priors:
            reason = "sparse reconstruction without a prior (λ = 0) was not measured"
            return Ruling(claim, subject, "NOT MEASURED", (), reason)
        for key in priors:
            larger, smaller = (t._replace(quantity=key) for t in (part.larger, part.smaller))
            parts.append(_decide(Part(larger, smaller), subject, found, columns))
    reasons = dict.fromkeys(part.reason for part in parts if part.reason)
    return Ruling(claim, subject, _all_of(parts), tuple(parts), "; ".join(reasons))


def _all_of(parts: Sequence[Deciding]) -> Verdict:
    """A claim that is broken is broken, whatever else is not known of it."""
    order: tuple[Verdict, ...] = ("DOES NOT HOLD", "NOT MEASURED", "WITHIN NOISE", "HOLDS")
    return min((part.verdict for part in parts), key=order.index)


def _decide(
    part: Part, subject: str, found: Comparison, columns: Mapping[str, Quantity]
) -> Deciding:
    larger, why_larger = _look_up(part.larger, subject, found, columns)
    smaller, why_smaller = _look_up(part.smaller, subject, found, columns)
    text = _describe(part, subject, found, columns)
    quantity = columns.get(part.larger.quantity)
    unit = quantity.unit if quantity else ""
    if larger is None or smaller is None:
        reason = "; ".join(dict.fromkeys(why for why in (why_larger, why_smaller) if why))
        return Deciding(text, unit, larger, smaller, None, "NOT MEASURED", reason)
    difference = subtract(larger, smaller)
    if not (math.isfinite(difference.low) and math.isfinite(difference.high)):
        reason = "the error of a number is not known: it has a single independent sample"
        return Deciding(text, unit, larger, smaller, difference, "NOT MEASURED", reason)
    verdict = _order(difference, part.by) if part.within is None else _alike(difference, part)
    return Deciding(text, unit, larger, smaller, difference, verdict)


def _order(difference: Difference, by: float) -> Verdict:
    if difference.low > by:
        return "HOLDS"
    return "DOES NOT HOLD" if difference.high < by else "WITHIN NOISE"


def _alike(difference: Difference, part: Part) -> Verdict:
    assert part.within is not None
    if -part.within < difference.low and difference.high < part.within:
        return "HOLDS"
    apart = difference.low > part.within or difference.high < -part.within
    return "DOES NOT HOLD" if apart else "WITHIN NOISE"


def _look_up(
    term: Term, subject: str, found: Comparison, columns: Mapping[str, Quantity]
) -> tuple[Estimate | None, str]:
    """Return the number of a term, or why there is none."""
    result, quantity = _result(term, subject, found), columns.get(term.quantity)
    if result is None:
        return None, f"{_title(term.member, subject)} takes no part"
    if quantity is None:
        return None, f"no model has a factor of {term.quantity.partition('.')[2]}"
    value, why = value_of(result, quantity)
    return (None, f"{result.title}: {why}") if value is None else (scaled(value, term.times), "")


def value_of(result: Result, quantity: Quantity) -> tuple[Estimate | None, str]:
    """Return a model's number, pooled over its seeds; None, with the reason, if a seed lacks it."""
    values = [quantity.read(e, "model") for e in result.evaluations]
    for evaluation, value in zip(result.evaluations, values, strict=True):
        if value is None:
            return None, missing(evaluation, quantity)
        if not math.isfinite(value.mean):
            return None, "nothing varies that could be explained"
    return pool([value for value in values if value is not None]), ""


def _describe(part: Part, subject: str, found: Comparison, columns: Mapping[str, Quantity]) -> str:
    def name(term: Term) -> str:
        quantity = columns.get(term.quantity)
        title = quantity.title if quantity else term.quantity
        if title.startswith("λ"):
            title = f"error at {title}"
        result = _result(term, subject, found)
        who = result.title if result else _title(term.member, subject)
        return f"{title} of {who}" if term.times == 1 else f"{term.times:g} × {title} of {who}"

    larger, smaller = name(part.larger), name(part.smaller)
    if part.within is not None:
        return f"{larger} within {part.within:.0%} of {smaller}"
    return f"{larger} > {smaller}" + (f" + {part.by:.0%}" if part.by else "")


def _result(term: Term, subject: str, found: Comparison) -> Result | None:
    return found.result(subject if term.member == SUBJECT else term.member)


def _title(member: str, subject: str) -> str:
    return TITLES[subject if member == SUBJECT else member][0]
