"""Whether the paper's claims hold here, with the numbers that decide."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import Column
from gan.study.claims import CLAIMS, EVERY_PRIOR, NO_PRIOR, SUBJECT, Claim, Part, Term
from gan.study.member import TITLES
from gan.study.results import Comparison, Result, number_in
from gan.study.runs import differing_keys
from gan.study.uncertainty import MIN_SEEDS, Difference, distance_from, scaled, subtract

Verdict = Literal["HOLDS", "DOES NOT HOLD", "WITHIN NOISE", "NOT MEASURED"]
SUBJECTS = ("ours", "ours-plus")
EXACT = ("3dmm", "copula")  # closed forms: every seed gives the same model
RULE = (
    "An ordering holds if the 95 % interval of the difference lies on the claimed side of 0, does "
    "not hold if it lies on the other, and is within noise if it includes 0. The interval joins "
    "the noise of samples, people and judges, less what models that were measured with the same "
    "ones have in common, and the noise of training, where there are several seeds. A claim of "
    "several orderings holds if all hold, and does not if any does not."
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


def judge_claims(comparison: Comparison) -> list[Ruling]:
    """Decide all claims, for every subject that takes part (for "ours" if none does)."""
    present = [name for name in SUBJECTS if comparison.result(name) is not None] or ["ours"]
    full = full_model(comparison)
    columns = {column.key: column for column in comparison.columns()}
    lookup = _Lookup(comparison, columns)
    return [_judge(claim, subject, lookup, full) for claim in CLAIMS for subject in present]


class _Lookup(NamedTuple):
    """Where the numbers of claims are found."""

    comparison: Comparison
    columns: dict[str, Column]

    def result(self, term: Term, subject: str) -> Result | None:
        return self.comparison.result(subject if term.member == SUBJECT else term.member)

    def number(self, term: Term, subject: str) -> tuple[Estimate | None, str]:
        """Return the number of a term, or why there is none."""
        result, column = self.result(term, subject), self.columns.get(term.quantity)
        if result is None:
            return None, f"{_title(term.member, subject)} takes no part"
        if column is None:
            metric, _, factor = term.quantity.partition(".")
            if metric not in {m.name for m in self.comparison.settings.metrics}:
                return None, f"{metric} was not asked for"
            return None, f"no model has a factor of {factor}"
        value, why = result.number(column)
        if value is None:
            return None, f"{result.title}: {why}"
        if column.better == "reference":
            data, why = number_in(result.evaluations[0], column, column.reference)
            if data is None:
                return None, f"the data: {why}"
            value = distance_from(value, data)
        return scaled(value, term.times), ""


def full_model(comparison: Comparison) -> str:
    """Return which subject the ablations are made from: the one that differs in the fewest keys."""
    ablations = [result for result in comparison.results if result.kind == "ablation"]

    def distance(subject: str) -> float:
        whole = comparison.result(subject)
        if whole is None:
            return math.inf
        methods = whole.runs[0].method, *(a.runs[0].method for a in ablations)
        return float(sum(len(differing_keys(methods[0], m)) for m in methods[1:]))

    return min(SUBJECTS, key=distance)


def as_rows(rulings: Sequence[Ruling]) -> list[dict[str, Any]]:
    """Return rulings by the keys of the JSON file."""
    return [
        {
            "claim": ruling.claim.number,
            "statement": ruling.claim.statement,
            "rule": ruling.claim.rule,
            "subject": ruling.subject,
            "verdict": ruling.verdict,
            "reason": ruling.reason,
            "parts": ruling.parts,
        }
        for ruling in rulings
    ]


def _judge(claim: Claim, subject: str, lookup: _Lookup, full: str) -> Ruling:
    if claim.ablation and subject != full and lookup.comparison.result(full) is not None:
        reason = f"the ablations here are those of {TITLES[full][0]}"
        return Ruling(claim, subject, "NOT MEASURED", (), reason)
    parts = []
    for part in claim.parts:
        if part.larger.quantity != EVERY_PRIOR:
            parts.append(_decide(part, subject, lookup))
            continue
        priors = [key for key, column in lookup.columns.items() if column.metric == "sparse"]
        if NO_PRIOR not in priors:
            reason = "sparse reconstruction without a prior (λ = 0) was not measured"
            return Ruling(claim, subject, "NOT MEASURED", (), reason)
        for key in priors:
            larger, smaller = (t._replace(quantity=key) for t in (part.larger, part.smaller))
            parts.append(_decide(Part(larger, smaller), subject, lookup))
    reasons = dict.fromkeys(part.reason for part in parts if part.reason)
    if few := _few(claim, subject, lookup):
        reasons[few] = None
    return Ruling(claim, subject, _all_of(parts), tuple(parts), "; ".join(reasons))


def _few(claim: Claim, subject: str, lookup: _Lookup) -> str:
    """Say of which models too few trainings were measured for their noise to be known."""
    terms = [term for part in claim.parts for term in (part.larger, part.smaller)]
    named = {r.name: r for term in terms if (r := lookup.result(term, subject)) is not None}
    few = [r for name, r in named.items() if name not in EXACT and len(r.runs) < MIN_SEEDS]
    if not few:
        return ""
    listed = ", ".join(f"{r.title} has {len(r.runs)}" for r in few)
    return f"the noise of training is not known, for which {MIN_SEEDS} seeds are needed: {listed}"


def _all_of(parts: Sequence[Deciding]) -> Verdict:
    """A claim that is broken is broken, whatever else is not known of it."""
    order: tuple[Verdict, ...] = ("DOES NOT HOLD", "NOT MEASURED", "WITHIN NOISE", "HOLDS")
    return min((part.verdict for part in parts), key=order.index)


def _decide(part: Part, subject: str, lookup: _Lookup) -> Deciding:
    larger, why_larger = lookup.number(part.larger, subject)
    smaller, why_smaller = lookup.number(part.smaller, subject)
    text = _describe(part, subject, lookup)
    column = lookup.columns.get(part.larger.quantity)
    unit = column.unit if column else ""
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


def _describe(part: Part, subject: str, lookup: _Lookup) -> str:
    def name(term: Term) -> str:
        column = lookup.columns.get(term.quantity)
        title = column.title if column else term.quantity
        if title.startswith("λ"):
            title = f"error at {title}"
        if column is not None and column.better == "reference":
            title = f"|{title} − data's|"
        result = lookup.result(term, subject)
        who = result.title if result else _title(term.member, subject)
        return f"{title} of {who}" if term.times == 1 else f"{term.times:g} × {title} of {who}"

    larger, smaller = name(part.larger), name(part.smaller)
    if part.within is not None:
        return f"{larger} within {part.within:.0%} of {smaller}"
    return f"{larger} > {smaller}" + (f" + {part.by:.0%}" if part.by else "")


def _title(member: str, subject: str) -> str:
    return TITLES[subject if member == SUBJECT else member][0]
