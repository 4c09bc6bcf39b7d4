"""All metrics of a model against the training split of a data set, under one seed."""

from collections.abc import Sequence

import torch

from gan.datasets.store import Dataset
from gan.errors import DatasetError
from gan.evaluation.context import Context
from gan.evaluation.kept import KeptParts
from gan.evaluation.metric import METRICS, AbstractMetric, Unmeasurable, default_metrics
from gan.evaluation.result import Evaluation, Measured
from gan.models.contract import FaceGenerator
from gan.progress import Progress, silent
from gan.provenance import source_commit
from gan.sections import MetricConfig


def evaluate(
    model: FaceGenerator,
    dataset: Dataset,
    *,
    n_samples: int = 1000,
    n_pairs: int = 10_000,
    seed: int = 0,
    metrics: Sequence[MetricConfig] | None = None,
    device: torch.device | None = None,
    kept: KeptParts | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure a model by every metric that is asked for.

    Everything is taken against the training split. Each metric has its own random numbers under
    the seed, so that one more metric leaves the others as they were. What cannot be measured on
    this data is left out, with the reason in `Evaluation.skipped`.

    Parameters
    ----------
    n_samples
        Generated faces, and training meshes for the references.
    n_pairs
        Pairs for each diversity.
    metrics
        By name (`gan plugins metrics`); None: those of `default_metrics`.
    device
        Where nearest meshes are searched, and networks judge; None: the CPU. Distances are the
        same on any.
    kept
        What was measured before; what is new is added.
    progress
        Called with each metric as it begins, then with what a long one is at.

    Raises
    ------
    ConfigError
        A metric, or an option of one, is not known.
    DatasetError
        The data set has another topology than the model, or no training split.
    CheckpointError
        The model generates vertices that are not finite.
    """
    if n_samples < 20 or n_pairs < 2:
        raise ValueError(f"need 20 samples and 2 pairs or more, got {n_samples} and {n_pairs}")
    model = model.to("cpu")
    dataset.check_topology(model.faces.numpy(), where="the model")
    if dataset.template.shape != tuple(model.template.shape):
        raise DatasetError(
            f"{dataset.path}: meshes of {len(dataset.template)} vertices, "
            f"the model's have {len(model.template)}"
        )
    chosen = default_metrics() if metrics is None else metrics
    built = [(config, METRICS.build(config.name, config.options)) for config in chosen]
    context = Context(
        model,
        dataset,
        n_samples=n_samples,
        n_pairs=n_pairs,
        seed=seed,
        device=device,
        progress=progress,
    )
    if len(context.rows) < 2:
        raise DatasetError(f"{dataset.path}: the training split has {len(context.rows)} meshes")
    measured: dict[str, Measured] = {}
    skipped: dict[str, str] = {}
    for config, metric in built:
        progress(config.name, 0, 0)
        try:
            measured[config.name] = _measure(context, config, metric, kept or KeptParts(None, {}))
        except Unmeasurable as reason:  # not kept: more data or time may help
            skipped[config.name] = str(reason)
    return Evaluation(
        model=dict(model.provenance),
        dataset={
            "name": dataset.path.name,
            "fingerprint": dataset.fingerprint,
            "training_meshes": len(context.rows),
        },
        n_samples=n_samples,
        n_pairs=n_pairs,
        seed=seed,
        metrics=measured,
        skipped=skipped,
        commit=source_commit(),
    )


def _measure(
    context: Context, config: MetricConfig, metric: AbstractMetric, kept: KeptParts
) -> Measured:
    """Return what a metric finds, or has found before."""
    settings = {
        "options": {k: v for k, v in config.options.items() if k not in metric.free_options},
        "samples": context.n_samples,
        "pairs": context.n_pairs if "pairs" in metric.needs else None,
        "seed": context.seed,
        **metric.depends_on(context.dataset),
    }
    if (before := kept.find(config.name, settings)) is not None:
        return before
    metric.check(context)
    measured = metric.measure(context, rng=context.torch_rng(f"metric {config.name}"))
    measured = measured._replace(unit=metric.unit, meaning=metric.meaning)
    kept.keep(config.name, settings, measured)
    return measured
