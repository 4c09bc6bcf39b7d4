"""Parts of evaluations kept in a run, so that nothing is computed twice.

A part is kept under everything that it depends on: the model, the data, its settings, the seed, the
version of the software. What has changed is computed anew; what was kept before stays for the day
that it changes back.
"""

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from safetensors import safe_open

from gan.datasets.store import Dataset
from gan.evaluation.result import Measured, as_json, measured_from_json
from gan.models.contract import FaceGenerator
from gan.provenance import source_commit
from meshkit.files import atomic_path

KEPT = "evaluation"  # folder of a run
FORMAT = "meshkit-gan evaluation part 3"


class KeptParts:
    """Results in files of a folder, found again by name and by all that they depend on.

    Parameters
    ----------
    folder
        None: nothing is kept. Made when the first part is kept.
    depends_on
        What all parts depend on: fingerprints of model and data.
    fresh
        Find nothing; what is computed anew replaces what is there.
    """

    def __init__(
        self, folder: Path | None, depends_on: Mapping[str, Any], *, fresh: bool = False
    ) -> None:
        self._folder, self._fresh = folder, fresh
        try:
            version = metadata.version("meshkit-gan")
        except metadata.PackageNotFoundError:
            version = "unknown"
        software = {"version": version, "commit": source_commit()}
        self._common = {"software": software, **depends_on}

    def find(self, name: str, settings: Mapping[str, Any]) -> Measured | None:
        """Return what was kept; None if nothing was, or the file is damaged."""
        if self._folder is None or self._fresh:
            return None
        path, key = self._place(name, settings)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["checksum"] == _checksum(key, record["measured"]):
                return measured_from_json(record["measured"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        warnings.warn(f"{path} is damaged, or of an older version: {name} anew", stacklevel=2)
        return None

    def keep(self, name: str, settings: Mapping[str, Any], measured: Measured) -> None:
        """Keep what a metric found."""
        if self._folder is None:
            return
        self._folder.mkdir(exist_ok=True)
        path, key = self._place(name, settings)
        with atomic_path(path, durable=True) as aside:
            plain = as_json(measured)
            record = {"format": FORMAT, "key": key, "measured": plain}
            record["checksum"] = _checksum(key, plain)
            aside.write_text(json.dumps(record, indent=1) + "\n")

    def _place(self, name: str, settings: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        assert self._folder is not None
        key = {"part": name, **self._common, "settings": dict(settings)}
        text = json.dumps(key, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        plain = "".join(c if c.isalnum() else "-" for c in name)
        return self._folder / f"{plain}-{digest}.json", json.loads(text)


def _checksum(key: Mapping[str, Any], measured: Any) -> str:
    text = json.dumps([FORMAT, key, measured], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def kept_in(run: Path, model: FaceGenerator, dataset: Dataset, *, fresh: bool = False) -> KeptParts:
    """Return what is kept in `RUN/evaluation`; a run that cannot be written to keeps nothing."""
    depends_on = {"model": model_fingerprint(model), "dataset": dataset.fingerprint}
    return KeptParts(run / KEPT if os.access(run, os.W_OK) else None, depends_on, fresh=fresh)


def model_fingerprint(model: FaceGenerator) -> str:
    """Return the sha256 in hex over everything that a model's file holds."""
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        # Not the file's bytes: the order of its metadata is not fixed.
        with safe_open(path, framework="np") as file:
            stored = sorted((file.metadata() or {}).items())
            digest.update(json.dumps(stored).encode())
            for name in sorted(file.keys()):
                tensor = file.get_tensor(name)
                digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
                digest.update(tensor.tobytes())
    return digest.hexdigest()
