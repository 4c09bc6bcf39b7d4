"""Manifests of data sets whose folders have a known layout.

What each takes from a path is in `LAYOUTS`; sources:

* CoMA: github.com/anuragranj/coma, ``processData.py`` and the README (12 subjects, 12 expressions).
* FaceScape: github.com/zhuhao-nju/facescape, ``doc/doc_tu_model.md`` (20 expressions in order).
* FaceWarehouse: Cao et al., IEEE TVCG 2014. ``Tester_i/TrainingPose/pose_k.obj`` (20 poses),
  ``Tester_i/Blendshape/shape_k.obj`` (47 shapes); 0 is neutral. The other numbers stay numbers: the
  order of the paper's list is not said to be that of the files.
* BU-3DFE: Yin et al., FG 2006: subject, expression (NE, AN, DI, FE, HA, SA, SU), level 01 to 04
  (NE: 00), two letters of ancestry.
* BU-4DFE: Yin et al., FG 2008: subject, expression, frame.
* BP4D-Spontaneous: Zhang et al., Image and Vision Computing 2014: subject, task T1 to T8, frame.
* Bosphorus: Savran et al., BIOID 2008: subject, class of pose (N, E, LFAU, UFAU, CAU), code, take.

The last four are scans; after registration their files are called as one likes. The names taken
here are the scans' own with another suffix, whatever follows the known part after an underscore.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from gan.datasets.importing.manifest import Entry, Manifest, natural_order
from gan.errors import DatasetError
from meshkit.io import SAVERS

EMOTIONS = {
    "NE": "neutral",
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happy",
    "SA": "sad",
    "SU": "surprise",
}
BY_WORD = {
    "neutral": "neutral",
    "angry": "anger",
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "happiness": "happy",
    "sad": "sad",
    "sadness": "sad",
    "surprise": "surprise",
}
FACESCAPE = (
    *("neutral", "smile", "mouth_stretch", "anger", "jaw_left", "jaw_right", "jaw_forward"),
    *("mouth_left", "mouth_right", "dimpler", "chin_raiser", "lip_puckerer", "lip_funneler"),
    *("sadness", "lip_roll", "grin", "cheek_blowing", "eye_closed", "brow_raiser", "brow_lower"),
)
MAX_FILES = 3  # that do not fit, named in a message


class FolderLayout(NamedTuple):
    """One layout: which paths belong to it, and what they say.

    `pattern` matches the end of the path; its groups are subject and, where there are such,
    sequence, frame and what `label` reads. `label` returns the labels, or None: no mesh of the set.
    """

    title: str
    pattern: re.Pattern[str]
    label: Callable[[Mapping[str, str]], dict[str, str] | None]
    factors: tuple[str, ...] = ("expression",)


def _pattern(text: str) -> re.Pattern[str]:
    suffixes = "|".join(suffix[1:] for suffix in SAVERS)
    return re.compile(rf"(?:.*/)?{text}\.(?:{suffixes})", re.IGNORECASE)


def _plain(groups: Mapping[str, str]) -> dict[str, str]:
    return {"expression": groups["expression"].lower()}


def _facescape(groups: Mapping[str, str]) -> dict[str, str] | None:
    number = int(groups["number"])
    if not 1 <= number <= len(FACESCAPE):
        return None
    return {"expression": FACESCAPE[number - 1]}


def _facewarehouse(groups: Mapping[str, str]) -> dict[str, str]:
    kind = "pose" if groups["kind"].lower() == "pose" else "shape"
    number = int(groups["number"])
    return {"expression": f"{kind}_{number:02d}" if number else "neutral"}


def _bu3dfe(groups: Mapping[str, str]) -> dict[str, str]:
    expression = EMOTIONS[groups["code"].upper()]
    if expression == "neutral":
        return {"expression": expression}
    return {"expression": expression, "intensity": groups["level"].lstrip("0") or "0"}


def _bu4dfe(groups: Mapping[str, str]) -> dict[str, str]:
    return {"expression": BY_WORD[groups["expression"].lower()]}


def _bp4d(groups: Mapping[str, str]) -> dict[str, str]:
    return {"task": groups["task"].upper()}


def _bosphorus(groups: Mapping[str, str]) -> dict[str, str]:
    kind, code = groups["kind"].upper(), groups["code"].upper()
    if kind == "N":
        return {"expression": "neutral"}
    if kind == "E":
        return {"expression": BY_WORD.get(code.lower(), code.lower())}
    return {"expression": f"{kind}_{code}"}


LAYOUTS: dict[str, FolderLayout] = {
    "coma": FolderLayout(
        "CoMA",
        _pattern(
            r"(?P<subject>FaceTalk_[^/]+)/(?P<sequence>(?P<expression>[^/.]+))"
            r"/(?:[^/.]+\.)?(?P<frame>\d+)"
        ),
        _plain,
    ),
    "facescape": FolderLayout(
        "FaceScape (TU models)",
        _pattern(r"(?P<subject>\d+)/models_reg/(?P<number>\d+)_[^/]+"),
        _facescape,
    ),
    "facewarehouse": FolderLayout(
        "FaceWarehouse",
        _pattern(
            r"(?P<subject>Tester_\d+)/(?:TrainingPose|Blendshape)"
            r"/(?P<kind>pose|shape)_(?P<number>\d+)"
        ),
        _facewarehouse,
    ),
    "bu3dfe": FolderLayout(
        "BU-3DFE",
        _pattern(
            r"(?P<subject>[FM]\d{4})_(?P<code>NE|AN|DI|FE|HA|SA|SU)(?P<level>\d\d)"
            r"(?P<ancestry>[A-Z]{2})(?:_[^/]*)?"
        ),
        _bu3dfe,
        ("expression", "intensity"),
    ),
    "bu4dfe": FolderLayout(
        "BU-4DFE",
        _pattern(
            r"(?P<subject>[FM]\d{3})/(?P<sequence>(?P<expression>Angry|Disgust|Fear|Happy|Sad|"
            r"Surprise))/(?P<frame>\d+)(?:_[^/]*)?"
        ),
        _bu4dfe,
    ),
    "bp4d": FolderLayout(
        "BP4D-Spontaneous",
        _pattern(r"(?P<subject>[FM]\d{3})/(?P<sequence>(?P<task>T\d))/(?P<frame>\d+)(?:_[^/]*)?"),
        _bp4d,
        ("task",),
    ),
    "bosphorus": FolderLayout(
        "Bosphorus",
        _pattern(
            r"(?P<subject>bs\d{3})_(?P<kind>N|E|LFAU|UFAU|CAU)_(?P<code>[A-Z0-9]+)"
            r"_(?P<take>\d+)(?:_[^/]*)?"
        ),
        _bosphorus,
    ),
}


class Listing(NamedTuple):
    """What a layout makes of a folder."""

    manifest: Manifest
    name: str
    odd: tuple[str, ...]  # mesh files that the layout does not explain

    def describe(self, folder: Path) -> str:
        """Return one line that says what was found and what was left out."""
        people = len({entry.subject for entry in self.manifest.entries})
        text = (
            f"{folder}: layout {LAYOUTS[self.name].title}: {len(self.manifest.entries)} meshes of "
            f"{people} subjects"
        )
        if not self.odd:
            return text
        names = ", ".join(self.odd[:MAX_FILES]) + (", …" if len(self.odd) > MAX_FILES else "")
        return f"{text}; {len(self.odd)} mesh files are not of it and left out: {names}"


def list_layout(folder: Path, name: str) -> Listing:
    """List a folder by one layout, or by the one that explains most of its mesh files ("auto").

    Raises
    ------
    DatasetError
        The folder holds no mesh file; no file fits the layout; with "auto", no layout explains half
        of the files.
    ValueError
        There is no such layout; the message lists them.
    """
    if name != "auto" and name not in LAYOUTS:
        raise ValueError(f"layout must be auto or one of {', '.join(LAYOUTS)}, got {name!r}")
    files = _mesh_files(folder)
    if not files:
        raise DatasetError(f"{folder}: holds no mesh file ({' '.join(sorted(SAVERS))})")
    if name == "auto":
        name = _detect(folder, files)
    entries, odd = _match(LAYOUTS[name], files)
    if not entries:
        raise DatasetError(
            f"{folder}: none of its {len(files)} mesh files has a name of the layout "
            f"{LAYOUTS[name].title}; the first is {files[0]}"
        )
    manifest = Manifest(f"layout {name}", tuple(entries), LAYOUTS[name].factors)
    manifest.check()
    return Listing(manifest, name, tuple(odd))


def _mesh_files(folder: Path) -> list[str]:
    """Return the mesh files below a folder, relative, in natural order; hidden ones left out."""
    files = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix.lower() in SAVERS and not any(p.startswith(".") for p in inside.parts):
            files.append(inside.as_posix())
    return sorted(files, key=natural_order)


def _detect(folder: Path, files: list[str]) -> str:
    fits = {name: len(_match(layout, files)[0]) for name, layout in LAYOUTS.items()}
    best = max(fits, key=lambda name: fits[name])
    if 2 * fits[best] < len(files):
        raise DatasetError(
            f"{folder}: no known layout: {LAYOUTS[best].title} fits {fits[best]} of {len(files)} "
            f"mesh files; the first is {files[0]}",
            remedy="list-meshes",
        )
    return best


def _match(layout: FolderLayout, files: list[str]) -> tuple[list[Entry], list[str]]:
    entries, odd = list[Entry](), []
    for path in files:
        match = layout.pattern.fullmatch(path)
        groups: dict[str, str] = match.groupdict() if match else {}
        labels = layout.label(groups) if match else None
        if labels is None:
            odd.append(path)
            continue
        frame = groups.get("frame")
        entries.append(
            Entry(
                line=len(entries) + 1,
                path=path,
                subject=groups["subject"],
                sequence=groups.get("sequence") or "",
                frame=int(frame) if frame else None,
                split="",
                labels=labels,
            )
        )
    return entries, odd
