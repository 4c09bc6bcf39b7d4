"""All figures, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gan.datasets.store import Dataset
from gan.study.figures.editing import editing_figure, interpolation_figure
from gan.study.figures.factors import factors_figures
from gan.study.figures.figure import Figure
from gan.study.figures.geometry import geometry_figure
from gan.study.figures.samples import ablation_figure, decoupling_figure
from gan.study.figures.sparse import sparse_figures
from gan.study.figures.specificity import specificity_figure
from gan.study.figures.studio import Studio
from gan.study.figures.transfer import transfer_figure
from gan.study.member import Member
from gan.study.results import Comparison

# What is drawn, in the order of the figures. Sparse reconstruction and three factors are several.
FIGURES: dict[str, Callable[[Studio], Iterator[Figure]]] = {
    "geometry image": geometry_figure,
    "ablations": ablation_figure,
    "expression transfer": transfer_figure,
    "specificity": specificity_figure,
    "decoupling": decoupling_figure,
    "interpolation": interpolation_figure,
    "editing": editing_figure,
    "sparse reconstruction": sparse_figures,
}
THREE = "three factors"


def draw_figures(
    members: Sequence[Member],
    dataset: Dataset,
    *,
    seed: int,
    watch: Callable[[str], None] = lambda what: None,
    three_factor_run: Path | None = None,
    comparison: Comparison | None = None,
) -> Iterator[Figure]:
    """Draw the figures of a study, each when it is asked for.

    All models are drawn from the same random numbers, at one scale and in one light; equal
    arguments give equal pixels on one machine. A figure that cannot be drawn comes without an
    image, and its text says why; models that do not take part are left out, and the text says so.

    Parameters
    ----------
    watch
        Told what is drawn next: a key of `FIGURES`, or `THREE`.
    three_factor_run
        A run of the same topology with three factors or more, on any data set.
    comparison
        What was measured of the members: some figures write it beside the models' names.

    Raises
    ------
    CheckpointError
        A member's run has no whole checkpoint, or generates vertices that are not finite.
    DatasetError
        The data set has another topology than a model.
    """
    studio = Studio(members, dataset, seed=seed, comparison=comparison)
    for what, draw in FIGURES.items():
        watch(what)
        yield from draw(studio)
    watch(THREE)
    yield from factors_figures(studio, three_factor_run)
