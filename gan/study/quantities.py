"""The columns of the tables: where each number stands in an evaluation, and which way is better."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from gan.evaluation.decomposition import REST
from gan.evaluation.estimate import Estimate
from gan.evaluation.result import ANY, MODEL, OTHER_SUBJECT, TRAINING, Evaluation

Who = Literal["model", "training"]
Read = Callable[[Evaluation, Who], Estimate | None]
SHORT = {"identity": "Id", "expression": "Exp", "viseme": "Vis"}
WEAK = "judge too weak"
COLLAPSED = 0.5  # share of unrelated faces taken for the same, from which no decoupling is "best"
SPARSE = "sparse λ = "


class Quantity(NamedTuple):
    """One column.

    Attributes
    ----------
    key : what claims, CSV and JSON call it
    title : its heading
    group : columns of a group stand together
    metric : what `--metrics` calls what measures it
    unit : "mm", or "%" for shares, which are stored as fractions of 1
    better : which way; "" where neither is
    meaning : one line
    read : the number in an evaluation; None if it is not there
    detail : what in `skipped`, or in the notes of `metric`, says why it is not there
    guard : key of a share that, above `COLLAPSED`, disqualifies from being best
    """

    key: str
    title: str
    group: str
    metric: str
    unit: str
    better: Literal["higher", "lower", ""]
    meaning: str
    read: Read
    detail: tuple[str, ...] = ()
    guard: str = ""


def quantities(factors: Sequence[str]) -> list[Quantity]:
    """Return the columns of Table 1 for any factors: the paper's first, then ours."""
    return [
        *(column for factor in factors for column in _decoupling(factor)),
        *(_diversity(factor) for factor in (None, *factors)),
        Quantity(
            "specificity",
            "Sp.",
            "specificity",
            "specificity",
            "mm",
            "lower",
            "distance of generated faces to the nearest training face; "
            "for training faces, of another subject",
            lambda e, who: e.specificity.get(MODEL if who == MODEL else OTHER_SUBJECT),
            (OTHER_SUBJECT,),
        ),
        *(column for factor in factors for column in _model_free(factor)),
        Quantity(
            "energy",
            "energy",
            "smoothness",
            "specificity",
            "",
            "",
            "Laplacian energy: higher is noisier, lower is smoother than the training faces",
            lambda e, who: e.energy.get(who),
        ),
        _generalisation(MODEL, "held-out", "held-out faces"),
        _generalisation(TRAINING, "seen", "training faces"),
    ]


def sparse_quantities(evaluations: Iterable[Evaluation]) -> list[Quantity]:
    """Return the columns of Table 2: every λ that was tried, in order."""
    priors = {
        key.removeprefix("model, λ = ")
        for found in evaluations
        if "sparse" in found.further
        for key in found.further["sparse"].values
        if key.startswith("model, λ = ")
    }
    return [_sparse(f"λ = {prior}") for prior in sorted(priors, key=float)]


def template_error(found: Evaluation) -> Estimate | None:
    """Return the sparse reconstruction error of the template: no fit at all."""
    return _further(found, "sparse", "model, template")


def missing(found: Evaluation, quantity: Quantity) -> str:
    """Say why an evaluation does not hold a quantity."""
    notes: Mapping[str, str] = {}
    if quantity.metric in found.further:
        notes = found.further[quantity.metric].notes
    for name in quantity.detail:
        for source in (notes, found.skipped):
            if name in source:
                return source[name]
    if quantity.metric in found.skipped:
        return found.skipped[quantity.metric]
    measured = {
        "diversity": found.diversity,
        "specificity": found.specificity,
        "model-free": found.decomposition,
        **found.further,
    }
    if measured.get(quantity.metric):
        return "the model, or the data, has no such part"
    return f"{quantity.metric} was not asked for"


def short(factor: str) -> str:
    """Return what headings call a factor."""
    return SHORT.get(factor, factor.capitalize())


def _decoupling(factor: str) -> list[Quantity]:
    unrelated = f"unrelated.{factor}"

    def read(suffix: str) -> Read:
        return lambda e, who: _further(e, "decoupling", f"{who}, {factor}{suffix}")

    common = (factor, "decoupling")
    return [
        Quantity(
            f"decoupling.{factor}",
            f"Dec-{short(factor)}",
            "decoupling",
            "decoupling",
            "%",
            "higher",
            f"share of faces with the same {factor} code that a trained judge takes for the same",
            read(""),
            common,
            unrelated,
        ),
        Quantity(
            unrelated,
            f"unrelated-{short(factor)}",
            "decoupling",
            "decoupling",
            "%",
            "lower",
            f"the same share of faces that share nothing, to the judge of {factor}",
            read(", unrelated"),
            common,
        ),
    ]


def _diversity(factor: str | None) -> Quantity:
    share = factor or ANY
    return Quantity(
        f"diversity.{share}",
        "Div" if factor is None else f"Div-{short(factor)}",
        "diversity",
        "diversity",
        "mm",
        "higher",
        "mean distance of two random faces"
        if factor is None
        else f"mean distance of two faces that share the {factor} code (label)",
        lambda e, who: e.diversity.get(who, {}).get(share),
        (f"training diversity, same {factor}",),
    )


def _model_free(factor: str) -> list[Quantity]:
    def explained(found: Evaluation, who: Who) -> dict[str, Estimate]:
        part = found.decomposition[who].parts.get(factor) if who in found.decomposition else None
        return {} if part is None or factor == REST else part.explained

    def leak(found: Evaluation, who: Who) -> Estimate | None:
        others = [e for code, e in explained(found, who).items() if code != factor]
        return max(others, key=lambda e: e.mean) if others else None

    common = ("model-free check",)
    return [
        Quantity(
            f"own.{factor}",
            f"own-{short(factor)}",
            "model-free",
            "model-free",
            "%",
            "higher",
            f"variance of the {factor} part that the {factor} code (label) explains, by the modes "
            "of the data's source",
            lambda e, who: explained(e, who).get(factor),
            common,
        ),
        Quantity(
            f"leak.{factor}",
            f"leak-{short(factor)}",
            "model-free",
            "model-free",
            "%",
            "lower",
            f"most of that variance that any other code explains: what leaks into the {factor}",
            leak,
            common,
        ),
    ]


def _generalisation(which: str, title: str, what: str) -> Quantity:
    return Quantity(
        f"reconstruction.{title}",
        f"rec. {title}",
        "reconstruction",
        "generalisation",
        "mm",
        "lower",
        f"distance of {what} to what encoding and decoding make of them: proves the training",
        lambda e, who: _further(e, "generalisation", which) if who == MODEL else None,
    )


def _sparse(prior: str) -> Quantity:
    return Quantity(
        f"sparse {prior}",
        prior,
        "sparse",
        "sparse",
        "mm",
        "lower",
        "rms distance to the surface of faces fitted to landmarks",
        lambda e, who: _further(e, "sparse", f"model, {prior}") if who == MODEL else None,
    )


def _further(found: Evaluation, metric: str, key: str) -> Estimate | None:
    return found.further[metric].values.get(key) if metric in found.further else None
