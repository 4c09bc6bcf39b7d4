"""Files appear whole or not at all; what a killed writer left is swept up, and nothing else."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from meshkit import files
from meshkit.files import atomic_path, clean_stale

KILLED = """
import os, signal, sys
from meshkit.files import atomic_path
with atomic_path(sys.argv[1]) as aside:
    aside.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by_a_killed_writer(path: Path) -> Path:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = path.parent.glob(".*")
    return left


@pytest.mark.parametrize("durable", [False, True])
def test_the_new_file_replaces_the_old_whole(tmp_path, durable):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with atomic_path(path, durable=durable) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
        assert aside.suffix == ".txt"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def fail(path: Path, error: BaseException) -> None:
    with atomic_path(path) as aside:
        aside.write_text("half")
        raise error


def test_an_error_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fail(path, KeyboardInterrupt())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    link, file = tmp_path / "x.txt", tmp_path / "far" / "y.txt"
    link.symlink_to("far/y.txt")
    for text in ("made", "replaced"):
        with atomic_path(link) as aside:
            aside.write_text(text)
        assert link.is_symlink()
        assert file.read_text() == text
    assert sorted(tmp_path.rglob("*")) == sorted([link, file, file.parent])
    link.unlink()
    link.symlink_to("x.txt")
    with pytest.raises(OSError, match="leads back to itself"):
        fail(link, KeyboardInterrupt())


def test_permissions_are_kept_and_those_of_a_new_file_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        for name, mode in {"old": 0o604, "new": 0o640}.items():
            path = tmp_path / name
            if name == "old":
                path.touch()
                path.chmod(mode)
            with atomic_path(path) as aside:
                aside.write_text("text")
                aside.chmod(0o600)  # as safetensors does
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_what_is_no_file_is_written_through(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:
        with atomic_path(path) as aside:
            aside.write_text("through")
        assert reader.communicate(timeout=20)[0] == b"through"
    assert stat.S_ISFIFO(path.stat().st_mode)
    link = tmp_path / "null.txt"
    link.symlink_to(os.devnull)
    with atomic_path(link, durable=True) as aside:
        aside.write_text("nowhere")
    assert Path(os.devnull).is_char_device()
    with pytest.raises(OSError, match="No space left") as caught, atomic_path("/dev/full") as aside:
        aside.write_text("too much")
    assert caught.value.filename == "/dev/full"


def test_a_full_disk_names_the_file(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as write() does: without a name
    with pytest.raises(OSError, match="No space left on device") as caught:
        fail(tmp_path / "x.txt", full)
    assert caught.value.filename == str(tmp_path / "x.txt")


def test_a_name_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("ä" * 125 + ".txt")  # 254 bytes
    with atomic_path(path) as aside:
        aside.write_text("new")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    left = left_by_a_killed_writer(tmp_path / "big.data.h5")
    mine = [tmp_path / ".hidden", tmp_path / ".a.12345678.txt", tmp_path / "big.h5"]
    for path in mine:
        path.write_text("mine")
    assert clean_stale(tmp_path) == [left]
    assert sorted(tmp_path.iterdir()) == sorted(mine)


def test_a_living_writer_and_one_elsewhere_are_left_in_peace(tmp_path, monkeypatch):
    with atomic_path(tmp_path / "x.txt") as aside:
        aside.write_text("half")
        assert clean_stale(tmp_path) == []
    left = left_by_a_killed_writer(tmp_path / "y.txt")
    monkeypatch.setattr(files, "_place", lambda: "00000000")  # another machine, the same disk
    assert clean_stale(tmp_path) == []
    assert left.exists()


def test_no_folder_has_nothing_to_clean(tmp_path):
    assert clean_stale(tmp_path / "absent") == []
