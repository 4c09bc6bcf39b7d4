"""Generalised Procrustes alignment of a collection that does not fit into memory.

As `meshkit.registration.procrustes.generalized_procrustes`, without scale, but every pass reads the
meshes anew, block by block: what is in memory is a block for each process and the mean. Blocks are
always of the same meshes, and their sums are added in order, so that the number of processes does
not change a bit of the result.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from gan.datasets.importing.reading import Reference
from gan.datasets.importing.work import recall
from gan.datasets.processes import Map
from gan.progress import Progress, counter
from meshkit.errors import SolveError
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity, identity

BLOCK = 32  # meshes
TOLERANCE = 1e-6  # the mean's last movement, as a share of its size
PASSES = 60
FLAT = 1e-4  # height of a face over its longest edge below which it has no area in float32


class Rules(NamedTuple):
    """What all processes of an import share."""

    reference: Reference
    weights: Float[np.ndarray, " n"] | None  # of the vertices that hold the alignment
    rigid: bool  # False: meshes stay where they are


class Measures(NamedTuple):
    """What is known of each mesh once it stands in the common frame."""

    rms: Float[np.ndarray, " k"]  # mm: distance to the mean shape
    largest: Float[np.ndarray, " k"]  # mm: of a single vertex
    flat: Int[np.ndarray, " k"]  # faces without area that the reference does not have
    digest: tuple[str, ...]  # sha256 of the vertices as read


class Alignment(NamedTuple):
    """A collection in a common frame: ``aligned[k] = motions[k].apply(V[k])``."""

    motions: list[Similarity]
    mean: Float[np.ndarray, "n 3"]
    template: Float[np.ndarray, "n 3"]  # the mean of the meshes that were asked for
    measures: Measures
    passes: int


class _Block(NamedTuple):
    places: Sequence[Path]
    chosen: Bool[np.ndarray, " k"]
    mean: Float[np.ndarray, "n 3"]


class _Aligned(NamedTuple):
    motions: list[Similarity]
    total: Float[np.ndarray, "n 3"]
    chosen: Float[np.ndarray, "n 3"]
    rms: list[float]
    largest: list[float]


def align(
    places: Sequence[Path],
    chosen: Bool[np.ndarray, " k"],
    rules: Rules,
    crew: Map,
    progress: Progress,
) -> Alignment:
    """Move stored meshes onto their common mean, or measure them where they are.

    The mean is centred at 0 and turned as the reference is. The template is the mean of the
    meshes `chosen`.

    Raises
    ------
    SolveError
        The mean does not settle.
    """
    reference, _ = rules.reference.chosen()
    mean = reference - reference.mean(axis=0) if rules.rigid else reference
    size = float(np.sqrt(((mean - mean.mean(axis=0)) ** 2).sum(axis=1).mean()))
    starts = range(0, len(places), BLOCK)
    for done in range(1, PASSES + 1):
        blocks = [_Block(places[s : s + BLOCK], chosen[s : s + BLOCK], mean) for s in starts]
        total, template = np.zeros_like(mean), np.zeros_like(mean)
        motions, rms, largest = list[Similarity](), list[float](), list[float]()
        advance = counter(progress, f"aligning, pass {done}", len(places))
        for block in crew(align_block, blocks):
            total += block.total
            template += block.chosen
            motions += block.motions
            rms += block.rms
            largest += block.largest
            advance(len(block.motions))
        new = total / len(places)
        if rules.rigid:
            # The average turns freely together with all meshes: hold it by the reference.
            new = procrustes(new, reference, weights=rules.weights).apply(new)
            new -= new.mean(axis=0)
        moved = float(np.sqrt(((new - mean) ** 2).sum(axis=1).mean()))
        if moved <= TOLERANCE * size:
            break
        mean = new
    else:
        raise SolveError(f"the mean shape still moves by {moved:.2g} mm after {PASSES} passes")
    measured = list(crew(measure_block, (list(places[s : s + BLOCK]) for s in starts)))
    measures = Measures(
        np.array(rms),
        np.array(largest),
        np.array([count for counts, _ in measured for count in counts]),
        tuple(digest for _, digests in measured for digest in digests),
    )
    return Alignment(motions, mean, template / chosen.sum(), measures, done)


def align_block(rules: Rules, block: _Block) -> _Aligned:
    """Align the meshes of one block; a task of a crew."""
    total, chosen = np.zeros_like(block.mean), np.zeros_like(block.mean)
    motions, rms, largest = list[Similarity](), list[float](), list[float]()
    for place, is_chosen in zip(block.places, block.chosen, strict=True):
        V = recall(place).astype(np.float64)
        motion = identity()
        if rules.rigid:
            motion = procrustes(V, block.mean, weights=rules.weights)
            V = motion.apply(V)
        total += V
        if is_chosen:
            chosen += V
        distance = np.linalg.norm(V - block.mean, axis=1)
        motions.append(motion)
        rms.append(float(np.sqrt((distance**2).mean())))
        largest.append(float(distance.max()))
    return _Aligned(motions, total, chosen, rms, largest)


def measure_block(rules: Rules, places: Sequence[Path]) -> tuple[list[int], list[str]]:
    """Count faces that lost their area, and hash the vertices, of one block; a task of a crew."""
    counts, digests = [], []
    kept, F = rules.reference.chosen()
    sound = ~_flat(kept, F)
    for place in places:
        V = recall(place)
        counts.append(int((_flat(V.astype(np.float64), F) & sound).sum()))
        digests.append(hashlib.sha256(V.tobytes()).hexdigest())
    return counts, digests


def _flat(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Bool[np.ndarray, " m"]:
    P = V[F]
    longest = ((P - np.roll(P, 1, axis=1)) ** 2).sum(axis=2).max(axis=1)
    area = np.linalg.norm(np.cross(P[:, 1] - P[:, 0], P[:, 2] - P[:, 0]), axis=1)
    return np.asarray(area <= FLAT * longest)
