"""What a metric is: a class that says what it needs, measures, and says how it is shown.

Whatever takes, stores, shows or compares metrics knows no more than this; see `gan.evaluation.
metrics` for ours, and docs/howto/plugins.md for one of your own.
"""

import inspect
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, final

import torch

from gan.datasets.store import Dataset
from gan.evaluation.context import NEEDS, Context
from gan.evaluation.result import MODEL, TRAINING, Evaluation, Matrix, Measured
from gan.progress import Progress as Progress
from gan.progress import silent as silent
from gan.registry import Registry
from gan.sections import MetricConfig

__all__ = [
    "METRICS",
    "AbstractMetric",
    "Column",
    "Context",
    "Matrix",
    "Measured",
    "Unfinished",
    "Unmeasurable",
    "columns_of",
    "default_metrics",
    "every_reason",
    "metric_class",
]

Better = Literal["higher", "lower", "reference", ""]
SHORT = {"identity": "Id", "expression": "Exp", "viseme": "Vis"}


class Unmeasurable(ValueError):  # noqa: N818
    """The data, or the time, does not allow a metric; the others can still be measured.

    What the message says before a colon, if that is short, stands in the cells of tables.
    """


class Unfinished(Unmeasurable):
    """The time is over; the same call goes on from where it stopped."""


class Column(NamedTuple):
    """A number of every model, as tables and comparisons show it.

    "{factor}" in a text stands for each factor of the models, "{short}" for what headings call it;
    "{option}" for whatever stands in its place in the names of the metric's values. Such columns
    that follow each other stand together for each factor.

    Attributes
    ----------
    key : what claims, CSV and JSON call it
    title : its heading
    value : its name among the metric's values
    reference : that of what models are held against, in the first row; "" for nothing
    unit, better, meaning : those of the metric, unless they are given
    group : columns of a group stand together; the metric's name, unless it is given
    guard : key of a share that, where it is high, disqualifies from being best
    headline : whether it is among the few numbers that a report begins with
    metric, factor : filled in by `columns_of`
    """

    key: str
    title: str
    value: str = MODEL
    reference: str = TRAINING
    unit: str = ""
    better: Better = ""
    meaning: str = ""
    group: str = ""
    guard: str = ""
    headline: bool = False
    metric: str = ""
    factor: str = ""

    def filled(self, **places: str) -> "Column":
        """Return the column with what stands in its places."""
        return Column._make(x.format(**places) if isinstance(x, str) else x for x in self)


class AbstractMetric(ABC):
    """A number about generated faces, and the same about training faces to hold it against.

    A metric with a single number needs no more than its attributes and `measure`.

    Attributes
    ----------
    unit : of its values; "%" for shares, which are fractions of 1
    meaning : one line for tables and reports
    better : which way is better: "higher", "lower", or "reference", nearer to the data's value
    needs : what must be there, of `gan.evaluation.context.NEEDS`; "pairs" if it uses `n_pairs`
    columns : how tables show it; none: "model", held against "training"
    by_default : where it is taken when nobody says which: "always", in "compare", or nowhere
    table : which table of a comparison its columns stand in: the paper's 1, or 2
    place : the lower, the further left
    free_options : options that do not change the result
    """

    unit: str = ""
    meaning: str = ""
    better: Better = ""
    needs: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    by_default: Literal["always", "compare", ""] = ""
    table: int = 1
    place: int = 100
    free_options: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        """Refuse a metric that was written for an earlier version."""
        super().__init_subclass__()
        names = list(inspect.signature(cls.measure).parameters)
        if names != ["self", "context", "rng"]:
            raise TypeError(
                f"{cls.__name__}.measure takes ({', '.join(names)}); it must take (self, context, "
                "*, rng) and return Measured: docs/howto/plugins.md"
            )

    def depends_on(self, dataset: Dataset) -> dict[str, Any]:
        """Return what the result depends on beside model, data set, options and seed, as JSON."""
        return {}

    @final
    def check(self, context: Context) -> None:
        """Raise Unmeasurable if something that the metric needs is not there."""
        for need in self.needs:
            if lack := NEEDS[need](context):
                raise Unmeasurable(lack)

    @abstractmethod
    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return "model" and, where it makes sense, "training".

        Parameters
        ----------
        context : the model, the training meshes, how many samples to take, and what metrics share
        rng : the metric's own random numbers, so that an evaluation can be repeated

        Raises
        ------
        Unmeasurable
            The data does not have what it takes; the message says what.
        """


METRICS: Registry[AbstractMetric] = Registry(
    "metric", "meshkit_gan.metrics", AbstractMetric, package="gan.evaluation.metrics"
)


def metric_class(name: str) -> type[AbstractMetric]:
    """Return the class of a metric; a function that makes one is shown as the base class says."""
    made = METRICS.find(name)
    return made if isinstance(made, type) else AbstractMetric


def default_metrics(*, compare: bool = False) -> tuple[MetricConfig, ...]:
    """Return the metrics that are taken when nobody says which: what is cheap first."""
    wanted = ("always", "compare") if compare else ("always",)
    classes = {name: metric_class(name) for name in METRICS}
    chosen = [name for name, cls in classes.items() if cls.by_default in wanted]
    chosen.sort(key=lambda name: (wanted.index(classes[name].by_default), classes[name].place))
    return tuple(MetricConfig(name=name) for name in chosen)


def columns_of(
    names: Sequence[str],
    factors: Sequence[str],
    evaluations: Sequence[Evaluation],
    *,
    table: int | None = None,
) -> list[Column]:
    """Return the columns of metrics, from left to right.

    Parameters
    ----------
    factors : of any of the models
    table : only those of one table
    """
    classes = {name: metric_class(name) for name in names}
    columns = list[Column]()
    for name in sorted(classes, key=lambda name: classes[name].place):
        cls = classes[name]
        if table not in (None, cls.table):
            continue
        keys = {key for e in evaluations if name in e.metrics for key in e.metrics[name].values}
        for column in _filled(cls.columns or (Column(name, name),), factors, keys):
            columns.append(
                column._replace(
                    unit=column.unit or cls.unit,
                    better=column.better or cls.better,
                    meaning=column.meaning or cls.meaning,
                    group=column.group or name,
                    metric=name,
                )
            )
    return columns


def _filled(
    columns: Sequence[Column], factors: Sequence[str], keys: Collection[str]
) -> Iterator[Column]:
    """Yield a column for everything that a place stands for."""
    for of_factors, group in itertools.groupby(columns, lambda c: "{factor}" in c.value):
        if of_factors:
            templates = list(group)
            for factor in factors:
                short = SHORT.get(factor, factor.capitalize())
                for column in templates:
                    yield column._replace(factor=factor).filled(factor=factor, short=short)
            continue
        for column in group:
            start, place, _ = column.value.partition("{option}")
            options = {key.removeprefix(start) for key in keys if key.startswith(start)}
            if place:
                yield from (column.filled(option=o) for o in sorted(options, key=_as_number))
            else:
                yield column


def _as_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return math.inf, text


def every_reason(skipped: Mapping[str, str]) -> str:
    """Say why no part of a metric could be measured."""
    return "; ".join(f"{why} ({part})" for part, why in skipped.items())
