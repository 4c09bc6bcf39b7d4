"""What an evaluation found, as a file: plain JSON, equal bytes for equal seeds."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from gan.errors import CheckpointError
from gan.evaluation.decomposition import Decomposition, PartShares
from gan.evaluation.estimate import Estimate
from gan.evaluation.match import ClassMatch
from gan.evaluation.metric import Measured
from meshkit.files import atomic_path

ANY = "any"  # pairs that share nothing
MODEL, TRAINING = "model", "training"
OTHER_MESH, OTHER_SUBJECT = "training, another mesh", "training, another subject"
FORMAT = "meshkit-gan evaluation 1"


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model, with what it takes to measure them again.

    Attributes
    ----------
    model
        Provenance of the model: step, fingerprint of the data it was trained on.
    dataset
        Name, fingerprint and number of training meshes of the data it was measured against.
    diversity : mm
        "model" and "training": per shared factor, "any" for none.
    specificity : mm
        "model": least mean vertex distance to a training mesh. The others: of a training mesh to
        the nearest other, and to the nearest of another subject.
    energy : 1
        Laplacian energy of "model" and "training" faces.
    match
        Per factor: do labels' codes generate what the labels say.
    decomposition
        "model" and "training": what each code (label) moves; empty if the data has no modes.
    skipped
        What could not be measured, and why.
    commit
        Of the software that measured, if known.
    further
        Metrics that were asked for by name.
    """

    model: dict[str, Any]
    dataset: dict[str, Any]
    n_samples: int
    n_pairs: int
    seed: int
    diversity: dict[str, dict[str, Estimate]]
    specificity: dict[str, Estimate]
    energy: dict[str, Estimate]
    match: dict[str, ClassMatch]
    decomposition: dict[str, Decomposition]
    skipped: dict[str, str]
    commit: str | None = None
    further: dict[str, Measured] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; NaN (an unknown standard error) becomes None."""
        plain = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {"format": FORMAT, **plain}

    def save(self, path: Path) -> None:
        """Write the evaluation as JSON."""
        with atomic_path(path) as aside:
            aside.write_text(json.dumps(self.as_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Evaluation":
        """Read a file written by `save`.

        Raises
        ------
        CheckpointError
            The file is not an evaluation, or is damaged.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["format"] != FORMAT:
                raise CheckpointError(f"{path} is not a {FORMAT!r} file")
            return cls(
                model=dict(record["model"]),
                dataset=dict(record["dataset"]),
                n_samples=int(record["n_samples"]),
                n_pairs=int(record["n_pairs"]),
                seed=int(record["seed"]),
                diversity={who: _estimates(table) for who, table in record["diversity"].items()},
                specificity=_estimates(record["specificity"]),
                energy=_estimates(record["energy"]),
                match={name: _match(value) for name, value in record["match"].items()},
                decomposition={
                    who: _decomposition(value) for who, value in record["decomposition"].items()
                },
                skipped={str(k): str(v) for k, v in record["skipped"].items()},
                commit=None if record["commit"] is None else str(record["commit"]),
                further={
                    name: Measured(str(m["unit"]), str(m["meaning"]), _estimates(m["values"]))
                    for name, m in record.get("further", {}).items()
                },
            )
        except CheckpointError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path} is damaged: {error!r}") from None


def _plain(value: Any) -> Any:
    """Return a value as what JSON knows."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _estimate(record: Mapping[str, Any]) -> Estimate:
    mean, error = (math.nan if (x := record[k]) is None else float(x) for k in Estimate._fields[:2])
    return Estimate(mean, error, int(record["n"]))


def _estimates(table: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: _estimate(record) for name, record in table.items()}


def _match(record: Mapping[str, Any]) -> ClassMatch:
    classes = tuple(map(str, record["classes"]))
    C = len(classes)
    return ClassMatch(
        classes,
        int(record["at_rest"]),
        np.array(record["nearest"], dtype=np.int64).reshape(C),
        np.array(record["distance"], dtype=np.float64).reshape(C),
        np.array(record["confusion"], dtype=np.int64).reshape(C, C),
    )


def _decomposition(record: Mapping[str, Any]) -> Decomposition:
    parts = {
        name: PartShares(float(part["variance"]), _estimates(part["explained"]))
        for name, part in record["parts"].items()
    }
    outside = math.nan if record["outside"] is None else float(record["outside"])
    return Decomposition(parts, float(record["total"]), outside)
