"""The manifest: one line for each mesh file, with its subject and labels; CSV or Parquet.

Columns: ``path`` (relative to the imported folder) and ``subject``; optionally ``sequence`` and
``frame``, ``split`` (train, validation, test), and any number of factors, whose names are
identifiers. An empty cell of a factor is an unlabelled mesh.
"""

import csv
import dataclasses
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan.datasets.contract import SPLITS
from gan.errors import DatasetError
from meshkit.files import atomic_path

REQUIRED = ("path", "subject")
OPTIONAL = ("sequence", "frame", "split")
RESTING = ("neutral", "rest")  # classes that come first in a list of classes
LARGEST_FRAME = 2**31 - 1


class Entry(NamedTuple):
    """One mesh."""

    line: int  # in the manifest; of a layout, the place in its list
    path: str
    subject: str
    sequence: str  # empty: a still
    frame: int | None
    split: str  # empty: not said
    labels: Mapping[str, str]  # factor -> class; a factor that is absent is unlabelled


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The meshes to import and where that list comes from."""

    source: str  # as messages name it
    entries: tuple[Entry, ...]
    factors: tuple[str, ...]

    def name(self, entry: Entry) -> str:
        """Return how a message names an entry: the line and the file."""
        return f"{self.source}, line {entry.line}: {entry.path}"

    def check(self) -> None:
        """Raise DatasetError at the first entry that contradicts another."""
        if not self.entries:
            raise DatasetError(f"{self.source}: lists no mesh")
        paths, frames = dict[str, int](), dict[tuple[str, str, int], int]()
        splits = dict[str, tuple[str, int]]()
        for entry in self.entries:
            where = f"{self.source}, line {entry.line}"
            if entry.path in paths:
                raise DatasetError(f"{where}: {entry.path} is in line {paths[entry.path]} already")
            paths[entry.path] = entry.line
            if entry.sequence:
                assert entry.frame is not None
                key = (entry.subject, entry.sequence, entry.frame)
                if key in frames:
                    raise DatasetError(
                        f"{where}: frame {entry.frame} of sequence {entry.sequence!r} of subject "
                        f"{entry.subject!r} is in line {frames[key]} already"
                    )
                frames[key] = entry.line
            split, line = splits.setdefault(entry.subject, (entry.split, entry.line))
            if split != entry.split:
                raise DatasetError(
                    f"{where}: subject {entry.subject!r} is in split {entry.split or 'none'!r}, "
                    f"but in {split or 'none'!r} by line {line}: a subject is in one split"
                )


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts "2" before "10"."""
    parts = re.split(r"(\d{1,4000})", name)  # as many digits as `int` reads
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def classes_of(entries: Iterable[Entry], factor: str) -> list[str]:
    """Return the classes of a factor: those of rest first, then by name."""
    classes = {entry.labels[factor] for entry in entries if factor in entry.labels}
    return sorted(classes, key=lambda name: (name not in RESTING, natural_order(name)))


def read_manifest(path: Path | str) -> Manifest:
    """Read a CSV or a Parquet file.

    Raises
    ------
    DatasetError
        A column or a value is missing, unknown or contradicts another; the message names the line
        (of a Parquet file, the row from 1).
    ModuleNotFoundError
        The file is Parquet and pyarrow is not installed.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        rows = read_rows(path)
    elif path.suffix.lower() in (".parquet", ".pq"):
        rows = _parquet_rows(path)
    else:
        raise DatasetError(f"{path}: unknown suffix {path.suffix!r}; known are .csv .parquet")
    columns, entries = None, []
    for line, row in rows:
        if columns is None:
            columns = tuple(row)
            _check_columns(path, columns)
        entries.append(_parse(f"{path.name}, line {line}", line, row))
    factors = tuple(c for c in columns or () if c not in (*REQUIRED, *OPTIONAL))
    manifest = Manifest(path.name, tuple(entries), factors)
    manifest.check()
    for factor in ("subject", *factors):
        _report_spellings(path.name, factor, entries)
    return manifest


def write_manifest(path: Path | str, manifest: Manifest) -> None:
    """Write a manifest as CSV, whole or not at all."""
    with atomic_path(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*REQUIRED, *OPTIONAL, *manifest.factors])
        for entry in manifest.entries:
            frame = "" if entry.frame is None else entry.frame
            labels = [entry.labels.get(factor, "") for factor in manifest.factors]
            writer.writerow(
                [entry.path, entry.subject, entry.sequence, frame, entry.split, *labels]
            )


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, {column: value}) of a CSV file; values are stripped, absent ones empty.

    Raises
    ------
    DatasetError
        The file is no CSV in UTF-8, has no header, a column twice, or a line of another length.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if not any(header):
                raise DatasetError(f"{path}: is empty: the first line must name the columns")
            if twice := {name for name in header if header.count(name) > 1}:
                raise DatasetError(f"{path}: two columns are called {min(twice)!r}")
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(header):
                    raise DatasetError(
                        f"{path.name}, line {reader.line_num}: {len(row)} values for "
                        f"{len(header)} columns"
                    )
                cells = (cell.strip() for cell in row)
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DatasetError(f"{path.name}, line {reader.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not text in UTF-8") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row from 1, {column: text}) in batches."""
    from pyarrow import ArrowException, ArrowInvalid, parquet

    if not path.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    line = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches(4096):
            for row in batch.to_pylist():
                line += 1
                yield line, {str(name): _text(value) for name, value in row.items()}
    except (ArrowException, ArrowInvalid, OSError) as error:
        raise DatasetError(f"{path}: not a Parquet file, or damaged") from error


def _text(value: Any) -> str:
    """Return a Parquet value as a cell of a CSV file: whole numbers without a point."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _report_spellings(source: str, factor: str, entries: Sequence[Entry]) -> None:
    """Warn of labels that differ by case or spaces only: they are probably one class."""
    labels = (e.subject if factor == "subject" else e.labels.get(factor, "") for e in entries)
    for alike in alike_names(labels):
        warnings.warn(
            f"{source}: {factor} {' and '.join(map(repr, alike))} differ by case or spaces only and"
            " are taken for several: write them alike if they are one",
            stacklevel=3,
        )


def alike_names(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that differ by case or spaces only."""
    spellings: dict[str, set[str]] = {}
    for name in names:
        spellings.setdefault("".join(name.casefold().split()), set()).add(name)
    return [sorted(several) for several in spellings.values() if len(several) > 1]


def _check_columns(path: Path, columns: tuple[str, ...]) -> None:
    for name in REQUIRED:
        if name not in columns:
            raise DatasetError(f"{path}: has no column {name!r}; it has {', '.join(columns)}")
    for name in columns:
        if not name.isidentifier():
            raise DatasetError(
                f"{path}: column {name!r}: the name of a factor must be an identifier"
            )


def _parse(where: str, line: int, row: dict[str, str]) -> Entry:
    for name in REQUIRED:
        if not row[name]:
            raise DatasetError(f"{where}: {name} is empty")
    for name, value in row.items():
        if "\0" in value:
            raise DatasetError(f"{where}: {name} holds a character that no name has: {value!r}")
    sequence, frame = row.get("sequence", ""), row.get("frame", "")
    if frame and not (frame.isdecimal() and int(frame) <= LARGEST_FRAME):
        raise DatasetError(f"{where}: frame is {frame!r}, expected a whole number from 0")
    if sequence and not frame:
        raise DatasetError(f"{where}: sequence {sequence!r} without a frame")
    if (split := row.get("split", "")) not in ("", *SPLITS):
        raise DatasetError(f"{where}: split is {split!r}, expected {', '.join(SPLITS)} or nothing")
    labels = {
        name: value for name, value in row.items() if value and name not in (*REQUIRED, *OPTIONAL)
    }
    return Entry(
        line, row["path"], row["subject"], sequence, int(frame) if frame else None, split, labels
    )
