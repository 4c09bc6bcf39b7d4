"""`meshkit view` as a shell calls it: the address, the end, the refusals."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.system.commands import dome, refuse, write

PROXY = {"http_proxy": "", "no_proxy": "*"}


pytestmark = pytest.mark.usefixtures("workdir")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_told_to_end(end):
    """The address comes at once, on stdout alone; Ctrl-C is the way to end it: exit code 0."""
    write("face.obj", *dome())
    command = [sys.executable, "-m", "meshkit", "view", "face.obj", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=-1, stderr=-1, env=os.environ | PROXY) as process:
        lines = [process.stdout.readline() for _ in range(7)]
        told = json.loads(b"".join(lines))
        assert told["files"] == ["face.obj"]
        assert told["url"] == f"http://127.0.0.1:{told['port']}/"
        with urllib.request.urlopen(told["url"], timeout=10) as page:
            assert page.status == 200
        process.send_signal(end)
        assert process.wait(20) == 0
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.obj"], "none.obj: No such file or directory"),
        (["face.txt"], "face.txt"),
        (["face.obj", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ],
)
def test_refusals_are_one_line(arguments, says):
    write("face.obj", *dome())
    Path("face.txt").touch()
    refuse("view", *arguments, says=says)


def test_a_token_comes_from_the_environment_alone(monkeypatch):
    write("face.obj", *dome())
    refuse("view", "face.obj", "--token", "a-good-token", code=2, says="MESHKIT_TOKEN")
    monkeypatch.setenv("MESHKIT_TOKEN", "short")
    refuse("view", "face.obj", says="a token is 8 to 128 letters")
