"""The one face of a comparison's page that can be turned and moved."""

from gan.export.shapes import zero_codes
from gan.report.pictures import Photographer
from gan.report.viewer import Viewer, model_viewer
from gan.runs.checkpoints import load_model
from gan.study.results import Comparison, Result

BEST = ("ours-plus", "ours")
TILE = (420, 350)  # height and width of the picture where scripts do not run


def moving_face(comparison: Comparison) -> Viewer | None:
    """Return a viewer of the mean face of our best model, else of the first of all.

    None for a comparison of nothing.

    Raises
    ------
    CheckpointError
        The run of that model has no whole checkpoint.
    """
    if not comparison.results:
        return None
    result = _chosen(comparison)
    model, label = load_model(result.runs[0].run).to("cpu"), f"the mean face of {result.title}"
    still = Photographer(model, size=TILE).shoot_codes(zero_codes(model), [label])[0]
    return model_viewer(model, label=label, still=still)


def _chosen(comparison: Comparison) -> Result:
    ranked = [comparison.result(name) for name in BEST]
    ours = [result for result in comparison.results if result.kind == "ours"]
    return next(result for result in (*ranked, *ours, *comparison.results) if result is not None)
