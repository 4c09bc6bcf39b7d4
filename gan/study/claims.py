"""The paper's claims as data: which numbers of which models stand in which order.

Fernández Abrevaya et al., ICCV 2019, Sections 5.4 and 5.5, in nine orderings. A claim is made of
parts, each an ordering of two numbers; it holds if all of them do. The paper's words that are no
ordering yet ("very large", "well above", "alike") get a number in `THRESHOLDS`: those are our
choices. `gan.study.verdicts` decides.

Two quantities are not the paper's. Decoupling is the share of faces with a common code that judges
take for the same, less that of faces without one: the share alone rewards small expressions. And
more diversity is not better: what counts is how far it is from the data's.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

SUBJECT = "subject"  # the model that the claims are about: ours, or ours-plus
BASELINES = ("3dmm", "mae", "coma")
EVERY_PRIOR = "sparse *"  # stands for each λ of Table 2
NO_PRIOR = "sparse λ = 0"


class Threshold(NamedTuple):
    """A word of the paper, the number that we read it as, and what that means."""

    word: str
    value: float
    meaning: str


THRESHOLDS: Mapping[str, Threshold] = MappingProxyType(
    {
        "very large": Threshold("very large", 2.0, "at least twice the full model's"),
        "very low": Threshold("very low", 0.5, "at most half of the full model's"),
        "still good": Threshold(
            "still good", 2.0, "neither very low in decoupling nor very large in specificity"
        ),
        "well above": Threshold("well above", 0.10, "by at least ten percentage points"),
        "alike": Threshold("alike", 0.05, "no two of them five percentage points apart or more"),
        "among the best": Threshold("among the best", 1.10, "at most 10 % above every baseline's"),
    }
)


class Term(NamedTuple):
    """A number of a model, times a factor; its distance from the data's, if nearer is better."""

    member: str
    quantity: str
    times: float = 1.0


class Part(NamedTuple):
    """The larger term exceeds the smaller one; with `within`, they are less than that apart."""

    larger: Term
    smaller: Term
    by: float = 0.0
    within: float | None = None


class Claim(NamedTuple):
    """One claim.

    Attributes
    ----------
    number : in the list of nine
    statement : what the paper says
    rule : how it is decided, in words
    parts : all of them must hold
    ablation : whether it is about models without a part, which are those of one full model
    """

    number: int
    statement: str
    rule: str
    parts: tuple[Part, ...]
    ablation: bool = False


def _value(word: str) -> float:
    return THRESHOLDS[word].value


def _ours(quantity: str, times: float = 1.0) -> Term:
    return Term(SUBJECT, quantity, times)


_EXP, _ID = "decoupling.expression", "decoupling.identity"
_FOUR = (SUBJECT, *BASELINES)

CLAIMS = (
    Claim(
        1,
        "Without the regularizer specificity is very large and diversity far off: no faces.",
        "Sp. at least twice the full model's; Div farther from the data's",
        (
            Part(Term("no-regularizer", "specificity"), _ours("specificity", _value("very large"))),
            Part(Term("no-regularizer", "diversity.any"), _ours("diversity.any")),
        ),
        ablation=True,
    ),
    Claim(
        2,
        "Without the classifier of a factor the decoupling of that factor is very low.",
        "Dec-Id and Dec-Exp, each without its classifier, at most half of the full model's",
        tuple(
            Part(
                _ours(f"decoupling.{factor}", _value("very low")),
                Term(f"no-{factor}-classifier", f"decoupling.{factor}"),
            )
            for factor in ("identity", "expression")
        ),
        ablation=True,
    ),
    Claim(
        3,
        "Without the feature loss the model is still good; its Dec-Exp and diversity are worse.",
        "Dec-Exp above half, and Sp. below twice the full model's; Dec-Exp below it, Div farther "
        "from the data's",
        (
            Part(Term("no-feature-loss", _EXP), _ours(_EXP, 1 / _value("still good"))),
            Part(
                _ours("specificity", _value("still good")), Term("no-feature-loss", "specificity")
            ),
            Part(_ours(_EXP), Term("no-feature-loss", _EXP)),
            Part(Term("no-feature-loss", "diversity.any"), _ours("diversity.any")),
        ),
        ablation=True,
    ),
    Claim(
        4,
        "Dec-Exp: this model well above 3DMM, MAE and CoMA.",
        "at least ten percentage points above each",
        tuple(Part(_ours(_EXP), Term(name, _EXP), by=_value("well above")) for name in BASELINES),
    ),
    Claim(
        5,
        "Dec-Id: all four alike, 3DMM highest.",
        "every two less than five percentage points apart; 3DMM above each of the others",
        (
            *(
                Part(Term(one, _ID), Term(two, _ID), within=_value("alike"))
                for k, one in enumerate(_FOUR)
                for two in _FOUR[k + 1 :]
            ),
            *(Part(Term("3dmm", _ID), Term(name, _ID)) for name in _FOUR if name != "3dmm"),
        ),
    ),
    Claim(
        6,
        "MAE's Div-Id is the farthest from the data's.",
        "farther than this model's, 3DMM's and CoMA's",
        tuple(
            Part(Term("mae", "diversity.identity"), Term(name, "diversity.identity"))
            for name in _FOUR
            if name != "mae"
        ),
    ),
    Claim(
        7,
        "Diversity: this model's is the nearest to the data's.",
        "Div nearer to the data's than that of 3DMM, MAE and CoMA",
        tuple(Part(Term(name, "diversity.any"), _ours("diversity.any")) for name in BASELINES),
    ),
    Claim(
        8,
        "Specificity: this model is among the best.",
        "Sp. below 1.1 times that of 3DMM, MAE and CoMA",
        tuple(
            Part(Term(name, "specificity", _value("among the best")), _ours("specificity"))
            for name in BASELINES
        ),
    ),
    Claim(
        9,
        "Sparse reconstruction: this model's error is lowest at every λ, 0 included.",
        "rms distance below that of 3DMM, MAE and CoMA at every λ of Table 2, 0 among them",
        tuple(Part(Term(name, EVERY_PRIOR), _ours(EVERY_PRIOR)) for name in BASELINES),
    ),
)
