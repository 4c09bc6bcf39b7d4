"""What an evaluation found, as a file: plain JSON, equal bytes for equal seeds."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from gan.errors import CheckpointError
from gan.evaluation.decomposition import Decomposition, PartShares
from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, SEED, Estimate
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
        found = as_json({field.name: getattr(self, field.name) for field in fields(self)})
        method = {"method": METHOD, "level": LEVEL, "resamples": RESAMPLES, "seed": SEED}
        return {"format": FORMAT, **found, "intervals": method}

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
                commit=None if record["commit"] is None else str(record["commit"]),
                **from_json({name: record[name] for name in PARTS}),
                **from_json({"further": record.get("further", {})}),
            )
        except CheckpointError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path} is damaged: {error!r}") from None


PARTS = ("diversity", "specificity", "energy", "match", "decomposition", "skipped")


def as_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of an evaluation as JSON values; NaN becomes None."""
    plain = _plain(fields)
    assert isinstance(plain, dict)
    return plain


def from_json(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an evaluation that `as_json` turned into JSON values.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        The record is not one of those.
    """
    return {
        name: {str(key): _PARSERS[name](value) for key, value in table.items()}
        for name, table in record.items()
    }


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
    low, high = (math.nan if (x := record.get(k)) is None else float(x) for k in ("low", "high"))
    return Estimate(mean, error, int(record["n"]), low, high, str(record.get("unit", "")))


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


def _measured(record: Mapping[str, Any]) -> Measured:
    notes = {str(name): str(text) for name, text in record.get("notes", {}).items()}
    unit, meaning = str(record["unit"]), str(record["meaning"])
    return Measured(unit, meaning, _estimates(record["values"]), notes)


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "diversity": _estimates,
    "specificity": _estimate,
    "energy": _estimate,
    "match": _match,
    "decomposition": _decomposition,
    "skipped": str,
    "further": _measured,
}
