"""The sources of a study's faces: face models to make data from, or data sets that are there."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan.errors import DatasetError
from gan.study.sizes import SourceBudget

EMBEDDED = "procedural"  # the name of the head that needs no file
INTERACTION = 1.0  # of identity and expression, in data that a study makes


class Source(NamedTuple):
    """Whose faces a study is about, and how far identity and expression interact in them.

    Attributes
    ----------
    name : "" where it is the only one
    model : a face model file; None: the embedded head
    data : a data set in place of the benchmark
    interaction : of the benchmark, from 0 (additive) to 1
    options : further ones of `gan data make`
    """

    name: str = ""
    model: Path | None = None
    data: Path | None = None
    interaction: float = INTERACTION
    options: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The folder of its files in the study's folder, with its slash."""
        return f"{self.name}/" if self.name else ""

    def as_record(self) -> dict[str, Any]:
        """Return what a study remembers of it; OSError if a file is not there.

        A data set is not read here: its fingerprint is held against that of every run.
        """
        digest = None
        if self.model is not None:
            with open(self.model, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self.data is not None:
            self.data.open("rb").close()
        return {
            "model": str(self.model) if self.model else None,
            "sha256": digest,
            "data": str(self.data) if self.data else None,
            "interaction": self.interaction,
            "options": list(self.options),
        }


def read_sources(
    models: Sequence[str], data: Sequence[str], table: Mapping[str, SourceBudget], beside: Path
) -> tuple[Source, ...]:
    """Return the sources that arguments like `FILE` or `NAME=FILE` mean, and those of a table.

    A name may end in the interaction of the source's data: `ict@0=FILE`, `procedural@0.5`.

    Parameters
    ----------
    beside
        The folder of the table, in which the files that it names lie.

    Raises
    ------
    ValueError
        Several sources, and not all have a name; a name that is no folder's; or an interaction
        outside of [0, 1].
    """
    sources = {
        name: Source(
            name,
            (beside / entry.model).resolve() if entry.model else None,
            (beside / entry.data).resolve() if entry.data else None,
            _interaction(name) if entry.interaction is None else entry.interaction,
            entry.options,
        )
        for name, entry in table.items()
    }
    for argument in models:
        name, path = _named(argument)
        embedded = path.partition("@")[0] == EMBEDDED and not Path(path).exists()
        if embedded and not name and (len(models) > 1 or "@" in path):
            name = path
        source = sources.get(name, Source(name, interaction=_interaction(name)))
        sources[name] = source._replace(model=None if embedded else Path(path).resolve())
    for argument in data:
        name, path = _named(argument)
        source = sources.get(name, Source(name, interaction=_interaction(name)))
        sources[name] = source._replace(data=Path(path).resolve())
    if len(sources) > 1 and "" in sources:
        raise ValueError("several sources need names, which become folders: give NAME=FILE")
    for name in filter(None, sources):
        if not re.fullmatch(r"\w[\w.@-]*", name):
            raise ValueError(f"the source {name!r} cannot be the name of a folder")
    return tuple(sources.values())


def settle_sources(
    given: Sequence[Source], known: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the record of a study's sources: those that it has, and those that come to it.

    Raises
    ------
    DatasetError
        Another face model, or another data set, than the study began with.
    OSError
        A file does not exist or cannot be read.
    """
    settled = {name: dict(record) for name, record in known.items()}
    for source in given:
        record = source.as_record()
        before = settled.setdefault(source.name, record)
        if record["sha256"] != before["sha256"] and source.model is not None:
            raise DatasetError(
                f"{source.model} is another face model than the study began with "
                f"({before['model'] or 'the embedded head'}): choose another folder"
            )
        for key in ("data", "interaction", "options"):
            if record[key] and record[key] != before.get(key, record[key]):
                raise DatasetError(
                    f"the study began with {key} {before[key] or 'of its own'}, not "
                    f"{record[key]}: choose another folder"
                )
    if len(settled) > 1 and "" in settled:
        raise DatasetError(
            "the study has one source, without a name: choose another folder for several"
        )
    return settled or {"": Source().as_record()}


def as_sources(record: Mapping[str, Mapping[str, Any]]) -> tuple[Source, ...]:
    """Return the sources that a study remembers."""
    return tuple(
        Source(
            name,
            Path(entry["model"]) if entry["model"] else None,
            Path(entry["data"]) if entry["data"] else None,
            entry.get("interaction", INTERACTION),  # not in studies of former versions
            tuple(entry["options"]),
        )
        for name, entry in record.items()
    )


def _interaction(name: str) -> float:
    """Return the interaction that a source's name ends in, as in ict@0."""
    _, given, text = name.partition("@")
    try:
        value = float(text) if given else INTERACTION
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"the source {name!r}: what follows @ is an interaction from 0 to 1")
    return value


def _named(argument: str) -> tuple[str, str]:
    """Take NAME=FILE apart; a file that exists is a file."""
    name, equals, path = argument.partition("=")
    if not equals or Path(argument).exists():
        return "", argument
    return name, path
