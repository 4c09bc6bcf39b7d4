"""What metrics measured, as a file: plain JSON, equal bytes for equal seeds."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from gan.errors import CheckpointError
from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, SEED, Estimate
from meshkit.files import atomic_path

MODEL, TRAINING = "model", "training"
FORMAT = "meshkit-gan evaluation 2"
_EARLIER = "meshkit-gan evaluation 1"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Matrix(NamedTuple):
    """Numbers by row and column that are shown together.

    Attributes
    ----------
    kind
        "counts": how often each row came out as each column. "shares": what part of each row each
        column explains, as fractions of 1.
    cells
        Row by row; NaN where a share is not known.
    sizes
        A number of each row beside its cells, in `size_unit`.
    note
        What the whole of it says.
    """

    title: str
    kind: Literal["counts", "shares"]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Estimate | int, ...], ...]
    sizes: tuple[float, ...] = ()
    size_unit: str = ""
    note: str = ""


class Measured(NamedTuple):
    """What a metric found.

    Attributes
    ----------
    values
        By "model", "training" or a name of its own. "model, X" and "training, X" stand in one row
        of tables, called X.
    notes
        What a reader must know, by name: which judge, which data.
    skipped
        Why a value is not there, by its name, or by the X that it is about.
    matrices
        Numbers that belong together, by name.
    unit, meaning
        Those of the metric, which sets them here when it has measured.
    """

    values: Mapping[str, Estimate]
    notes: Mapping[str, str] = _NOTHING
    skipped: Mapping[str, str] = _NOTHING
    matrices: Mapping[str, Matrix] = _NOTHING
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model, with what it takes to measure them again.

    Attributes
    ----------
    model
        Provenance of the model: step, fingerprint of the data it was trained on.
    dataset
        Name, fingerprint and number of training meshes of the data it was measured against.
    metrics
        What each found, by name.
    skipped
        The metrics that could not be measured, and why.
    commit
        Of the software that measured, if known.
    """

    model: dict[str, Any]
    dataset: dict[str, Any]
    n_samples: int
    n_pairs: int
    seed: int
    metrics: dict[str, Measured] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    commit: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; NaN (an unknown standard error) becomes None."""
        record = as_json({field.name: getattr(self, field.name) for field in fields(self)})
        method = {"method": METHOD, "level": LEVEL, "resamples": RESAMPLES, "seed": SEED}
        return {"format": FORMAT, **record, "intervals": method}

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
            if record["format"] == _EARLIER:
                raise CheckpointError(
                    f"{path} has the format of an earlier version, {_EARLIER!r}: the run must be "
                    "measured again (`gan evaluate`)"
                )
            if record["format"] != FORMAT:
                raise CheckpointError(f"{path} is not a {FORMAT!r} file")
            known = {field.name: record[field.name] for field in fields(cls)}
            metrics = {str(k): measured_from_json(m) for k, m in known.pop("metrics").items()}
            return TypeAdapter(cls).validate_python(known | {"metrics": metrics})
        except CheckpointError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path} is damaged: {error!r}") from None


def as_json(value: Any) -> Any:
    """Return a value as what JSON knows: named tuples by their fields, NaN as None."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return as_json(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def measured_from_json(record: Any) -> Measured:
    """Return what `as_json` made of what a metric found.

    Raises
    ------
    ValueError, TypeError
        The record is not one of those.
    """
    return TypeAdapter(Measured).validate_python(_with_nan(record))


def _with_nan(value: Any) -> Any:
    """Put back the NaN that JSON does not know."""
    if isinstance(value, dict):
        return {key: _with_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_nan(item) for item in value]
    return math.nan if value is None else value
