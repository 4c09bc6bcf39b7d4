"""The one face of a comparison's page that can be turned and moved."""

from gan.export.shapes import zero_codes
from gan.report.pictures import Photographer
from gan.report.viewer import Viewer, model_viewer
from gan.runs.checkpoints import load_model
from gan.runs.opening import is_ours
from gan.study.results import Comparison, Result

BEST = ("ours-plus", "ours")
TILE = (420, 350)  # height and width of the picture where scripts do not run


def moving_face(comparison: Comparison) -> Viewer | None:
    """Return a viewer of the mean face of our best model, else of the first of all.

    None for a comparison of nothing, or of models from outside alone.

    Raises
    ------
    CheckpointError
        The run of that model has no whole checkpoint.
    """
    result = _chosen(comparison)
    if result is None:
        return None
    model, label = load_model(result.runs[0].run).to("cpu"), f"the mean face of {result.title}"
    still = Photographer(model, size=TILE).shoot_codes(zero_codes(model), [label])[0]
    return model_viewer(model, label=label, still=still)


def _chosen(comparison: Comparison) -> Result | None:
    ranked = [comparison.result(name) for name in BEST]
    ours = [result for result in comparison.results if result.kind == "ours"]
    results = (result for result in (*ranked, *ours, *comparison.results) if result is not None)
    return next((result for result in results if is_ours(result.runs[0].run)), None)
