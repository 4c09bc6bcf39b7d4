"""What a data set must hold: every rule about its arrays, used when writing and when reading.

Lengths are millimetres, y is up, the face looks to +z, the subject's left is +x. N meshes share one
face list over V vertices. `data/dataset.md` describes the file for people.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

import numpy as np

from gan.datasets.checks import check_faces, check_finite, check_range, check_shape
from gan.errors import DatasetError

FORMAT = "meshkit-gan dataset"
VERSION = 1
SPLITS = ("train", "validation", "test")
DTYPES = {
    "vertices": "<f4",
    "faces": "<i4",
    "template": "<f4",
    "subject": "<i4",
    "sequence": "<i4",
    "frame": "<i4",
    "split": "i1",
    "landmarks": "<i4",
}
LABEL = "<i2"
UNLABELLED = -1
STILL = -1  # the sequence id of a mesh that belongs to none


@dataclasses.dataclass(frozen=True)
class Contents:
    """Everything of a data set but its vertices (N, V, 3), which stay on disk."""

    n: int
    faces: np.ndarray  # (T, 3) int32
    template: np.ndarray  # (V, 3) float32
    subject: np.ndarray  # (N,) int32
    sequence: np.ndarray  # (N,) int32, STILL: in no sequence
    frame: np.ndarray  # (N,) int32
    split: np.ndarray  # (N,) int8, index into SPLITS
    labels: Mapping[str, np.ndarray]  # factor -> (N,) int16, UNLABELLED or a class
    names: Mapping[str, tuple[str, ...]]  # factor -> names of its classes
    landmarks: np.ndarray | None  # (68,) int32

    def check(self, where: str) -> None:
        """Raise DatasetError, beginning with `where`, at the first rule that is broken."""
        if self.n < 1:
            raise DatasetError(f"{where}: /vertices holds no meshes")
        self._check_mesh(where)
        for name in ("subject", "sequence", "frame", "split"):
            check_shape(f"{where}: /{name}", getattr(self, name), (self.n,))
        check_range(f"{where}: /subject", self.subject, 0)
        check_range(f"{where}: /sequence", self.sequence, STILL)
        check_range(f"{where}: /frame", self.frame, 0)
        check_range(f"{where}: /split", self.split, 0, len(SPLITS))
        _check_constant(where, "split", self.split, "subject", self.subject)
        moving = self.sequence != STILL
        _check_constant(where, "subject", self.subject[moving], "sequence", self.sequence[moving])
        self._check_labels(where)

    def fingerprint(self, vertices_sha256: str) -> str:
        """Return the hash of all contents, the vertices represented by their own hash."""
        digest = hashlib.sha256(f"{VERSION} {self.n} {vertices_sha256}".encode())
        arrays = {
            name: getattr(self, name)
            for name in ("faces", "template", "subject", "sequence", "frame", "split", "landmarks")
        }
        arrays |= {f"labels/{factor}": label for factor, label in self.labels.items()}
        for name, array in sorted(arrays.items()):
            if array is not None:
                digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(json.dumps(dict(self.names), sort_keys=True).encode())
        return digest.hexdigest()

    def _check_mesh(self, where: str) -> None:
        if self.template.ndim != 2 or self.template.shape[1] != 3 or len(self.template) < 3:
            raise DatasetError(f"{where}: /template is {self.template.shape}, expected (V, 3)")
        check_finite(f"{where}: /template", self.template)
        if self.faces.ndim != 2 or self.faces.shape[1] != 3 or len(self.faces) == 0:
            raise DatasetError(f"{where}: /faces is {self.faces.shape}, expected (T, 3), T >= 1")
        check_faces(f"{where}: /faces", self.faces, len(self.template))
        if self.landmarks is not None:
            check_shape(f"{where}: /landmarks", self.landmarks, (68,))
            check_range(f"{where}: /landmarks", self.landmarks, 0, len(self.template))

    def _check_labels(self, where: str) -> None:
        if not self.labels:
            raise DatasetError(f"{where}: /labels is empty: a data set needs at least one factor")
        for factor, label in self.labels.items():
            array, names = f"labels/{factor}", self.names.get(factor)
            if not factor.isidentifier():
                raise DatasetError(f"{where}: /{array}: the factor's name must be an identifier")
            if names is None or not all(isinstance(name, str) and name for name in names):
                raise DatasetError(f"{where}: /{array} lacks its list of class names")
            if len(set(names)) < len(names):
                raise DatasetError(f"{where}: /{array}: two classes have one name")
            if len(names) < 2:
                raise DatasetError(
                    f"{where}: /{array} has {len(names)} class(es): a factor needs at least two"
                )
            check_shape(f"{where}: /{array}", label, (self.n,))
            check_range(f"{where}: /{array}", label, UNLABELLED, len(names))
            if (label == UNLABELLED).all():
                raise DatasetError(f"{where}: /{array}: no mesh is labelled")


def _check_constant(
    where: str, name: str, value: np.ndarray, group_name: str, group: np.ndarray
) -> None:
    """Raise DatasetError unless equal groups have equal values."""
    groups, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    bad = value != value[first][inverse]
    if bad.any():
        g = int(groups[inverse[int(bad.argmax())]])
        several = sorted({int(v) for v in value[group == g]})
        raise DatasetError(f"{where}: {group_name} {g} has more than one {name}: {several}")
