"""All metrics of a model against the training split of a data set, under one seed."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from gan.datasets.store import Dataset
from gan.errors import DatasetError
from gan.evaluation.decomposition import (
    Decomposition,
    ModeSplit,
    decompose_collection,
    decompose_model,
)
from gan.evaluation.diversity import collection_diversity, model_diversity
from gan.evaluation.energy import RoughnessEnergy
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_blocks
from gan.evaluation.kept import KeptParts
from gan.evaluation.match import (
    AT_REST,
    ClassMatch,
    class_means,
    match_classes,
    model_displacements,
)
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Measured,
    Progress,
    Unmeasurable,
    silent,
)
from gan.evaluation.nearest import NearestMesh
from gan.evaluation.result import (
    ANY,
    MODEL,
    OTHER_MESH,
    OTHER_SUBJECT,
    TRAINING,
    Evaluation,
)
from gan.models.contract import FaceGenerator, Factor
from gan.provenance import source_commit
from gan.runs.directory import pick_device
from gan.sections import MetricConfig

STAGES = ("specificity", "diversity", "training diversity", "labels", "model-free check")
# What can be chosen -> the stages that it takes.
BASIC = {
    "specificity": STAGES[:1],
    "diversity": STAGES[1:3],
    "labels": STAGES[3:4],
    "model-free": STAGES[4:],
}
_NO_LABELS = "the data has no label that the model knows"
Watcher = Callable[[str], None]  # called with the name of each stage as it begins


def evaluate(
    model: FaceGenerator,
    dataset: Dataset,
    *,
    n_samples: int = 1000,
    n_pairs: int = 10_000,
    seed: int = 0,
    metrics: Sequence[MetricConfig] = (),
    basic: Sequence[str] = tuple(BASIC),
    kept: KeptParts | None = None,
    watch: Watcher = lambda stage: None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure diversity, specificity, energy, labels and, where the data has modes, the codes.

    Everything is in mm and taken against the training split. Each metric has its own random
    numbers under the seed, so that one more metric leaves the others as they were. What cannot be
    measured on this data is left out, with the reason in `Evaluation.skipped`.

    Parameters
    ----------
    n_samples
        Generated faces for specificity and energy, and training meshes for their references; the
        size of the other samples follows it.
    n_pairs
        Pairs for each diversity.
    metrics
        Further metrics by name (`gan plugins`), each a stage of its own after `STAGES`.
    basic
        Which of `BASIC` to take.
    kept
        Parts that were computed before; new ones are added.
    watch, progress
        Called with each stage as it begins; with what a long one is at, how far, of how much.

    Raises
    ------
    ConfigError
        A metric, or an option of one, is not known.
    DatasetError
        The data set has another topology than the model, or no training split.
    CheckpointError
        The model generates vertices that are not finite.
    """
    for name in basic:
        if name not in BASIC:
            raise ValueError(f"unknown basic metric {name!r}; known: {', '.join(BASIC)}")
    if n_samples < 20 or n_pairs < 2:
        raise ValueError(f"need 20 samples and 2 pairs or more, got {n_samples} and {n_pairs}")
    model = model.to("cpu")
    dataset.check_topology(model.faces.numpy(), where="the model")
    if dataset.template.shape != tuple(model.template.shape):
        raise DatasetError(
            f"{dataset.path}: meshes of {len(dataset.template)} vertices, "
            f"the model's have {len(model.template)}"
        )
    built = [(m, METRICS.build(m.name, m.options)) for m in metrics]
    measurement = _Measurement(model, dataset, n_samples, n_pairs, seed)
    measurement.kept = kept or KeptParts(None, {})
    measurement.basic, measurement.progress = basic, progress
    return measurement.run(watch, built)


class _Measurement:
    """The state shared by the metrics of one evaluation."""

    def __init__(
        self, model: FaceGenerator, dataset: Dataset, n_samples: int, n_pairs: int, seed: int
    ) -> None:
        self.model, self.dataset = model, dataset
        self.n_samples, self.n_pairs, self.seed = n_samples, n_pairs, seed
        self.rows = dataset.indices("train")
        if len(self.rows) < 2:
            raise DatasetError(f"{dataset.path}: the training split has {len(self.rows)} meshes")
        self.subject = dataset.subject[self.rows]
        self.basic: Sequence[str] = tuple(BASIC)
        self.kept = KeptParts(None, {})
        self.progress: Progress = silent
        self.skipped: dict[str, str] = {}
        self.labels: dict[str, np.ndarray] = {}  # in the model's numbering
        for factor in model.factors:
            if factor.name in dataset.labels:
                names = dataset.names[factor.name]
                known = {name: c for c, name in enumerate(factor.classes)}
                table = np.array([known.get(name, -1) for name in names] + [-1])
                label = table[dataset.labels[factor.name][self.rows]]
                if (label >= 0).any():
                    self.labels[factor.name] = label

    def run(
        self, watch: Watcher, metrics: Sequence[tuple[MetricConfig, AbstractMetric]]
    ) -> Evaluation:
        """Measure everything, or what is not kept of it."""
        wanted = {stage for name in self.basic for stage in BASIC[name]}
        work: tuple[Callable[[], Mapping[str, Any]], ...] = (
            self._specificity_and_energy,
            lambda: {"diversity": {MODEL: self._model_diversity()}},
            lambda: {"diversity": {TRAINING: self._training_diversity()}},
            lambda: {"match": self._matches()},
            lambda: {"decomposition": self._decompositions()},
        )
        fields: dict[str, dict[str, Any]] = {
            name: {}
            for name in (
                "specificity",
                "energy",
                "diversity",
                "match",
                "decomposition",
                "further",
                "skipped",
            )
        }
        for stage, compute in zip(STAGES, work, strict=True):
            if stage in wanted:
                watch(stage)
                self._add(fields, self._stage(stage, compute))
        for config, metric in metrics:
            watch(config.name)
            self._add(fields, self._further(config, metric))
        return Evaluation(
            model=dict(self.model.provenance),
            dataset={
                "name": self.dataset.path.name,
                "fingerprint": self.dataset.fingerprint,
                "training_meshes": len(self.rows),
            },
            n_samples=self.n_samples,
            n_pairs=self.n_pairs,
            seed=self.seed,
            commit=source_commit(),
            **fields,
        )

    def _stage(self, stage: str, compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the fields of an evaluation that a stage fills, kept or new."""
        settings = {"samples": self.n_samples, "pairs": self.n_pairs, "seed": self.seed}
        if (found := self.kept.find(stage, settings)) is not None:
            return found
        self.skipped = {}
        fields = {**compute(), "skipped": self.skipped}
        self.kept.keep(stage, settings, fields)
        return fields

    def _further(self, config: MetricConfig, metric: AbstractMetric) -> dict[str, Any]:
        name = config.name
        options = {k: v for k, v in config.options.items() if k not in metric.free_options}
        settings = {
            "options": options,
            "samples": self.n_samples,
            "seed": self.seed,
            **metric.depends_on(self.dataset),
        }
        if (found := self.kept.find(name, settings)) is not None:
            return found
        metric.progress = self.progress
        try:
            values = metric.measure(
                self.model,
                self.dataset,
                self.rows,
                n_samples=self.n_samples,
                rng=self.torch_rng(f"metric {name}"),
            )
        except Unmeasurable as reason:  # not kept: more data or time may help
            return {"skipped": {name: str(reason)}}
        measured = Measured(metric.unit, metric.meaning, values, dict(metric.notes))
        fields = {"further": {name: measured}}
        self.kept.keep(name, settings, fields)
        return fields

    @staticmethod
    def _add(fields: dict[str, dict[str, Any]], more: Mapping[str, Mapping[str, Any]]) -> None:
        for name, table in more.items():
            fields[name] |= table

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return training meshes by their number within the training split."""
        return self.dataset.vertices(self.rows[rows])

    def seed_of(self, metric: str) -> int:
        """Derive a metric's own seed."""
        sequence = np.random.SeedSequence([self.seed, zlib.crc32(metric.encode())])
        return int(sequence.generate_state(1, np.uint64)[0] >> 1)

    def numpy_rng(self, metric: str) -> np.random.Generator:
        """Return a metric's own random numbers."""
        return np.random.default_rng(self.seed_of(metric))

    def torch_rng(self, metric: str) -> torch.Generator:
        """Return a metric's own random numbers, for codes."""
        return torch.Generator().manual_seed(self.seed_of(metric))

    def _specificity_and_energy(self) -> dict[str, Any]:
        roughness = RoughnessEnergy(self.model.template.numpy(), self.model.faces.numpy())
        search = NearestMesh(
            self.read, len(self.rows), self.dataset.template, device=pick_device("auto")
        )
        distances: dict[str, list[np.ndarray]] = {MODEL: [], OTHER_MESH: [], OTHER_SUBJECT: []}
        energies: dict[str, list[np.ndarray]] = {MODEL: [], TRAINING: []}
        codes = self.model.sample_codes(self.n_samples, rng=self.torch_rng("specificity"))
        for X in decode_blocks(self.model, codes):
            distances[MODEL].append(search.query(X).distance)
            energies[MODEL].append(roughness(X))
        several = len(np.unique(self.subject)) > 1
        if not several:
            self.skipped[OTHER_SUBJECT] = "the training split has a single subject"
        chosen = self.numpy_rng("training meshes").permutation(len(self.rows))[: self.n_samples]
        chosen, everyone = np.sort(chosen), np.arange(len(self.rows))
        for rows in np.array_split(chosen, max(1, len(chosen) // 250)):
            X = self.read(rows)
            energies[TRAINING].append(roughness(X))
            distances[OTHER_MESH].append(search.query(X, group=rows, groups=everyone).distance)
            if several:
                other = search.query(X, group=self.subject[rows], groups=self.subject)
                distances[OTHER_SUBJECT].append(other.distance)
        subjects = self.subject[chosen]

        def pool(table: dict[str, list[np.ndarray]]) -> dict[str, Estimate]:
            found = {who: np.concatenate(values) for who, values in table.items() if values}
            return {
                who: estimate(x) if who == MODEL else estimate(x, unit="subjects", group=subjects)
                for who, x in found.items()
            }

        return {"specificity": pool(distances), "energy": pool(energies)}

    def _model_diversity(self) -> dict[str, Estimate]:
        shares = [None, *(factor.name for factor in self.model.factors)]
        return {
            share or ANY: model_diversity(
                self.model,
                self.n_pairs,
                rng=self.torch_rng(f"diversity {share or ANY}"),
                share=share,
            )
            for share in shares
        }

    def _training_diversity(self) -> dict[str, Estimate]:
        found = {}
        for share in [ANY, *(factor.name for factor in self.model.factors)]:
            if share != ANY and share not in self.labels:
                self.skipped[f"training diversity, same {share}"] = _NO_LABELS
                continue
            label = None if share == ANY else self.labels[share]
            rng = self.numpy_rng(f"training diversity {share}")
            n = len(self.rows)
            try:
                found[share] = collection_diversity(
                    self.read, n, self.n_pairs, rng=rng, label=label, subject=self.subject
                )
            except ValueError as error:  # every class has a single mesh
                self.skipped[f"training diversity, same {share}"] = str(error)
        return found

    def _matches(self) -> dict[str, ClassMatch]:
        found = {}
        for factor in self.model.factors:
            if factor.name not in self.labels:
                self.skipped[f"labels of {factor.name}"] = _NO_LABELS
            elif (match := self._match(factor)) is not None:
                found[factor.name] = match
        return found

    def _match(self, factor: Factor) -> ClassMatch | None:
        """Compare a factor's classes; by displacements from rest, or all other factors at rest."""
        label, at_rest = self.labels[factor.name], _rest_class(factor)
        held = {} if at_rest >= 0 else self._others_at_rest(factor)
        for other in held:
            label = np.where(self.labels[other] == _rest_class(self.model.factor(other)), label, -1)
        means = class_means(
            self.read,
            label,
            len(factor.classes),
            subject=self.subject,
            template=self.dataset.template,
            at_rest=at_rest,
        )
        known = np.flatnonzero(np.isfinite(means).all(axis=(1, 2)))
        if len(known) < 2:
            self.skipped[f"labels of {factor.name}"] = (
                "fewer than two of its classes occur beside labelled meshes at rest"
            )
            return None
        classes = tuple(factor.classes[c] for c in known)
        rest = {factor.name: factor.classes[at_rest]} if at_rest >= 0 else None
        rng = self.torch_rng(f"labels {factor.name}")
        n = int(np.clip(self.n_samples // len(classes), 16, 250))

        def displacements(name: str) -> Iterator[np.ndarray]:
            labels = {**held, factor.name: name}
            return model_displacements(self.model, labels, n, rng=rng, rest=rest)

        at_rest = classes.index(rest[factor.name]) if rest else -1
        return match_classes(displacements, means[known], classes, at_rest=at_rest)

    def _others_at_rest(self, factor: Factor) -> dict[str, str]:
        """Return the label of rest of every other factor that has one in model and data."""
        return {
            other.name: other.classes[_rest_class(other)]
            for other in self.model.factors
            if other is not factor
            and _rest_class(other) >= 0
            and (self.labels.get(other.name, np.array([-1])) == _rest_class(other)).any()
        }

    def _decompositions(self) -> dict[str, Decomposition]:
        names = [factor.name for factor in self.model.factors]
        modes = {name: self.dataset.modes[name] for name in names if name in self.dataset.modes}
        if not modes:
            self.skipped["model-free check"] = "the data set holds no linear modes of its source"
            return {}
        split = ModeSplit(modes)
        rng = self.torch_rng("decomposition")
        return {
            MODEL: decompose_model(self.model, split, groups=max(20, self.n_samples // 2), rng=rng),
            TRAINING: decompose_collection(self.read, self.labels, split, self.dataset.template),
        }


def _rest_class(factor: Factor) -> int:
    """Return the index of the class of rest, -1 if the factor has none."""
    return next((factor.classes.index(name) for name in AT_REST if name in factor.classes), -1)
