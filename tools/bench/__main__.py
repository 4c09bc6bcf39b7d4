"""Measure against peers in the same run: `make bench`, or `python tools/bench [NAME…] [--json F]`.

These machines are noisy: read the ratios, not the seconds. Each row is the best of several runs of
ours and of the peer's, taken in turns, so that a slow moment hits both.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import browser
import geometry
import measure
import operators
import step
import viewer
from measure import Row, environment

GROUPS = {
    "geometry": geometry.rows,
    "operators": operators.rows,
    "step": step.rows,
    "viewer": viewer.rows,
    "browser": browser.rows,
}


def main() -> None:
    """Run the groups that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="NAME", help=", ".join(GROUPS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument("--full", action="store_true", help="also the sizes that take minutes")
    parser.add_argument("--cpu", action="store_true", help="processor time, for a busy machine")
    chosen = parser.parse_args()
    if chosen.cpu:
        measure.clock = time.process_time
    unknown = set(chosen.groups) - set(GROUPS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; known: {', '.join(GROUPS)}")
    print(f"{'what':44} {'ours':>10} {'peer':>10} {'ratio':>8}  peer")
    rows: list[Row] = []
    for name in chosen.groups or GROUPS:
        for row in GROUPS[name](full=chosen.full):
            rows.append(row)
            print(row, flush=True)
    if chosen.json:
        record = {"environment": environment(), "rows": [row._asdict() for row in rows]}
        chosen.json.write_text(json.dumps(record, indent=1) + "\n")


main()
