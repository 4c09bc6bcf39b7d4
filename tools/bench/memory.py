"""Peak memory of training against the number of faces: `python tools/bench/memory.py [N …]`.

Makes data sets of N faces of 22,000 vertices (264 KB each) in a temporary folder, and for each, in
a process of its own, prepares a training at 64 x 64 and runs two iterations of 32 faces. The file
of N = 3,000 has 0.8 GB; 30,000 faces have 8 GB, and the line through the rows says what they need.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from peak import _highest as highest

RINGS = 85  # 21,931 vertices
SUBJECTS, EXPRESSIONS, MODES, BLOCK = 150, 7, 40, 64
ITERATIONS = 2
OVERRIDES = [
    "mapping.size=64",
    "training.batch=32",
    "training.threads=2",
    f"training.iterations={ITERATIONS}",
]


def write_faces(path: Path, n: int) -> None:
    """Write n faces: random smooth modes and a little noise on a hemisphere of 200 mm."""
    from gan.datasets.store import write_dataset
    from meshkit.primitives import hemisphere

    V, F = hemisphere(RINGS)
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(MODES, 3)) * 4
    modes = np.sin(V @ waves.T + rng.uniform(0, 6, MODES)).T[:, :, None] * rng.normal(
        size=(MODES, 1, 3)
    )
    subject = np.arange(n) % SUBJECTS

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, n, BLOCK):
            k = min(BLOCK, n - start)
            amount = rng.normal(size=(k, MODES)).astype(np.float32)
            X = np.tensordot(amount, modes.astype(np.float32), axes=1) + np.float32(100) * V
            yield X.astype(np.float32) + rng.normal(size=X.shape, scale=0.02).astype(np.float32)

    write_dataset(
        path,
        faces=F,
        template=100 * V,
        labels={"identity": subject, "expression": np.arange(n) % EXPRESSIONS},
        names={
            "identity": [f"s{k}" for k in range(SUBJECTS)],
            "expression": [f"e{k}" for k in range(EXPRESSIONS)],
        },
        subject=subject,
        sequence=np.full(n, -1),
        frame=np.arange(n),
        split=np.zeros(n),
        vertices=blocks(),
        n=n,
        provenance={"source": "tools/bench/memory.py"},
    )


def measure(path: Path) -> None:
    """Print the peak in MiB after the imports, the preparation and the iterations, as JSON."""
    import torch

    from gan.config import load_config
    from gan.datasets.store import load_dataset
    from gan.training.problem import prepare
    from gan.training.state import build_state
    from gan.training.step import iterate

    config = load_config(preset="paper", overrides=OVERRIDES)
    torch.set_num_threads(config.training.threads or 1)
    peaks = {"imports": highest()}
    with load_dataset(path) as dataset:
        problem = prepare(dataset, config, torch.device("cpu"))
        peaks["prepare"] = highest()
        state = build_state(config, problem, torch.device("cpu"))
        peaks["build"] = highest()
        for _ in range(ITERATIONS):
            iterate(state)
            state.step += 1
        peaks["iterate"] = highest()
    print(json.dumps(peaks))


def main() -> None:
    """Measure the numbers of faces that are named."""
    numbers = [int(x) for x in sys.argv[1:]] or [500, 3000]
    print(f"{'faces':>7} {'file':>9}   peak MiB after imports, prepare, build, iterate")
    for n in numbers:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "faces.h5"
            write_faces(path, n)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", str(path)],
                env={**os.environ, "MESHKIT_GAN_CACHE": name},
                capture_output=True,
                text=True,
                check=True,
            )
            peaks = " ".join(f"{x:8.0f}" for x in json.loads(done.stdout).values())
            print(f"{n:7,} {path.stat().st_size / 2**20:6.0f} MiB {peaks}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main()
