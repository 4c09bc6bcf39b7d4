"""Look through a foreign HDF5 file in a child process first: on damaged bytes HDF5 may not end.

HDF5 holds the interpreter while it runs, so that neither a thread nor Ctrl-C could stop it here.
One child is kept for all files; it ends with this process, or when a file is too much for it.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path

from gan.errors import DatasetError

SECONDS = 20.0  # for the names and attributes of a file
MEMORY = 4 << 30  # bytes of the child's address space
_CHILD = f"""
import json, resource, sys
import h5py
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
def look(name, node):
    for key in node.attrs:
        node.attrs[key]
for line in sys.stdin:
    try:
        with h5py.File(json.loads(line), "r", locking="best-effort") as file:
            look("", file)
            file.visititems(look)
    except Exception:
        pass  # the reader says what is wrong
    print("ended", flush=True)
"""
_lock = threading.Lock()
_child: subprocess.Popen[bytes] | None = None
_owner = 0  # the process that started it: one that was forked starts its own
_known: set[tuple[int, ...]] = set()  # files that were looked through


def probe(path: Path) -> None:
    """Raise DatasetError if HDF5 does not come to an end with this file."""
    status = path.stat()
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    with _lock:
        if key in _known:
            return
        child = _start()
        assert child.stdin is not None
        assert child.stdout is not None
        said = b""
        try:
            child.stdin.write(json.dumps(str(path.resolve())).encode() + b"\n")
            child.stdin.flush()
            if select.select([child.stdout], [], [], SECONDS)[0]:
                said = child.stdout.readline()
        except BrokenPipeError:
            pass
        finally:
            if not said:  # late, crashed, or interrupted by Ctrl-C
                _end()
        if not said:
            raise DatasetError(f"{path} is damaged: HDF5 does not come to an end with it")
        _known.add(key)


def _start() -> subprocess.Popen[bytes]:
    global _child, _owner
    if _child is None or _owner != os.getpid() or _child.poll() is not None:
        _child = subprocess.Popen(
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is ours to hear
        )
        _owner = os.getpid()
    return _child


@atexit.register
def _end() -> None:
    global _child
    if _child is not None and _owner == os.getpid():
        _child.kill()
        _child.wait()
        for pipe in (_child.stdin, _child.stdout):
            if pipe is not None:
                pipe.close()
    _child = None
