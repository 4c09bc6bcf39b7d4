"""From a checkout of Upliner/CharMorph-Vitruvian to a linear face model file.

Read are `faces.npy` and `morphs/`, arrays; nothing of the add-on. The face is cut out of the body
along loops of `tables/vitruvian.toml`. Identity: the principal components of people drawn from the
artist's sliders. Expression: the artist's shapes. The source declares CC0; the line of attribution
goes into the file, and from there into data sets.
"""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components

from gan.datasets.controls import read_units
from gan.datasets.converting.checkout import Checkout
from gan.datasets.converting.halves import expressions_of, mirror_of
from gan.datasets.converting.model import HOLES, name_loops, split_quads, write_model
from gan.datasets.converting.sliders import components_of, draw_people
from gan.datasets.tables import read_table
from gan.errors import DatasetError
from gan.progress import Progress, counter, silent

REPOSITORY = "Upliner/CharMorph-Vitruvian"
MESH, REST, SLIDERS, EXPRESSIONS = "faces.npy", "morphs/L1/Default.npy", "morphs/L2", "morphs/L3"
ORIGIN = np.array([0.0, 159.8, -3.5])  # cm, of the turned source: near ICT's mean face
COMPONENTS = 90
MIN_MOTION = 0.03  # cm: a slider that moves the face by less is left out
OF_THE_FACE = re.compile(
    "(Cheeks|Chin|Ears|Eyes|Face|Gender|Generic|Head|Jaw|Mouth|Neck|Nose|Race)_.*"
)
LEFT_OUT = re.compile("Neck_Length|Mouth_NoTeeth|Ears_Canal_.*|Head_BackScalp.*")
NOSE_TIP = 30  # of the 68 landmarks: inside every cut
# Which corners of a quad a triangle keeps that lacks one of them: the outline crosses the quad.
HALVES = ((1, 2, 3), (0, 2, 3), (1, 3, 0), (0, 1, 2))


class Cut(NamedTuple):
    """The part of the body that is the face, as vertices of the source.

    Attributes
    ----------
    outline : loop around it
    holes : loops of the mouth and the eyes
    landmarks : the 68 points
    """

    outline: Int[np.ndarray, " n"]
    holes: tuple[Int[np.ndarray, " n"], ...]
    landmarks: Int[np.ndarray, " 68"]


def vitruvian_cut(name: str) -> Cut:
    """Return the cut "narrow", before the ears and above the neck, or "full", behind the ears."""
    table = read_table("vitruvian")
    holes = tuple(np.array(table[hole]) for hole in HOLES)
    return Cut(np.array(table["outline"][name]), holes, np.array(table["landmarks"]))


def convert_vitruvian(
    checkout: Path | str,
    path: Path | str,
    *,
    cut: Cut | None = None,
    progress: Progress = silent,
) -> None:
    """Write the face model file of a checkout, or of a git directory without a work tree.

    Parameters
    ----------
    cut
        Which part of the head; default: the narrow face.

    Raises
    ------
    DatasetError
        A file is missing from the checkout, or is not what its name says.
    OSError
        The target cannot be written.
    """
    kit = Checkout(Path(checkout), must_have=REST, repository=REPOSITORY)
    chosen = cut or vitruvian_cut("narrow")
    write_model(path, lambda: _Reader(kit, chosen, progress).fields())


class _Reader:
    """Reads a checkout; displacements are those of the face's vertices, turned and in cm."""

    def __init__(self, kit: Checkout, cut: Cut, progress: Progress) -> None:
        self.kit, self.cut, self.progress = kit, cut, progress
        self.quads = self._array(MESH, self._load(MESH), (None, 4), "iu").astype(np.int64)
        rest = self._array(REST, self._load(REST), (None, 3), "f")
        self.n = len(rest)
        marked = np.concatenate([cut.outline, *cut.holes, cut.landmarks])
        if max(self.quads.max(), marked.max()) >= self.n:
            raise DatasetError(f"{kit.path / REST}: {self.n} vertices are too few for the face")
        self.vertices = self._inside()
        self.rest = _turned(rest[self.vertices]) - ORIGIN

    def fields(self) -> dict[str, np.ndarray]:
        """Return the fields of the face model file."""
        names, ranges, morphs = self._sliders()
        people = draw_people(names, ranges)
        components = components_of(people, morphs, COMPONENTS)
        mean = self.rest + np.tensordot(people.mean(axis=0), morphs, axes=1)
        quads, border = self._faces()
        faces = np.concatenate([split_quads(mean.astype(np.float32).astype(float), quads), border])
        mirror = mirror_of(self.rest)
        files = self._files(EXPRESSIONS)
        advance = counter(self.progress, "reading expressions", len(files))

        def morph(name: str) -> np.ndarray:
            return self._morph(EXPRESSIONS, name)

        expressions = list(expressions_of(files, morph, self.rest, quads, mirror))
        advance(len(files))
        count = len(components.modes)
        return {
            "mean": mean.astype(np.float32),
            "unit": np.array("cm"),
            "id_modes": components.modes.astype(np.float32),
            "id_deviations": components.deviations.astype(np.float32),
            "id_names": np.array([f"pc{k:02d}" for k in range(count)]),
            "morph_names": np.array(names),
            "morph_range": ranges.astype(np.float32),
            "morph_modes": morphs.astype(np.float16),
            "morph_mean": people.mean(axis=0).astype(np.float32),
            "morph_deviation": people.std(axis=0).astype(np.float32),
            "morph_from_id": components.sliders.astype(np.float32),
            "exp_modes": np.stack([e.mode for e in expressions]).astype(np.float32),
            "exp_names": np.array([e.name for e in expressions]),
            "exp_kinds": np.array([e.kind for e in expressions]),
            "exp_sources": np.array([e.source for e in expressions]),
            "action_units": np.array(json.dumps(read_units("vitruvian")[0])),
            "faces": faces.astype(np.int32),
            "quads": quads.astype(np.int32),
            "border_triangles": border.astype(np.int32),
            "vertex_map": self.vertices.astype(np.int32),
            "mirror": mirror.astype(np.int32),
            **name_loops(self.kit.path, mean, faces),
            "landmarks68": np.searchsorted(self.vertices, self.cut.landmarks).astype(np.int32),
            "source_commit": np.array(self.kit.commit or "unknown"),
            "attribution": np.array(read_table("vitruvian")["attribution"]),
        }

    def _inside(self) -> Int[np.ndarray, " V"]:
        """Return the vertices that the nose reaches without crossing a loop, and the loops."""
        fence = np.zeros(self.n, dtype=bool)
        fence[np.concatenate([self.cut.outline, *self.cut.holes])] = True
        E = np.concatenate([self.quads[:, [k, (k + 1) % 4]] for k in range(4)])
        E = E[~fence[E].any(axis=1)]
        near = sp.coo_array((np.ones(len(E)), (E[:, 0], E[:, 1])), shape=(self.n, self.n))
        part = connected_components(near, directed=False)[1]
        return np.flatnonzero((part == part[self.cut.landmarks[NOSE_TIP]]) | fence)

    def _faces(self) -> tuple[Int[np.ndarray, "q 4"], Int[np.ndarray, "t 3"]]:
        """Return the quads of the face, and the triangles of those that the outline crosses."""
        place = np.full(self.n, -1)
        place[self.vertices] = np.arange(len(self.vertices))
        corners = place[self.quads]
        lost = corners < 0
        crossed = corners[lost.sum(axis=1) == 1]
        keep = np.array(HALVES)[(crossed < 0).argmax(axis=1)]
        return corners[~lost.any(axis=1)], np.take_along_axis(crossed, keep, axis=1)

    def _sliders(self) -> tuple[list[str], Float[np.ndarray, "M 2"], Float[np.ndarray, "M V 3"]]:
        """Return the sliders that move the face, their ranges, and what each does at 1."""
        names = [
            name
            for name in self._files(SLIDERS)
            if OF_THE_FACE.fullmatch(name) and not LEFT_OUT.fullmatch(name)
        ]
        advance = counter(self.progress, "reading sliders", len(names))
        morphs = dict[str, np.ndarray]()
        for name in names:
            mode = self._morph(SLIDERS, name)
            if np.linalg.norm(mode, axis=1).max() >= MIN_MOTION:
                morphs[name] = mode
            advance(1)
        limits = self._limits()
        ranges = np.array([limits.get(name, (0.0, 1.0)) for name in morphs])
        return list(morphs), ranges, np.stack(list(morphs.values()))

    def _limits(self) -> dict[str, tuple[float, float]]:
        name = f"{SLIDERS}/morphs.json"
        try:
            rows = [row for row in json.loads(self.kit.read(name)) if "morph" in row]
            return {
                str(row["morph"]): (float(row.get("min", 0)), float(row.get("max", 1)))
                for row in rows
            }
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DatasetError(f"{self.kit.path / name}: expected a list of morphs") from error

    def _files(self, folder: str) -> list[str]:
        """Return the names of the morphs in a folder."""
        return sorted([*self.kit.names(folder, ".npz"), *self.kit.names(folder, ".npy")])

    def _morph(self, folder: str, name: str) -> Float[np.ndarray, "V 3"]:
        """Read what a morph does to the face at 1; it is stored for the vertices that it moves."""
        file = f"{folder}/{name}.npz"
        stored = self._load(file)
        if not isinstance(stored, dict) or stored.keys() < {"idx", "delta"}:
            raise DatasetError(f"{self.kit.path / file}: expected the arrays idx and delta")
        rows = self._array(file, stored["idx"], (None,), "iu").astype(np.int64)
        delta = self._array(file, stored["delta"], (len(rows), 3), "f")
        if len(rows) and rows.max() >= self.n:
            raise DatasetError(f"{self.kit.path / file}: it moves vertex {rows.max()} of {self.n}")
        whole = np.zeros((self.n, 3))
        whole[rows] = delta
        return _turned(whole[self.vertices])

    def _load(self, name: str) -> "np.ndarray | dict[str, np.ndarray]":
        stored = io.BytesIO(self.kit.read(name))
        try:
            loaded = np.load(stored, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
        except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{self.kit.path / name}: no array of numpy's") from error

    def _array(
        self, name: str, array: object, shape: tuple[int | None, ...], kinds: str
    ) -> np.ndarray:
        """Return an array of a file, which must have this shape (None: any) and type."""
        if isinstance(array, np.ndarray) and array.dtype.kind in kinds:
            sizes = [want or n for want, n in zip(shape, array.shape, strict=False)]
            if array.shape == (*sizes,) and len(sizes) == len(shape) and np.isfinite(array).all():
                return array
        size = ", ".join("n" if want is None else str(want) for want in shape)
        raise DatasetError(f"{self.kit.path / name}: expected finite numbers ({size})")


def _turned(V: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Turn metres with z up into centimetres with y up."""
    return np.stack([V[:, 0], V[:, 2], -V[:, 1]], axis=1) * 100
