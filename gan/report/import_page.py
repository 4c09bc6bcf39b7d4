"""One HTML page about an import: what came in, how it stands, what looks like a mistake."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gan.datasets.contract import SPLITS, UNLABELLED
from gan.datasets.importing.dataset import Imported
from gan.datasets.importing.outliers import MEASURES
from gan.datasets.store import Dataset
from gan.report.cards import data_card
from gan.report.faces import Strip
from gan.report.frame import assemble
from gan.report.numbers import Fact
from meshkit.render import Frame, View, frame_of
from meshkit.rendering.colormaps import apply_colormap
from meshkit.report.pictures import Picture, cut_out, inline

TILE = (240, 200)  # height and width of the picture of a face
COLUMNS = 8  # faces of a class
ROWS = 16  # classes of a factor
MAX_DRAWN_OUTLIERS = 24
MAX_LISTED = 200  # of refused or dropped meshes, twins, subjects
FIELD_SAMPLE = 400  # meshes from which the picture of their spread is computed
BINS = 16
VIEWS: tuple[View, ...] = ("front", "three-quarter", "profile")


class FactorRows(NamedTuple):
    """Meshes of each class of a factor, and how many classes are not drawn."""

    title: str
    hidden: int
    strips: list[Strip]


class Captioned(NamedTuple):
    """A picture, or none, with a caption and a smaller line below it."""

    picture: Picture | None
    caption: str
    note: str = ""


class _Studio:
    """Draws the meshes of one data set at one scale."""

    def __init__(self, dataset: Dataset, odd: Sequence[int]) -> None:
        self.dataset = dataset
        usual = np.setdiff1d(np.arange(dataset.n), odd)  # a giant would make all others small
        few = dataset.vertices(_spread(usual, 32)).astype(np.float64)
        self._frames: dict[View, Frame] = {
            view: frame_of(few, view=view, size=TILE, margin=0.02) for view in VIEWS
        }

    def shoot(self, V: np.ndarray, alt: str, view: View = "front", **options: Any) -> Picture:
        """Draw a mesh; `options` are those of `meshkit.render.render_mesh`."""
        options.setdefault("frame", self._frames[view])
        F = self.dataset.faces
        return inline(cut_out(V.astype(np.float64), F, TILE, view=view, **options), alt)

    def shoot_distance(self, V: np.ndarray, limit: float, alt: str) -> Picture:
        """Draw a mesh whole, however far it reaches; its distance to the template in colours."""
        view: View = "three-quarter"
        frame = frame_of(V.astype(np.float64), view=view, size=TILE)
        distance = np.linalg.norm(V - self.dataset.template, axis=1)
        field = {"mode": "scalar", "field": distance, "limits": (0.0, limit)}
        return self.shoot(V, alt, view, frame=frame, **field)


def build_import_page(dataset: Dataset, done: Imported) -> str:
    """Return the page about a data set that was just imported."""
    odd = () if done.dropped else tuple(outlier.place for outlier in done.outliers)
    studio = _Studio(dataset, odd)
    limit = max(done.limits["largest"].limit, 1e-6)
    return assemble(
        "import.html",
        title=f"{dataset.path.name} · what came in",
        dataset=dataset,
        done=done,
        headline=_headline(dataset, done),
        template=_template(studio),
        factors=[_by_factor(studio, f) for f in dataset.labels if f != "identity"],
        subjects=_subjects(studio),
        subject_counts=_subject_counts(dataset),
        outliers=_outliers(studio, done, limit),
        outlier_limits=_outlier_limits(done),
        colors=_colors(),
        color_ticks=[f"{limit * k / 4:.3g}" for k in range(5)],
        distances=_distances(done),
        left_out=_left_out(done),
        max_listed=MAX_LISTED,
        splits=_splits(dataset),
        data=data_card(dataset),
    )


def _headline(dataset: Dataset, done: Imported) -> list[Fact]:
    given = len(done.bad) + dataset.n + len(done.dropped)
    rms = done.alignment.measures.rms
    return [
        Fact(f"{dataset.n:,}", f"of {given:,}", "meshes"),
        Fact(f"{len(np.unique(dataset.subject)):,}", "", "subjects"),
        Fact(done.unit, "", "unit of the files"),
        Fact(f"{np.median(rms):.2f}", "mm", "from the mean shape (median)"),
        Fact(f"{len(done.outliers):,}", "dropped" if done.dropped else "", "outliers"),
    ]


def _template(studio: _Studio) -> list[Captioned]:
    """Draw the mean shape in three views, and where the meshes differ from it."""
    dataset = studio.dataset
    some = dataset.vertices(_spread(np.arange(dataset.n), FIELD_SAMPLE))
    spread = np.linalg.norm(some.astype(np.float64) - dataset.template, axis=2)
    field = np.sqrt((spread**2).mean(axis=0))
    drawn = studio.shoot(dataset.template, "where meshes differ", mode="scalar", field=field)
    return [
        *(
            Captioned(studio.shoot(dataset.template, f"template, {view}", view), view)
            for view in VIEWS
        ),
        Captioned(
            drawn,
            f"Root mean square distance of {len(some):,} meshes to the template, from "
            f"{field.min():.1f} mm (dark) to {field.max():.1f} mm (yellow).",
        ),
    ]


def _by_factor(studio: _Studio, factor: str) -> FactorRows:
    """Draw a row of meshes for each class, spread over the subjects."""
    dataset, label = studio.dataset, studio.dataset.labels[factor]
    rows = []
    classes = np.unique(label[label != UNLABELLED])[:ROWS].tolist()
    for c in [*classes, UNLABELLED]:
        members = np.flatnonzero(label == c)
        if len(members):
            name = "unlabelled" if c == UNLABELLED else dataset.names[factor][c]
            V = dataset.vertices(_spread(members, COLUMNS))
            pictures = [studio.shoot(X, name) for X in V]
            rows.append(Strip(name, f"{len(members):,} meshes", pictures))
    return FactorRows(factor, max(0, len(dataset.names[factor]) - ROWS), rows)


def _subjects(studio: _Studio) -> list[Captioned]:
    """Draw one mesh of some subjects."""
    people, first = np.unique(studio.dataset.subject, return_index=True)
    counts = _subject_counts(studio.dataset)
    drawn = _spread(np.arange(len(people)), 3 * COLUMNS).tolist()
    return [
        Captioned(studio.shoot(X, counts[s][0]), f"{counts[s][0]} · {counts[s][1]:,}")
        for X, s in zip(studio.dataset.vertices(first[drawn]), drawn, strict=True)
    ]


def _subject_counts(dataset: Dataset) -> list[tuple[str, int]]:
    """Return the name and the number of meshes of every subject."""
    people, count = np.unique(dataset.subject, return_counts=True)
    names = (_subject_name(dataset, int(s)) for s in people)
    return list(zip(names, count.tolist(), strict=True))


def _outliers(studio: _Studio, done: Imported, limit: float) -> list[Captioned]:
    captions = []
    for k, outlier in enumerate(done.outliers[:MAX_DRAWN_OUTLIERS]):
        entry = done.dropped[k] if done.dropped else done.entries[outlier.place]
        picture = None
        if not done.dropped:
            V = studio.dataset.vertices([outlier.place])[0]
            picture = studio.shoot_distance(V, limit, entry.path)
        caption = f"{MEASURES[outlier.measure]} {outlier.value:.1f} mm"
        captions.append(Captioned(picture, caption, f"line {entry.line}: {entry.path}"))
    return captions


def _outlier_limits(done: Imported) -> str:
    return " or ".join(
        f"{MEASURES[name]} above {limit.limit:.1f} mm (median {limit.median:.1f} mm, robust "
        f"deviation {limit.deviation:.1f} mm)"
        for name, limit in done.limits.items()
    )


def _colors() -> list[str]:
    """Return the colours of a field, from one end of the scale to the other, as CSS."""
    table = 255 * apply_colormap(np.linspace(0, 1, 17), "viridis")
    return ["rgb({:.0f} {:.0f} {:.0f})".format(*color) for color in table]


def _distances(done: Imported) -> list[tuple[str, int]]:
    """Count the meshes by their distance to the mean shape."""
    rms = done.alignment.measures.rms
    count, edge = np.histogram(rms, bins=min(BINS, max(1, len(rms) // 3)))
    names = [f"{low:.1f} – {high:.1f}" for low, high in itertools.pairwise(edge)]
    return list(zip(names, count.tolist(), strict=True))


def _left_out(done: Imported) -> dict[str, list[str]]:
    """List what was refused or noted, and meshes that are equal or have faces without area."""
    flat = done.alignment.measures.flat
    lists = {
        "Refused": [f"line {entry.line}: {entry.path}: {why}" for entry, why in done.bad],
        "Notes": list(done.notes),
        "Equal bit for bit (kept)": [
            ", ".join(done.entries[k].path for k in twins) for twins in done.twins
        ],
        "Faces without area (kept)": [
            f"{done.entries[k].path}: {flat[k]}" for k in np.flatnonzero(flat).tolist()
        ],
    }
    return {title: lines for title, lines in lists.items() if lines}


def _splits(dataset: Dataset) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in SPLITS:
        members = dataset.indices(name)
        people = np.unique(dataset.subject[members])
        names = [_subject_name(dataset, int(s)) for s in people[:COLUMNS]]
        more = ["…"] if len(people) > COLUMNS else []
        rows.append((name, f"{len(members):,}", f"{len(people):,}", ", ".join(names + more)))
    return rows


def _subject_name(dataset: Dataset, subject: int) -> str:
    if "identity" in dataset.labels:
        label = dataset.labels["identity"][dataset.subject == subject]
        if (label == label[0]).all() and label[0] != UNLABELLED:
            return dataset.names["identity"][int(label[0])]
    return f"subject {subject}"


def _spread(places: Sequence[int] | np.ndarray, n: int) -> np.ndarray:
    """Return at most n of the places, evenly spread, in order."""
    places = np.asarray(places)
    chosen = np.linspace(0, len(places) - 1, min(n, len(places))).round().astype(int)
    return np.asarray(places[np.unique(chosen)])
