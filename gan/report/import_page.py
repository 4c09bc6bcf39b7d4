"""One HTML page about an import: what came in, how it stands, what looks like a mistake."""

import itertools
from collections.abc import Sequence

import numpy as np

from gan.datasets.contract import SPLITS, UNLABELLED
from gan.datasets.importing.dataset import Imported
from gan.datasets.importing.outliers import MEASURES
from gan.datasets.store import Dataset
from gan.report import cards
from gan.report.frame import assemble, section
from gan.report.html import Content, Markup, element, join
from gan.report.pictures import cut_out, inline
from meshkit.render import Frame, View, frame_of, render_mesh

TILE = (240, 200)  # height and width of the picture of a face
COLUMNS = 8  # faces of a class
ROWS = 16  # classes of a factor
WORST = 24  # outliers that are drawn
LISTED = 200  # of refused or dropped meshes, twins, subjects
FIELD_SAMPLE = 400  # meshes from which the picture of their spread is computed
BINS = 16


class _Studio:
    """Draws the meshes of one data set at one scale."""

    def __init__(self, dataset: Dataset, odd: Sequence[int]) -> None:
        self.dataset = dataset
        usual = np.setdiff1d(np.arange(dataset.n), odd)  # a giant would make all others small
        few = dataset.vertices(_spread(usual, 32)).astype(np.float64)
        views: tuple[View, ...] = ("front", "three-quarter", "profile")
        self._frames: dict[View, Frame] = {
            view: frame_of(few, view=view, size=TILE, margin=0.02) for view in views
        }

    def shoot(self, V: np.ndarray, alt: str, view: View = "front") -> Markup:
        V = V.astype(np.float64)
        frame = self._frames[view]
        return inline(cut_out(V, self.dataset.faces, TILE, view=view, frame=frame), alt=alt)

    def shoot_distance(self, V: np.ndarray, limit: float, alt: str) -> Markup:
        """Draw a mesh whole, however far it reaches; its distance to the template in colours."""
        V = V.astype(np.float64)
        frame = frame_of(V, view="three-quarter", size=TILE)
        distance = np.linalg.norm(V - self.dataset.template, axis=1)
        pixels = render_mesh(
            V,
            self.dataset.faces,
            size=TILE,
            mode="scalar",
            field=distance,
            limits=(0.0, limit),
            view="three-quarter",
            frame=frame,
        )
        return inline(pixels, alt=alt)

    def shoot_field(self, field: np.ndarray, alt: str) -> Markup:
        pixels = render_mesh(
            self.dataset.template.astype(np.float64),
            self.dataset.faces,
            size=TILE,
            mode="scalar",
            field=field,
            frame=self._frames["front"],
        )
        return inline(pixels, alt=alt)


def build_import_page(dataset: Dataset, done: Imported) -> Markup:
    """Return the page about a data set that was just imported."""
    odd = () if done.dropped else tuple(found.place for found in done.outliers)
    studio = _Studio(dataset, odd)
    parts = [_headline(dataset, done), _mean(studio)]
    parts += [_by_factor(studio, factor) for factor in dataset.labels if factor != "identity"]
    parts.append(_subjects(studio))
    parts.append(_outliers(studio, done))
    parts.append(_distances(done))
    if notes := _left_out(done):
        parts.append(section("Left out", None, notes))
    parts.append(_splits(dataset, done))
    parts.append(section("The file", None, cards.data_card(dataset, "")))
    lead = element(
        "p",
        f"{dataset.n:,} registered meshes of {len(dataset.template):,} vertices. Lengths in the "
        f"files are {done.unit} ({done.unit_from}).",
    )
    return assemble(
        title=join([dataset.path.name, " · what came in"]),
        lead=lead,
        body=join(parts),
        maker="gan data import",
    )


def _headline(dataset: Dataset, done: Imported) -> Markup:
    rms = done.alignment.measures.rms
    facts: dict[str, tuple[str, str]] = {
        "meshes": (f"{dataset.n:,}", f" of {len(done.bad) + dataset.n + len(done.dropped):,}"),
        "subjects": (f"{len(np.unique(dataset.subject)):,}", ""),
        "unit of the files": (done.unit, ""),
        "from the mean shape (median)": (f"{np.median(rms):.2f}", " mm"),
        "outliers": (f"{len(done.outliers):,}", " dropped" if done.dropped else ""),
    }
    rows = [
        element("div", element("dd", value, element("small", unit)), element("dt", name))
        for name, (value, unit) in facts.items()
    ]
    return element("dl", *rows, class_="facts")


def _mean(studio: _Studio) -> Markup:
    dataset = studio.dataset
    some = dataset.vertices(_spread(np.arange(dataset.n), FIELD_SAMPLE))
    spread = np.linalg.norm(some.astype(np.float64) - dataset.template, axis=2)
    field = np.sqrt((spread**2).mean(axis=0))
    figures = [
        _figure(studio.shoot(dataset.template, f"template, {view}", view), view)
        for view in ("front", "three-quarter", "profile")
    ]
    caption = f"distance of {len(some):,} meshes to it, up to {field.max():.1f} mm"
    figures.append(_figure(studio.shoot_field(field, "where meshes differ"), caption))
    text = "The mean that the data set stores: upright, looking at you, its left on your right."
    return section("Template", text, element("div", *figures, class_="sheet four"))


def _by_factor(studio: _Studio, factor: str) -> Markup:
    """Draw a row of meshes for each class, spread over the subjects."""
    dataset, label = studio.dataset, studio.dataset.labels[factor]
    rows = []
    for c in np.unique(label[label != UNLABELLED])[:ROWS]:
        members = np.flatnonzero(label == c)
        name = dataset.names[factor][int(c)]
        title = join([name, element("small", f"{len(members):,} meshes")])
        rows.append(_strip(studio, title, _spread(members, COLUMNS), name))
    free = np.flatnonzero(label == UNLABELLED)
    if len(free):
        title = join(["unlabelled", element("small", f"{len(free):,} meshes")])
        rows.append(_strip(studio, title, _spread(free, COLUMNS), "unlabelled"))
    hidden = len(dataset.names[factor]) - ROWS
    text = f"{hidden} more classes are not drawn." if hidden > 0 else None
    return section(factor.capitalize(), text, element("div", *rows, class_="strips"))


def _subjects(studio: _Studio) -> Markup:
    """Draw one mesh of some subjects, and count the meshes of each."""
    dataset = studio.dataset
    people, first, count = np.unique(dataset.subject, return_index=True, return_counts=True)
    names = [_subject_name(dataset, int(s)) for s in people]
    shown = _spread(np.arange(len(people)), 3 * COLUMNS)
    V = dataset.vertices(first[shown])
    tiles = [
        _figure(studio.shoot(V[k], names[s]), f"{names[s]} · {count[s]:,}")
        for k, s in enumerate(shown.tolist())
    ]
    bars = cards.count_bars(names[:LISTED], count[:LISTED])
    title = "Meshes of each subject" + (f", the first {LISTED}" if len(people) > LISTED else "")
    folded = element("details", element("summary", title), bars)
    text = "The first mesh of each, and how many there are."
    return section("Subjects", text, join([element("div", *tiles, class_="sheet"), folded]))


def _outliers(studio: _Studio, done: Imported) -> Markup:
    limits = "; ".join(
        f"{MEASURES[name]} above {limit.limit:.1f} mm (median {limit.median:.1f}, robust deviation "
        f"{limit.deviation:.1f})"
        for name, limit in done.limits.items()
    )
    if not done.outliers:
        return section("Outliers", f"None: no mesh has its {limits}.", Markup(""))
    rows = []
    for k, found in enumerate(done.outliers[:WORST]):
        entry = done.dropped[k] if done.dropped else done.entries[found.place]
        caption = join(
            [
                f"{MEASURES[found.measure]} {found.value:.1f} mm",
                element("small", f"line {entry.line}: {entry.path}"),
            ]
        )
        if done.dropped:
            rows.append(element("li", caption))
        else:
            V = studio.dataset.vertices([found.place])[0]
            picture = studio.shoot_distance(V, max(done.limits["largest"].limit, 1e-6), entry.path)
            rows.append(_figure(picture, caption))
    body = element("ol", *rows)
    if not done.dropped:
        body = element("div", *rows, class_="sheet", id="worst")
    verb = "dropped" if done.dropped else "kept; --drop-outliers leaves them out"
    text = (
        f"{len(done.outliers)} meshes with {limits}: {verb}. Worst first, each at its own scale; "
    )
    text += "colours are distances to the template, yellow from the farthest vertex's limit on."
    return section("Outliers", text, body)


def _distances(done: Imported) -> Markup:
    """Count the meshes by their distance to the mean shape."""
    rms = done.alignment.measures.rms
    count, edge = np.histogram(rms, bins=min(BINS, max(1, len(rms) // 3)))
    names = [f"{low:.1f} – {high:.1f}" for low, high in itertools.pairwise(edge)]
    text = (
        "Root mean square distance of the vertices of each mesh to the mean shape, mm, after "
        f"{done.alignment.passes} passes."
    )
    return section("Distance to the mean shape", text, cards.count_bars(names, count))


def _left_out(done: Imported) -> Markup:
    """List what was refused, dropped or noted, and equal meshes."""
    parts: list[Content] = []
    lists = {
        "Refused": [f"line {entry.line}: {entry.path}: {why}" for entry, why in done.bad],
        "Notes": done.notes,
        "Equal bit for bit (kept)": [
            ", ".join(done.entries[k].path for k in twins) for twins in done.twins
        ],
        "Faces without area (kept)": [
            f"{done.entries[k].path}: {done.alignment.measures.flat[k]}"
            for k in np.flatnonzero(done.alignment.measures.flat).tolist()
        ],
    }
    for title, lines in lists.items():
        if lines:
            more = f" The first {LISTED} of {len(lines):,}." if len(lines) > LISTED else ""
            parts.append(element("h3", f"{title}: {len(lines):,}.{more}"))
            parts.append(element("ul", *(element("li", line) for line in lines[:LISTED])))
    return join(parts)


def _splits(dataset: Dataset, done: Imported) -> Markup:
    head = element("tr", *(element("th", x) for x in ("", "meshes", "subjects", "names")))
    rows = []
    for name in SPLITS:
        members = dataset.indices(name)
        people = np.unique(dataset.subject[members])
        shown = ", ".join(_subject_name(dataset, int(s)) for s in people[:COLUMNS])
        shown += ", …" if len(people) > COLUMNS else ""
        cells = (f"{len(members):,}", f"{len(people):,}", shown)
        rows.append(element("tr", element("th", name), *(element("td", cell) for cell in cells)))
    table = element("table", element("thead", head), element("tbody", *rows), class_="numbers")
    return section("Split", f"By subject: {done.split_from}.", table)


def _subject_name(dataset: Dataset, subject: int) -> str:
    if "identity" in dataset.labels:
        found = dataset.labels["identity"][dataset.subject == subject]
        if (found == found[0]).all() and found[0] != UNLABELLED:
            return dataset.names["identity"][int(found[0])]
    return f"subject {subject}"


def _strip(studio: _Studio, title: Markup, places: np.ndarray, alt: str) -> Markup:
    V = studio.dataset.vertices(places)
    faces = element(
        "div", *(studio.shoot(X, alt) for X in V), class_="strip", style=f"--n:{COLUMNS}"
    )
    return element("div", element("div", title, class_="strip-title"), faces, class_="strip-row")


def _figure(picture: Markup, caption: Content) -> Markup:
    return element("figure", picture, element("figcaption", caption))


def _spread(places: Sequence[int] | np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of the places, evenly spread, in order."""
    places = np.asarray(places)
    chosen = np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)
    return np.asarray(places[np.unique(chosen)])
