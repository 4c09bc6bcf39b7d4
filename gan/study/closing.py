"""The end of a study: all measured models held against each other, on one page."""

from collections.abc import Sequence

from gan.study.data import Report
from gan.study.figures.figure import Figure
from gan.study.member import TITLES
from gan.study.moving_face import moving_face
from gan.study.page import write_comparison
from gan.study.results import CompareSettings, Comparison, compare
from gan.study.study import Study


def write_report(study: Study, figures: Sequence[Figure], report: Report) -> None:
    """Write the report of a study into its folder, and what is missing on it."""
    found = hold_together(study, report)
    report("writing the page", 0, 0)
    pictures = [*figures, *_what_is_missing(study)]
    write_comparison(found, study.folder, pictures, viewer=moving_face(found))


def hold_together(study: Study, report: Report) -> Comparison:
    """Compare the models that have been measured: all is kept in the runs, nothing is computed."""
    budget = study.plan.budget.evaluation
    rows = {name: k for k, name in enumerate(TITLES)}
    measured = sorted(study.measured(), key=lambda trial: rows.get(trial.name, len(rows)))
    return compare(
        study.members(measured),
        study.needed("benchmark"),
        CompareSettings(
            n_samples=budget.samples,
            n_pairs=budget.pairs,
            seed=study.plan.seed,
            metrics=tuple(study.metrics()),
        ),
        progress=report,
    )


def _what_is_missing(study: Study) -> list[Figure]:
    """Return a note in the place of a picture; none where nothing is missing."""
    missing = study.missing()
    if not missing:
        return []
    text = "; ".join(f"{title}: {why}" for title, why in missing.items())
    return [Figure("missing", "Models that are not here", text, None)]
