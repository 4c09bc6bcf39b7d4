"""Start Snakemake on one of our workflows, follow its jobs, and stop it politely."""

import contextlib
import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NamedTuple

from gan.errors import WorkflowError

GAN = f"{shlex.quote(sys.executable)} -m gan"  # how a job calls our commands
MESHKIT = f"{shlex.quote(sys.executable)} -m meshkit"
MISSING = "this needs Snakemake: install it with pip install 'meshkit-gan[study]'"
_LOCAL = "local"
# The commands go on by themselves: new software alone is no reason to make data anew.
_TRIGGERS = ("mtime", "params", "input")
# What Snakemake calls each kind of change in its log.
_CHANGES: dict[str, Literal["begun", "done", "failed"]] = {
    "job_info": "begun",
    "job_finished": "done",
    "job_error": "failed",
}


class Call(NamedTuple):
    """How a workflow is run.

    Attributes
    ----------
    executor : "local", or the name of a Snakemake executor plug-in: "slurm", "kubernetes"
    cores : of this machine, or jobs at a time elsewhere; 0: all cores, or 100 jobs
    threads : of one job; 0: all cores, or 8 elsewhere
    dry_run : say what would be done
    more : further arguments of Snakemake, in its own words
    """

    executor: str = _LOCAL
    cores: int = 0
    threads: int = 0
    dry_run: bool = False
    more: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether jobs are processes of this machine."""
        return self.executor == _LOCAL

    @property
    def places(self) -> int:
        """How many cores of this machine, or jobs elsewhere, are used at a time."""
        return self.cores or ((os.cpu_count() or 1) if self.is_local else 100)

    @property
    def threads_of_a_job(self) -> int:
        """How many threads one job computes with."""
        if self.is_local:
            return min(self.threads or self.places, self.places)
        return self.threads or 8

    @property
    def jobs_at_a_time(self) -> int:
        """How many jobs run side by side."""
        return max(1, self.places // self.threads_of_a_job) if self.is_local else self.places


class Job(NamedTuple):
    """A job as Snakemake announces it.

    Attributes
    ----------
    mark : the first file that it makes, relative to the workflow's folder
    log : the file with what its command said
    """

    rule: str
    mark: str
    log: str | None
    threads: int
    resources: dict[str, Any]
    command: str


class Change(NamedTuple):
    """What happened to a job; in a dry run all that would be done are "begun"."""

    kind: Literal["begun", "done", "failed"]
    job: Job


class Ending(NamedTuple):
    """How a workflow ended; `why` is the end of what Snakemake said, if it ended badly."""

    ok: bool
    interrupted: bool
    why: str


def snakemake_arguments(
    snakefile: str,
    folder: Path,
    config: Path,
    targets: Sequence[str],
    call: Call,
    settings: Mapping[str, object],
) -> list[str]:
    """Return the arguments of Snakemake: a user can give the same to `snakemake` by hand.

    Parameters
    ----------
    snakefile
        The name of a file beside this one.
    folder
        In which the workflow runs.
    config
        The file with its settings; `settings` go over it.
    targets
        Files to make; none: everything.
    """
    words = ["--snakefile", str(files("gan.workflow") / snakefile), "--directory", str(folder)]
    words += ["--configfile", str(config.resolve())]
    if settings:
        words += ["--config", *(f"{k}={json.dumps(v)}" for k, v in settings.items())]
    words += ["--cores" if call.is_local else "--jobs", str(call.places)]
    if not call.is_local:
        words += ["--executor", call.executor]
        # In a dry run Snakemake would cut every job down to one core.
        words += ["--cores", str(call.places * call.threads_of_a_job)] if call.dry_run else []
    words += ["--keep-going", "--rerun-incomplete", "--nolock", "--quiet", "all"]
    words += ["--rerun-triggers", *_TRIGGERS]
    words += ["--dry-run"] if call.dry_run else []
    return [*words, *call.more, *(["--", *targets] if targets else [])]


def run_snakemake(
    arguments: Sequence[str], watch: Callable[[Change], None], said: Path | None = None
) -> Ending:
    """Run Snakemake to its end; `watch` is told what happens to each job.

    SIGINT and SIGTERM are passed on to Snakemake and to every command that it runs: they save, and
    the next call goes on.

    Parameters
    ----------
    said
        A file to which all is added that Snakemake says.

    Raises
    ------
    WorkflowError
        Snakemake is not installed.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise WorkflowError(MISSING)
    reading, writing = os.pipe()
    jobs = dict[int, Job]()
    with tempfile.TemporaryFile("w+") as speech:
        process = subprocess.Popen(
            [sys.executable, "-m", "gan.workflow.events", str(writing), *arguments],
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=speech,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C of the terminal comes through us, and once
        )
        os.close(writing)
        with _passed_on(process) as interrupted, os.fdopen(reading) as lines:
            for line in lines:
                change = _change(json.loads(line), jobs)
                if change is not None:
                    watch(change)
            process.wait()
            _wait_for_group(process.pid)
        speech.seek(0)
        text = speech.read()
    if said is not None:
        with said.open("a", encoding="utf-8") as file:
            file.write(text)
    return Ending(process.returncode == 0, bool(interrupted), _complaint(text))


def _change(event: Mapping[str, Any], jobs: dict[int, Job]) -> Change | None:
    """Return what an event says about a job; jobs are remembered by number, in place."""
    kind = _CHANGES.get(event["event"])
    if kind is None:
        return None
    number = int(event.get("jobid", event.get("job_id", -1)))
    if kind == "begun":
        if not event["output"]:  # the goal, which is all the files asked for
            return None
        jobs[number] = Job(
            event["rule_name"],
            event["output"][0],
            next(iter(event["log"]), None),
            event["threads"],
            event["resources"],
            event["shellcmd"] or "",
        )
    return Change(kind, jobs[number]) if number in jobs else None


@contextlib.contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass signals on to a process and its children; yield the numbers of those that came."""
    came = list[int]()

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)  # what Snakemake takes for a request to stop

    before = {n: signal.signal(n, pass_on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_group(leader: int) -> None:
    """Wait for commands that are still saving: a signal can end Snakemake before them."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while True:
            os.killpg(leader, 0)
            time.sleep(0.1)


def _complaint(text: str) -> str:
    """Return what is wrong, of all that Snakemake said: from its last error on, as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-6:])
