"""Which pairs of held-out people exchange which expressions, and how the scans are made."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan.datasets.benchmark.transfer_pairs import write_transfer
from gan.datasets.plan import purpose_rng
from gan.datasets.processes import crew
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style, vary_style
from gan.datasets.shaping import Shaper
from gan.datasets.source import translate_units
from gan.provenance import software

STRENGTHS = (0.5, 0.75, 1.0)
REST, ACTED = 100, 101  # streams of random numbers beside `PURPOSES`: scans of their own
PER_PERSON = (len(EMOTIONS) - 1) * len(STRENGTHS)


class Exchange(NamedTuple):
    """A takes over what B shows, in every emotion at every strength."""

    a: int
    b: int


def count_pairs(people: int) -> int:
    """Return the number of pairs between so many held-out people."""
    return people * PER_PERSON


def write_pairs(
    path: Path,
    shaper: Shaper,
    people: Sequence[int],
    jobs: int,
    advance: Callable[[int], None],
    parameters: dict[str, Any],
) -> None:
    """Write the pairs of these people: each is A once and B once.

    The truth is A's face with B's action units: the manner in which B shows the emotion is B's,
    and goes along; a manner of A's own has no part in it.
    """
    exchanges = [Exchange(a, b) for a, b in zip(people, [*people[1:], people[0]], strict=True)]
    source = shaper.source
    rest = np.concatenate([_scan(shaper, k, [{}], REST) for k in people])

    def posed(run: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for blocks in run(_exchange, exchanges):
            yield blocks
            advance(len(blocks[0]))

    with crew(min(jobs, len(exchanges)), shaper) as run:
        write_transfer(
            path,
            arrays={
                "faces": source.faces,
                "rest": rest,
                "person": np.array(people),
                "person_a": np.repeat([each.a for each in exchanges], PER_PERSON),
                "person_b": np.repeat([each.b for each in exchanges], PER_PERSON),
                "expression": np.tile(
                    np.repeat(np.arange(1, len(EMOTIONS)), len(STRENGTHS)), len(people)
                ),
                "strength": np.tile(STRENGTHS, (len(EMOTIONS) - 1) * len(people)),
            },
            posed=posed(run),
            names=EMOTIONS,
            provenance={
                "made_by": "gan data make",
                "software": software(),
                "source": {"name": source.name, **source.provenance},
                "parameters": parameters,
            },
        )


def exchange_units(seed: int, b: int) -> list[dict[str, float]]:
    """Return the action units in which B shows each emotion at each strength."""
    rng = purpose_rng(seed, b, "plan")
    style = sample_style(rng)  # the person's habit in the main file
    rng = purpose_rng(seed, b, "speech")
    return [
        emotion_units(emotion, strength, manner)
        for emotion in EMOTIONS[1:]
        for manner in [vary_style(style, rng)]
        for strength in STRENGTHS
    ]


def _exchange(shaper: Shaper, exchange: Exchange) -> tuple[np.ndarray, np.ndarray]:
    """Return B's scans and what A truly looks like."""
    units = exchange_units(shaper.seed, exchange.b)
    scans = _scan(shaper, exchange.b, units, ACTED)
    source, seed = shaper.source, shaper.seed
    identity = source.sample_identity(purpose_rng(seed, exchange.a, "identity"))
    truth = [source.shape(identity, translate_units(each, source.controls)) for each in units]
    return scans, np.stack(truth).astype(np.float32)


def _scan(shaper: Shaper, person: int, units: list[dict[str, float]], stream: int) -> np.ndarray:
    """Return what the scanner sees of a person with these action units."""
    source = shaper.source
    identity = source.sample_identity(purpose_rng(shaper.seed, person, "identity"))
    V = np.stack([source.shape(identity, translate_units(u, source.controls)) for u in units])
    rng = np.random.default_rng([shaper.seed, person, stream])
    return shaper.scanner.scan(V, source.faces, rng).astype(np.float32)
