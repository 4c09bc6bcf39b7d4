"""The end of a study: all measured models held against each other, on one page."""

from collections.abc import Sequence

from gan.study.data import Report
from gan.study.figures.figure import Figure
from gan.study.plan import Trial
from gan.study.results import CompareSettings, compare
from gan.study.study import Study


def write_report(
    study: Study, measured: Sequence[Trial], figures: Sequence[Figure], report: Report
) -> None:
    """Write the report of a study into its folder, and what is missing on it.

    Everything that was measured is kept in the runs: nothing is computed here again.
    """
    from gan.study.writing import write_comparison

    budget, (basic, further) = study.plan.budget.evaluation, study.metrics()
    found = compare(
        study.members(measured),
        study.needed("benchmark"),
        CompareSettings(
            n_samples=budget.samples,
            n_pairs=budget.pairs,
            seed=study.plan.seed,
            basic=basic,
            metrics=tuple(further),
        ),
        watch=lambda what: report(what, 0, 0),
        progress=report,
    )
    report("writing the page", 0, 0)
    write_comparison(found, study.folder, [*figures, *_what_is_missing(study)])


def _what_is_missing(study: Study) -> list[Figure]:
    """Return a note in the place of a picture; none where nothing is missing."""
    missing = study.missing()
    if not missing:
        return []
    text = "; ".join(f"{title}: {why}" for title, why in missing.items())
    return [Figure("missing", "Models that are not here", text, None)]
