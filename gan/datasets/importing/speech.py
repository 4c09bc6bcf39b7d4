"""Viseme labels for the frames of a sequence, from a forced alignment of its speech.

A frame of length 1 / fps gets the viseme that takes most of it. The table is
`tables/phonemes.toml`; `data/visemes.md` says where it comes from.
"""

import csv
import functools
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gan.datasets.importing.manifest import Entry, Manifest, read_rows
from gan.datasets.tables import read_table
from gan.errors import DatasetError
from meshkit.files import atomic_path

FOLLOW = "follow"  # the viseme of the next phone that has one of its own
COLUMNS = ("sequence", "frame", "viseme")
TIE = 1e-9  # s
MAX_PHONES = 6  # unknown ones named in a message
ROUNDING = 1e-3  # s: what rounding may leave at the end of a tier
MAX_SECONDS = 86400.0  # a day; more is a damaged file
MAX_FRAMES = 10_000_000


class Interval(NamedTuple):
    """A phone, or a viseme, from `start` to `end` seconds; viseme None: without a label."""

    start: float
    end: float
    label: str | None


class FrameLabels(NamedTuple):
    """The visemes of the frames of one sequence; None where there is no label."""

    labels: tuple[str | None, ...]
    ties: int  # frames that two visemes share equally; the earlier one wins


@functools.cache
def phoneme_table() -> dict[str, str | None]:
    """Return phone -> viseme, `FOLLOW`, or None for speech that was not recognised."""
    table = read_table("phonemes")
    visemes: dict[str, str | None] = {
        phone: viseme for viseme, phones in table["visemes"].items() for phone in phones
    }
    visemes |= dict.fromkeys(table["special"]["follow"], FOLLOW)
    return visemes | dict.fromkeys(table["special"]["unlabelled"])


def read_phones(path: Path | str, tier: str = "phones") -> list[Interval]:
    """Read the intervals of a tier of a Praat TextGrid (long, short or JSON).

    A tier "speaker - phones" is found as "phones" if there is no other.

    Raises
    ------
    DatasetError
        The file is no TextGrid, or damaged; it has no such tier of intervals; times are not
        finite, overlap, or end too early.
    OSError
        The file cannot be read.
    """
    from praatio import textgrid
    from praatio.utilities.errors import PraatioException

    path = Path(path)
    with path.open("rb") as probe:
        probe.read(1)
    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
        names = tuple(grid.tierNames)
        tiers = [n for n in names if n == tier] or [n for n in names if n.endswith(f" - {tier}")]
        chosen = grid.getTier(tiers[0]) if len(tiers) == 1 else None
    # What praatio and its regular expressions raise on damaged files.
    except (PraatioException, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: not a TextGrid, or damaged") from error
    if chosen is None:
        several = f"several tiers {tier!r}" if tiers else f"no tier {tier!r}"
        raise DatasetError(
            f"{path}: {several}; it has {', '.join(names) or 'none'}", remedy="name-tier"
        )
    if not isinstance(chosen, textgrid.IntervalTier):
        raise DatasetError(f"{path}: tier {tiers[0]!r} holds points, expected intervals")
    phones = [Interval(float(x.start), float(x.end), str(x.label)) for x in chosen.entries]
    if not phones:
        raise DatasetError(f"{path}: tier {tiers[0]!r} is empty")
    before = 0.0
    for k, phone in enumerate(phones):
        if not (before - TIE <= phone.start < phone.end <= MAX_SECONDS):
            raise DatasetError(
                f"{path}: interval {k + 1} of {tiers[0]!r} runs from {phone.start} to {phone.end} "
                f"s, expected an end after its start and a start from {before} on"
            )
        before = phone.end
    if before < float(grid.maxTimestamp) - ROUNDING:  # in Praat, intervals fill their tier
        raise DatasetError(
            f"{path}: tier {tiers[0]!r} stops at {before} of {grid.maxTimestamp} s: is it cut off?"
        )
    return phones


def to_visemes(
    phones: Sequence[Interval],
    where: str,
    table: Mapping[str, str | None] | None = None,
) -> list[Interval]:
    """Replace phones by visemes.

    Raises
    ------
    DatasetError
        A phone is not in the table; the message begins with `where` and lists them.
    """
    table = phoneme_table() if table is None else table
    keys = [_look_up(phone.label or "", table) for phone in phones]
    if unknown := {p.label or "" for p, key in zip(phones, keys, strict=True) if key is None}:
        phones_named = ", ".join(sorted(unknown)[:MAX_PHONES]) + (
            ", …" if len(unknown) > MAX_PHONES else ""
        )
        raise DatasetError(f"{where}: unknown phones {phones_named}: is this tier the phones?")
    visemes = [table[key] for key in keys if key is not None]
    following: str | None = "rest"
    for k in reversed(range(len(visemes))):
        if visemes[k] == FOLLOW:
            visemes[k] = following
        following = visemes[k] or "rest"
    return [p._replace(label=v) for p, v in zip(phones, visemes, strict=True)]


def label_frames(
    visemes: Sequence[Interval], fps: float, *, start: float = 0.0, frames: int | None = None
) -> FrameLabels:
    """Give each frame the viseme that takes most of it; time without an interval is rest.

    Parameters
    ----------
    fps : 1/s
    start : s
        Where in the sound the first frame begins.
    frames
        How many; default: up to the end of the last interval, a part of a frame as a frame.

    Raises
    ------
    ValueError
        `fps` is not positive, `start` negative, or there is no frame.
    """
    if not (0 < fps <= 10_000 and 0 <= start < math.inf):
        raise ValueError(f"fps must be above 0 and start 0 or more, got {fps} and {start}")
    if frames is None:
        frames = max(0, math.ceil((visemes[-1].end - start) * fps - 1e-6))
    if frames < 1:
        raise ValueError(f"no frame: the speech ends at {visemes[-1].end:g} s, start is {start:g}")
    if frames > MAX_FRAMES:
        raise ValueError(f"{frames:,} frames: more than {MAX_FRAMES:,} are not labelled")
    labels, ties, first = list[str | None](), 0, 0
    for k in range(frames):
        low, high = start + k / fps, start + (k + 1) / fps
        while first < len(visemes) and visemes[first].end <= low:
            first += 1
        label, tied = _winner((visemes[i] for i in range(first, len(visemes))), low, high)
        labels.append(label)
        ties += tied
    return FrameLabels(tuple(labels), ties)


def write_labels(path: Path | str, sequences: Mapping[str, FrameLabels], first: int = 0) -> None:
    """Write sequence, frame, viseme of every frame as CSV; no label is an empty cell."""
    with atomic_path(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, frames in sequences.items():
            writer.writerows((name, first + k, v or "") for k, v in enumerate(frames.labels))


def join_labels(manifest: Manifest, path: Path) -> tuple[Manifest, str]:
    """Give the meshes of a manifest the visemes of a file of `write_labels`.

    Joined on sequence and frame, and on subject if the file has that column. Returns the manifest
    and one line that says how many found each other.

    Raises
    ------
    DatasetError
        The file lacks a column, has a frame twice, or fits no mesh; the manifest has visemes.
    """
    if "viseme" in manifest.factors:
        raise DatasetError(
            f"{manifest.source}: has a column viseme already", remedy="one-source-of-visemes"
        )
    known: dict[tuple[str, ...], str] = {}
    by_subject = False
    for line, row in read_rows(path):
        if missing := [name for name in COLUMNS if name not in row]:
            raise DatasetError(f"{path}: has no column {missing[0]!r}")
        if not row["frame"].isdecimal():
            raise DatasetError(f"{path.name}, line {line}: frame is {row['frame']!r}")
        by_subject = "subject" in row
        key = (row.get("subject", ""), row["sequence"], str(int(row["frame"])))
        if key in known:
            raise DatasetError(f"{path.name}, line {line}: frame {key[2]} of {key[1]!r} again")
        known[key] = row["viseme"]
    used, entries = set(), list[Entry]()
    for entry in manifest.entries:
        key = (entry.subject if by_subject else "", entry.sequence, str(entry.frame))
        if entry.sequence and key in known:
            used.add(key)
            if known[key]:
                entry = entry._replace(labels={**entry.labels, "viseme": known[key]})
        entries.append(entry)
    if not used:
        raise DatasetError(f"{path}: no frame of it is in {manifest.source}: other sequence names?")
    joined = Manifest(manifest.source, tuple(entries), (*manifest.factors, "viseme"))
    labelled = sum("viseme" in entry.labels for entry in entries)
    note = (
        f"{path}: {labelled} of {len(entries)} meshes have a viseme; "
        f"{len(known) - len(used)} of its {len(known)} frames belong to no mesh"
    )
    return joined, note


def _look_up(phone: str, table: Mapping[str, str | None]) -> str | None:
    """Return the entry of the table for a phone: itself, or without stress and diacritics."""
    phone = unicodedata.normalize("NFC", phone.strip())
    if phone in table:
        return phone
    bare = "".join(
        c
        for c in unicodedata.normalize("NFD", phone)
        if unicodedata.category(c) not in ("Mn", "Lm", "Sk", "Nd")
    )
    return bare if bare and bare in table else None


def _winner(visemes: Iterable[Interval], low: float, high: float) -> tuple[str | None, bool]:
    """Return the label with most time between two times, and whether another has as much."""
    share, covered = dict[str | None, float](), 0.0
    for viseme in visemes:
        if viseme.start >= high:
            break
        overlap = min(viseme.end, high) - max(viseme.start, low)
        share[viseme.label] = share.get(viseme.label, 0.0) + overlap
        covered += overlap
    if (silent := high - low - covered) > TIE:
        share["rest"] = share.get("rest", 0.0) + silent
    most = max(share.values())
    best = [label for label, time in share.items() if time >= most - TIE]
    return best[0], len(best) > 1
