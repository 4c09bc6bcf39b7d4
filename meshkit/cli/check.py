"""`meshkit check`: the doctor."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshkit.cli.parameters import FILE, json_option
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    from meshkit.diagnose import Diagnosis
    from meshkit.doctor.findings import Finding


@click.command()
@click.argument("mesh", type=FILE)
@json_option
@streams("mesh")
def check(mesh: Path, as_json: bool) -> None:
    """Report what MESH is, every defect with its indices, and how to repair it.

    The exit code is 0 if MESH is usable as a template, that is a disk with or without holes (there
    may be warnings and notes), 1 if it has errors or cannot be read, and 2 for wrong usage.

    Example: meshkit check face.obj --json
    """
    from meshkit.cli.messages import about, print_json
    from meshkit.cli.remedies import in_words
    from meshkit.diagnose import diagnose
    from meshkit.doctor.diagnose_uv import uv_findings
    from meshkit.io import load_mesh

    with about(mesh):
        loaded = load_mesh(mesh)
        diagnosis = diagnose(loaded.V, loaded.F)
        flat = uv_findings(loaded)
    if as_json:
        values = {"file": mesh, **diagnosis.to_dict(), "uv": _uv_kind(loaded.UV, loaded.UV_corner)}
        values["findings"] = [
            {**finding.to_dict(), "remedy": in_words(finding.remedy), "remedy_code": finding.remedy}
            for finding in (*diagnosis.findings, *flat)
        ]
        print_json(values)
    else:
        _print(mesh, diagnosis, [*diagnosis.findings, *flat], _uv_kind(loaded.UV, loaded.UV_corner))
    if diagnosis.errors:
        sys.exit(1)


def _uv_kind(UV: object, UV_corner: object) -> str | None:
    if UV is not None:
        return "per vertex"
    return "per corner" if UV_corner is not None else None


def _print(mesh: Path, diagnosis: "Diagnosis", findings: "list[Finding]", uv: str | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from meshkit.cli.messages import print_table
    from meshkit.cli.remedies import in_words

    loops = ", ".join(map(str, diagnosis.loops[:8])) + (" …" if len(diagnosis.loops) > 8 else "")
    print_table(
        str(mesh),
        {
            "vertices": str(diagnosis.vertices),
            "faces": str(diagnosis.faces),
            "components": str(diagnosis.components),
            "border loops": f"{len(diagnosis.loops)} of {loops} vertices" if loops else "none",
            "Euler characteristic": str(diagnosis.euler),
            "genus": "undefined" if diagnosis.genus is None else str(diagnosis.genus),
            "texture coordinates": uv or "none",
        },
    )
    console = Console(highlight=False)
    if findings:
        colors = {"error": "bold red", "warning": "yellow", "note": "cyan"}
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("", "finding", "remedy"):
            table.add_column(name, overflow="fold")
        for finding in findings:
            severity = Text(finding.severity, style=colors[finding.severity])
            table.add_row(severity, Text(finding.message), Text(in_words(finding.remedy)))
        console.print(table)
    if diagnosis.errors:
        console.print(
            Text("fix the errors first: the mesh is not usable as a template", style="bold red")
        )
    else:
        kind = "a disk" if len(diagnosis.loops) == 1 else "a disk with holes"
        console.print(Text(f"usable as a template: {kind}", style="bold green"))
