"""What a run writes while it goes, beside its log: pictures."""

from pathlib import Path

import numpy as np
import torch

from gan.datasets.store import Dataset
from gan.training.state import TrainState
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

COLUMNS = 8


def draw_progress(state: TrainState, dataset: Dataset, run: Path) -> np.ndarray:
    """Draw eight real faces above sixteen generated ones into `pictures/`; return the picture.

    The codes are the same in every picture of a run, so that the pictures make a film.
    """
    model = state.face_model().to("cpu")
    rng = torch.Generator().manual_seed(state.config.training.seed)
    generated = model.decode(model.sample_codes(2 * COLUMNS, rng=rng)).numpy()
    spread = np.linspace(0, len(state.problem.indices) - 1, COLUMNS).astype(int)
    real = dataset.vertices(np.unique(state.problem.indices[spread]))
    frame = frame_of(state.problem.template)
    tiles = [
        render_mesh(V.astype(np.float64), state.problem.faces, size=(192, 160), frame=frame)
        for V in (*real, *generated)
    ]
    labels = ["real"] * len(real) + ["generated"] * len(generated)
    sheet = contact_sheet(tiles, COLUMNS, labels=labels)
    folder = run / "pictures"
    folder.mkdir(exist_ok=True)
    save_png(folder / f"step-{state.step:06d}.png", sheet)
    return sheet
