"""`gan doctor`."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from gan.cli.options import option
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.probes import Finding


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@option(
    "--timeout",
    click.FloatRange(min=0, min_open=True),
    60.0,
    "How long to wait for each answer; what takes longer counts as hanging.",
    metavar="SECONDS",
)
@json_option
def doctor(names: tuple[str, ...], timeout: float, as_json: bool) -> None:
    """Try what is installed, and say what works, which device is used, and where the cache is.

    With a NAME, such as torch or viser, only that is tried. Every library is really used, in a
    process of its own: one that crashes or hangs is reported like one that is missing. Exit code 1
    if something needed does not work; what is optional may be missing or broken.

    Example: gan doctor --json

    Example: gan doctor torch CUDA
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    from gan.probes import choose_probes, describe_cache, try_out, versions
    from meshkit.cli.messages import print_json
    from meshkit.cli.progress import progress_bar

    probes = choose_probes(names)
    with progress_bar() as progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        tries = [pool.submit(try_out, probe, timeout) for probe in probes]
        for n, _ in enumerate(as_completed(tries)):
            progress("trying", n + 1, len(tries))
    findings = [each.result() for each in tries]
    device = next((f.facts for f in findings if f.name == "torch"), {})
    report: dict[str, Any] = {
        "versions": versions(),
        "works": {f.name: f.to_dict() for f in findings},
        "device": device,
        "cache": describe_cache(),
        "healthy": not any(f.needed and f.state != "works" for f in findings),
    }
    if as_json:
        print_json(report)
    else:
        _print(report, findings)
    if not report["healthy"]:
        sys.exit(1)


def _print(report: dict[str, Any], findings: "list[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from meshkit.cli.messages import print_table

    print_table("versions", report["versions"])
    colors = {"works": "green", "missing": "dim", "fails": "bold red", "hangs": "bold red"}
    table = Table(box=None, show_header=False, title=Text("\ntried"), title_justify="left")
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=colors.get(finding.state, "bold red"))
        table.add_row(Text(finding.name), state, Text(finding.remark))
    Console(highlight=False).print(table)
    cache, device = report["cache"], report["device"]
    rows = {
        "device": f"{device['device']} ({device['name']}), {device['threads']} threads"
        if device
        else "unknown: torch does not work, or was not tried",
        "cache": f"{cache['folder']}: {cache['bytes'] / 1e6:,.1f} MB in {cache['files']} files, "
        f"{cache['free'] / 1e9:,.1f} GB free",
    }
    print_table("\nhere", rows)
