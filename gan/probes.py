"""Try libraries for what they are used for, each in a process of its own.

A compiled library that does not suit its machine crashes or hangs instead of raising; in a process
of its own it does so alone.
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

# Each prints, if it likes, one line of JSON on stdout: facts. Exit code 3: not on this machine.
_TORCH = """
import json, torch
from gan.runs.directory import pick_device
device = pick_device("auto")
x = torch.randn(64, 64, device=device, requires_grad=True)
y = torch.nn.functional.conv2d((x @ x)[None, None], torch.ones(1, 1, 3, 3, device=device))
y.sum().backward()
assert torch.isfinite(x.grad).all()
name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
print(json.dumps({"device": str(device), "name": name, "threads": torch.get_num_threads()}))
"""
_CUDA = """
import json, torch
if not torch.cuda.is_available():
    raise SystemExit(3)
x = torch.randn(64, 64, device="cuda")
rows = torch.arange(64, device="cuda")
assert torch.isfinite(torch.nn.functional.embedding_bag(rows, x, rows, mode="sum")).all()
names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
print(json.dumps({"devices": names, "bf16": torch.cuda.is_bf16_supported()}))
"""
_COMPILE = """
import torch
f = torch.compile(lambda x: (x * 2).sin().sum())
assert torch.isfinite(f(torch.ones(8)))
"""
_IGL = """
import meshkit
from meshkit.primitives import hemisphere
V, F = hemisphere(4)
assert len(meshkit.parameterize(V, F, method="slim").flips) == 0
"""
_OPENEXR = """
import tempfile, numpy as np, OpenEXR
with tempfile.TemporaryDirectory() as folder:
    path = folder + "/x.exr"
    header, channels = {"compression": OpenEXR.ZIP_COMPRESSION}, {"Y": np.ones((2, 2), np.float32)}
    OpenEXR.File(header, channels).write(path)
    with OpenEXR.File(path) as file:
        assert (file.channels()["Y"].pixels == 1).all()
"""
_H5PY = """
import h5py, numpy as np
with h5py.File("x", "w", driver="core", backing_store=False) as file:
    file.create_dataset("x", data=np.ones(9), compression="gzip")
    assert (file["x"][:] == 1).all()
"""
_ROBUST = """
import meshkit
from meshkit.primitives import hemisphere
assert meshkit.robust_laplacian(*hemisphere(3)).shape[0] > 0
"""
_OPEN3D = """
from meshkit.primitives import hemisphere
import meshkit
assert meshkit.render_mesh(*hemisphere(3), size=(16, 16), backend="open3d").max() > 0
"""
_PYTORCH3D = """
from meshkit.primitives import hemisphere
import meshkit
assert meshkit.render_mesh(*hemisphere(3), size=(16, 16), backend="pytorch3d").max() > 0
"""
_PARQUET = """
import io, pyarrow, pyarrow.parquet
file = io.BytesIO()
pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), file); file.seek(0)
assert pyarrow.parquet.read_table(file)["x"].to_pylist() == [1]
"""
_TENSORBOARD = """
import tempfile
from torch.utils.tensorboard import SummaryWriter
with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as board:
    board.add_scalar("x", 1.0, 1)
"""
_SAFETENSORS = """
import numpy as np
from safetensors.numpy import load, save
assert (load(save({"x": np.ones(3)}))["x"] == 1).all()
"""
_PLUGINS = """
from gan.plugins import KINDS, registry
rows = [row for kind in KINDS for row in registry(kind).listed()]
broken = [f"{row.name}: {row.problem}" for row in rows if row.problem]
assert not broken, "; ".join(broken)
"""


ABSENT = 3


class Probe(NamedTuple):
    """Something to try."""

    name: str
    package: str  # to import
    code: str
    use: str  # what it is for, and how to get it
    needed: bool = False


PROBES = (
    Probe("torch", "torch", _TORCH, "training: pip install 'meshkit-gan[gan]'", True),
    Probe("libigl", "igl", _IGL, "free-boundary maps: pip install libigl", True),
    Probe("OpenEXR", "OpenEXR", _OPENEXR, "images of floats: pip install OpenEXR", True),
    Probe("h5py", "h5py", _H5PY, "data sets: pip install 'meshkit-gan[gan]'", True),
    Probe("safetensors", "safetensors", _SAFETENSORS, "weights: 'meshkit-gan[gan]'", True),
    Probe("tensorboard", "tensorboard", _TENSORBOARD, "logs: 'meshkit-gan[gan]'", True),
    Probe("plug-ins", "pydantic", _PLUGINS, "what a configuration can name"),
    Probe("CUDA", "torch", _CUDA, "training on a GPU: a build of torch for CUDA, and a driver"),
    Probe("torch.compile", "torch", _COMPILE, "precision.compile: on a CPU, a C++ compiler"),
    Probe("robust_laplacian", "robust_laplacian", _ROBUST, "weights: pip install robust_laplacian"),
    Probe("pyarrow", "pyarrow", _PARQUET, "Parquet: pip install 'meshkit-gan[parquet]'"),
    Probe("onnx", "onnx", "import onnx.checker", "gan export: 'meshkit-gan[export]'"),
    Probe("av", "av", "import av; av.Codec('h264', 'w')", "MP4: 'meshkit-gan[video]'"),
    Probe("viser", "viser", "import viser", "gan view: pip install 'meshkit-gan[view]'"),
    Probe("open3d", "open3d", _OPEN3D, "scans, rays: pip install 'meshkit-gan[scan]'"),
    Probe("pytorch3d", "pytorch3d", _PYTORCH3D, "rendering on a GPU: see its own instructions"),
)


def choose_probes(names: Sequence[str]) -> tuple[Probe, ...]:
    """Return the probes of these names, whatever their case; all if none is named.

    Raises
    ------
    ValueError
        There is no probe of a name; the message lists them.
    """
    known = {probe.name.lower(): probe for probe in PROBES}
    for name in names:
        if name.lower() not in known:
            listed = ", ".join(probe.name for probe in PROBES)
            raise ValueError(f"{name!r} is none of what can be tried: {listed}")
    return tuple(known[name.lower()] for name in names) or PROBES


@dataclass(frozen=True)
class Finding:
    """What became of a probe: "works", "missing", "fails", "crashes" or "hangs"."""

    name: str
    state: str
    remark: str
    needed: bool
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"state": self.state, "remark": self.remark, "needed": self.needed, **self.facts}


def try_out(probe: Probe, timeout: float) -> Finding:
    """Run a probe in a process of its own, for so many seconds."""
    if find_spec(probe.package) is None:
        return Finding(probe.name, "missing", probe.use, probe.needed)
    # What this process can import, and nothing that lies in the current folder by chance.
    call = [sys.executable, "-P", "-c", probe.code]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        return Finding(probe.name, "hangs", f"no answer in {timeout:g} s", probe.needed)
    lines = done.stderr.strip().splitlines()
    if done.returncode < 0:
        number = -done.returncode
        said = f"killed by signal {number} ({signal.strsignal(number)})"
        return Finding(probe.name, "crashes", said, probe.needed)
    if done.returncode == ABSENT:
        return Finding(probe.name, "missing", probe.use, probe.needed)
    if done.returncode:
        said = lines[-1].removeprefix("AssertionError: ") if lines else "no message"
        return Finding(probe.name, "fails", f"{said} ({probe.use})", probe.needed)
    facts = json.loads(done.stdout) if done.stdout.strip() else {}
    return Finding(probe.name, "works", _words(facts), probe.needed, facts)


def _words(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def versions() -> dict[str, str]:
    """Return the versions of this project, of Python, and of what is tried."""
    from gan.provenance import provenance

    record = {**provenance(), "platform": platform.platform()}
    for name in ("libigl", "OpenEXR", "h5py", "safetensors", "open3d", "viser"):
        try:
            record[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return record


def describe_cache() -> dict[str, Any]:
    """Return the cache folder, the files and bytes in it, and the bytes free on its disk."""
    from gan.cache import cache_folder

    folder = cache_folder()
    sizes = [_size(path) for path in folder.rglob("*")]
    return {
        "folder": str(folder),
        "files": sum(size is not None for size in sizes),
        "bytes": sum(size or 0 for size in sizes),
        "free": shutil.disk_usage(folder).free,
    }


def _size(path: Path) -> int | None:
    """Return the bytes of a file; None for a folder and for what another process just removed."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
