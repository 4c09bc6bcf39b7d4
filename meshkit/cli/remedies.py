"""What to do about an error or a finding, in commands and options: the library's codes, translated.

A remedy that is an option counts only in commands that have the option. So there are two answers:
`here`, for a command with all the options that it names, and `anywhere`.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import click

from meshkit.errors import Remediable


class Remedy(NamedTuple):
    """What to do, for any command; and for one that has the options that `here` names."""

    anywhere: str
    here: str = ""


_CUT = "meshkit repair --cut-to-disk, or meshkit uvmap --cut, along a seam"
_SPLIT_EARS = "meshkit uvmap --ears split halves the edges that cut parts off"

REMEDIES: dict[str, Remedy] = {
    "correct-coordinates": Remedy(
        "correct the coordinates in the file, or delete these vertices with their faces"
    ),
    "corners-at-ears": Remedy(
        "meshkit uvmap puts the corners there, and splits more than have room; --boundary circle",
        "the corners of the square are put there, and more are split; --boundary circle takes any",
    ),
    "cut-across": Remedy("cut the sheet across by hand"),
    "cut-to-disk": Remedy(_CUT, "--cut opens them along a seam"),
    "delete-faces": Remedy("delete these faces, or restore the vertices"),
    "drop-duplicates": Remedy("meshkit repair --duplicates"),
    "drop-unreferenced": Remedy(
        "meshkit repair --unreferenced", "meshkit repair --unreferenced, or --component largest"
    ),
    "fill-holes": Remedy(
        "meshkit repair --fill-holes covers them, else their texels stay empty",
        "--fill-holes covers them, else their texels stay empty",
    ),
    "give-faces": Remedy("give a mesh with faces"),
    "keep-component": Remedy(
        "meshkit repair --component largest, or --component N, counted from 0 by size",
        "--component largest, or --component N, counted from 0 by size",
    ),
    "merge-coincident": Remedy(
        "meshkit repair --coincident, if they are one vertex; closed lips may touch"
    ),
    "move-corners": Remedy(
        "move one of the corners", "--weights uniform or auto, or move one of the corners"
    ),
    "open-surface": Remedy(
        f"{_CUT}; or delete the faces where it may be open (the neck)",
        "--cut opens it along a seam; or delete the faces where it may be open (the neck)",
    ),
    "orient-faces": Remedy("meshkit repair --orientation"),
    "parameterize": Remedy(
        "meshkit uvmap makes new texture coordinates", "--new-uv makes new ones"
    ),
    "positive-weights": Remedy(
        "meshkit uvmap --weights auto or mean-value: cotangent weights may flip faces",
        "--weights auto or mean-value: cotangent weights may flip faces",
    ),
    "round-border": Remedy(
        "meshkit uvmap --boundary circle takes any border", "--boundary circle takes any border"
    ),
    "scale-mesh": Remedy("scale the mesh, or correct these coordinates in the file"),
    "split-ears": Remedy(_SPLIT_EARS, "--ears split halves the edges that cut parts off"),
    "split-ears-or-round": Remedy(
        f"meshkit uvmap --boundary circle takes any border; {_SPLIT_EARS}",
        "--boundary circle takes any border, --ears split halves those edges",
    ),
    "split-nonmanifold": Remedy("meshkit repair --split-nonmanifold"),
    "whole-map": Remedy(
        "meshkit uvmap makes one map without seams",
        "--new-uv makes one map, --allow-seams takes the pieces as they are",
    ),
}


def in_words(
    code: str | None,
    command: click.Command | None = None,
    *,
    table: Mapping[str, Remedy] = REMEDIES,
    **context: object,
) -> str:
    """Say a remedy for a command; empty where there is none to say."""
    if code is None or code not in table:
        return ""
    anywhere, here = table[code]
    options = {name for param in command.params for name in param.opts} if command else set()
    own = re.findall(r"--[a-z][a-z-]*", re.sub(r"(meshkit|gan) [a-z ]+ --[a-z-]+", "", here))
    fits = here and options.issuperset(own)
    return (here if fits else anywhere).format(**context)


def explain(
    error: Exception, command: click.Command | None, table: Mapping[str, Remedy] = REMEDIES
) -> str:
    """Return the message of an error and, where its remedy is known, what to do."""
    said = str(error) or type(error).__name__
    if not isinstance(error, Remediable):
        return said
    remedy = in_words(error.remedy, command, table=table, **error.context)
    return f"{said}; remedy: {remedy}" if remedy else said
