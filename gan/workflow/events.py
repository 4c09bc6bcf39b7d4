"""Run Snakemake and tell what it does, as lines of JSON on a file descriptor.

`python -m gan.workflow.events FD ARGUMENT...`; it runs in a process of its own, because Snakemake
owns its process: signals, threads, the current folder.
"""

import json
import logging
import os
import sys

# Attributes of a record that say which job it is about, and what the job needs.
_FIELDS = ("jobid", "job_id", "rule_name", "output", "log", "threads", "shellcmd")

# Beside those with an underscore: a folder, and memory in other units.
_NO_REQUESTS = ("tmpdir", "mem", "mem_mib")


class _Lines(logging.Handler):
    """Writes each event of Snakemake's log as one line."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.stream = os.fdopen(descriptor, "w", buffering=1)

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event is None:
            return
        facts = {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        resources = dict(getattr(record, "resources", {}))
        facts["resources"] = {
            k: v for k, v in resources.items() if k[0] != "_" and k not in _NO_REQUESTS
        }
        self.stream.write(json.dumps({"event": event.value, **facts}, default=str) + "\n")


def main(descriptor: str, *arguments: str) -> None:
    """Run Snakemake with these arguments; the process ends with its exit code."""
    from snakemake.cli import main as snakemake

    logging.getLogger("snakemake").addHandler(_Lines(int(descriptor)))
    snakemake(list(arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
