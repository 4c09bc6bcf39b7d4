"""Nothing is silent: a log has a line now and then, also while the work itself says nothing."""

import re
import time

import click
import pytest
from click.testing import CliRunner

from meshkit.cli.manners import polite
from meshkit.cli.progress import VARIABLE, progress_bar


@click.command()
def work() -> None:
    with progress_bar() as progress:
        progress("reading", 0, 40)
        time.sleep(0.4)
        for k in range(20):
            time.sleep(0.06)
            progress("reading", k + 1, 40)
        progress("solving", 0, 0)
        time.sleep(0.4)


@pytest.mark.parametrize(("pulse", "options"), [("0.2", []), ("0.2", ["-q"]), ("0", [])])
def test_a_log_hears_how_far_each_stage_is(monkeypatch, pulse, options):
    monkeypatch.setenv(VARIABLE, pulse)
    result = CliRunner().invoke(polite(work), options)
    assert result.exit_code == 0
    if pulse == "0" or options:
        assert result.stderr == ""
        return
    lines = result.stderr.splitlines()
    assert re.fullmatch(r"reading: 0 of 40, 0 s so far", lines[0])
    paced = re.fullmatch(r"reading: (\d+) of 40, (.*)/s, about (\d+) s left", lines[-3])
    assert paced, lines
    # The rate and the time left belong to the same moment.
    assert abs((40 - int(paced[1])) / float(paced[2]) - int(paced[3])) <= 1
    assert re.fullmatch(r"solving: \d s so far", lines[-1])
