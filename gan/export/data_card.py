"""Data cards: what a data set holds, where it is from, what it is not for; as Markdown.

The questions are those of Gebru et al., Datasheets for datasets, CACM 64(12), 2021; the front
matter is the YAML that data hubs read. Only what the file says is stated; the rest is unknown.
"""

import json
from collections.abc import Mapping
from typing import Any

from gan.datasets.inspection import describe
from gan.datasets.store import Dataset
from gan.errors import one_line
from gan.export.card import licences

LISTED = 40  # classes of a factor that are counted one by one
LICENCES = {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "gpl-3.0"} | {
    f"cc-{kind}-4.0" for kind in ("by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")
}
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_UNKNOWN = "Unknown: the file does not say."
_PERSONS = (
    "Faces of persons are personal data. Whether they are of persons who agreed to this use is "
    "for the data's provider to say, and for whoever passes the data on to check."
)


def data_card(dataset: Dataset) -> str:
    """Return the card of a data set; equal files of one name give equal cards."""
    facts = describe(dataset)
    stated = licences(dataset.provenance)
    front = [f"{key}: {json.dumps(value)}" for key, value in _front(facts, stated).items()]
    return "\n".join(
        [
            *("---", *front, "---", ""),
            f"# {_text(dataset.path.name)}",
            "",
            *_composition(facts),
            *_origin(dataset.provenance),
            *_use(stated),
        ]
    )


def _front(facts: Mapping[str, Any], stated: list[str]) -> dict[str, Any]:
    """Return the front matter; JSON values are YAML."""
    licence: dict[str, Any] = {"license": "unknown"}
    if stated:
        known = [name.lower() for name in stated if name.lower() in LICENCES]
        licence = {"license": "other", "license_name": "; ".join(stated)}
        if len(known) == len(stated):
            licence = {"license": known[0] if len(known) == 1 else known}
    size = next((name for limit, name in _SIZES.items() if facts["meshes"] < limit), "n>1M")
    return {
        "pretty_name": one_line(facts["path"].replace("\\", "/").rsplit("/", 1)[-1]),
        **licence,
        "tags": ["3d", "mesh", "face", *facts["factors"]],
        "size_categories": [size],
        "dataset_info": {
            "splits": [
                {"name": name, "num_examples": part["meshes"]}
                for name, part in facts["splits"].items()
            ],
            "dataset_size": facts["bytes"],
        },
    }


def _composition(facts: Mapping[str, Any]) -> list[str]:
    width, height, depth = facts["template_mm"]
    lines = [
        "## Composition",
        "",
        f"{facts['meshes']:,} registered meshes of one topology: {facts['vertices']:,} vertices, "
        f"{facts['faces']:,} faces; the template is {width:.0f} × {height:.0f} × {depth:.0f} mm. "
        f"{facts['stills']:,} are stills, the others frames of {facts['sequences']:,} sequences. "
        f"Landmarks: {'68' if facts['landmarks'] else 'none'}. One HDF5 file of "
        f"{facts['bytes']:,} bytes, in mm; y up, the face looks to +z, the subject's left is +x. "
        f"Fingerprint of the contents: `{facts['fingerprint']}`.",
        "",
        "| split | meshes | subjects |",
        "|---|---:|---:|",
    ]
    lines += [
        f"| {name} | {part['meshes']:,} | {part['subjects']:,} |"
        for name, part in facts["splits"].items()
    ]
    for name, factor in facts["factors"].items():
        share = factor["labelled"] / facts["meshes"]
        lines += [
            "",
            f"### Labels: {_text(name)}",
            "",
            f"{len(factor['classes'])} classes; {share:.1%} of the meshes carry a label.",
        ]
        if len(factor["classes"]) <= LISTED:
            lines += ["", "| class | meshes |", "|---|---:|"]
            lines += [f"| {_text(label)} | {n:,} |" for label, n in factor["classes"].items()]
    return [*lines, ""]


def _origin(provenance: Mapping[str, Any]) -> list[str]:
    said = json.dumps(provenance, indent=1, ensure_ascii=True, sort_keys=True)
    lines = ["## Collection and processing", "", "What the file says of its origin:", ""]
    # Indented, not fenced: nothing inside an indented block can end it.
    block = [f"    {line}" for line in said.splitlines()]
    return [*lines, *(block if provenance else [_UNKNOWN]), ""]


def _use(stated: list[str]) -> list[str]:
    licence = "; ".join(_text(name) for name in stated) if stated else _UNKNOWN
    return [
        "## Uses",
        "",
        "Made for learning and measuring face models whose factors are decoupled. Not for "
        "recognising or verifying persons, nor for inferring a person's state of mind, health, "
        "origin or character from a face.",
        "",
        "## Persons",
        "",
        _PERSONS,
        "",
        "## Distribution and maintenance",
        "",
        f"Licence: {licence}",
        "",
        f"Maintainer: {_UNKNOWN}",
        "",
    ]


def _text(value: object) -> str:
    """Return text that Markdown shows as it is: names come from whoever made the file."""
    line = one_line(str(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#~!" else c for c in line)
