"""Who trains, who validates, who tests: whole subjects, by the manifest or by lot."""

from collections.abc import Iterable, Sequence

import numpy as np

from gan.datasets.contract import SPLITS
from gan.datasets.importing.manifest import Manifest, natural_order
from gan.errors import DatasetError


def check_fractions(fractions: Sequence[float]) -> None:
    """Raise ValueError unless these are three shares, the first positive, with sum 1."""
    good = len(fractions) == len(SPLITS) and all(0 <= share <= 1 for share in fractions)
    if not good or fractions[0] == 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(
            f"split must be three shares with sum 1 ({', '.join(SPLITS)}; the first above 0), "
            f"got {', '.join(f'{share:g}' for share in fractions)}"
        )


def split_subjects(
    manifest: Manifest, fractions: Sequence[float], *, seed: int
) -> tuple[dict[str, int], str]:
    """Return each subject's split as an index into `SPLITS`, and where that comes from in words.

    A `split` column decides; else the subjects, in natural order, are drawn by the seed, at least
    one for each share above 0.

    Raises
    ------
    DatasetError
        The column is filled for some subjects only; there are fewer subjects than shares above 0.
    ValueError
        The shares or the seed are out of range.
    """
    check_fractions(fractions)
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    said = {entry.subject: entry.split for entry in manifest.entries}
    if any(said.values()):
        for entry in manifest.entries:
            if not entry.split:
                raise DatasetError(
                    f"{manifest.source}, line {entry.line}: subject {entry.subject!r} has no split "
                    "but others have: fill the column or leave it out"
                )
        return {subject: SPLITS.index(split) for subject, split in said.items()}, "column split"
    return _draw(list(said), fractions, seed, manifest.source), f"drawn by subject, seed {seed}"


def _draw(
    subjects: Iterable[str], fractions: Sequence[float], seed: int, source: str
) -> dict[str, int]:
    ordered = sorted(subjects, key=natural_order)
    n, wanted = len(ordered), sum(share > 0 for share in fractions)
    if n < wanted:
        raise DatasetError(
            f"{source}: {n} subject(s) cannot be split into {wanted} parts", remedy="split-by-hand"
        )
    held_out = [max(1, round(share * n)) if share > 0 else 0 for share in fractions[1:]]
    while n - sum(held_out) < 1:  # tiny collections: training goes first
        held_out[int(np.argmax(held_out))] -= 1
    lot = np.random.default_rng(seed).permutation(n)
    split = np.repeat(np.arange(len(SPLITS)), [n - sum(held_out), *held_out])
    return {ordered[k]: int(part) for k, part in zip(lot, split, strict=True)}
