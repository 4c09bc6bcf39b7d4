"""Draw what each code of a run changes: `python tools/draw_factors.py RUN OUT.png`.

One row a factor: its code changes along the row, every other code is the same in the whole picture.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from small_png import save_small

import gan
from meshkit.render import contact_sheet, frame_of, render_mesh

COLUMNS, TILE = 7, (230, 190)


def main(run: Path, out: Path, seed: int = 2) -> None:
    model = gan.load_model(run).to("cpu")
    rng = torch.Generator().manual_seed(seed)
    base = model.sample_codes(1, rng=rng)
    for factor in model.factors:  # at rest but for who it is
        for name in {"neutral", "rest"} & set(factor.classes):
            base[factor.name] = model.codes[factor.name][[factor.classes.index(name)]]
    rows, captions = [], []
    for factor in model.factors:
        n = len(factor.classes)
        labelled = n <= 20
        shown = np.linspace(0, n - 1, min(n, COLUMNS)).astype(int)
        own = model.codes[factor.name][shown]
        if not labelled:
            own = model.sample_codes(COLUMNS, rng=rng)[factor.name]
        codes = {name: code.expand(len(own), -1) for name, code in base.items()}
        with torch.no_grad():
            rows.append(model.decode({**codes, factor.name: own}).double().numpy())
        captions += [
            factor.classes[shown[k]] if labelled else f"{factor.name} {k + 1}"
            for k in range(len(own))
        ]
    if any(len(row) != COLUMNS for row in rows):
        raise SystemExit(f"a factor has fewer than {COLUMNS} classes")
    X, F = np.concatenate(rows), model.faces.numpy()
    frame = frame_of(X, size=TILE)
    tiles = [render_mesh(V, F, size=TILE, frame=frame) for V in X]
    save_small(out, contact_sheet(tiles, COLUMNS, captions))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
