"""Draw random faces of trained runs, a row each: `python tools/draw_baselines.py RUN… OUT.png`."""

import sys
from pathlib import Path

import numpy as np
import torch
from small_png import save_small

from gan.runs.checkpoints import load_model
from meshkit.render import contact_sheet, frame_of, render_mesh

COLUMNS, SIZE = 7, (180, 150)


def main(runs: list[str], out: str) -> None:
    tiles = []
    for run in runs:
        model = load_model(run).to("cpu")
        with torch.no_grad():
            X = model.sample(COLUMNS, rng=torch.Generator().manual_seed(4)).double().numpy()
        faces, frame = model.faces.numpy().astype(np.int64), frame_of(X, size=SIZE)
        tiles += [render_mesh(V, faces, size=SIZE, frame=frame) for V in X]
    save_small(Path(out), contact_sheet(tiles, COLUMNS))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1:-1], sys.argv[-1])
