"""What a run writes while it goes, beside its log: pictures."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from gan.datasets.store import Dataset
from gan.training.state import TrainState
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

COLUMNS = 8


class Shown(NamedTuple):
    """The faces of one picture."""

    step: int
    real: Float[np.ndarray, "r V 3"]
    generated: Float[np.ndarray, "g V 3"]


def faces_of_progress(state: TrainState, dataset: Dataset) -> Shown:
    """Return eight real faces and sixteen generated ones.

    The codes are the same in every picture of a run, so that the pictures make a film.
    """
    model = state.face_model().to("cpu")
    rng = torch.Generator().manual_seed(state.config.training.seed)
    generated = model.decode(model.sample_codes(2 * COLUMNS, rng=rng)).numpy()
    spread = np.linspace(0, len(state.problem.indices) - 1, COLUMNS).astype(int)
    return Shown(state.step, dataset.vertices(np.unique(state.problem.indices[spread])), generated)


def draw_progress(shown: Shown, dataset: Dataset, run: Path) -> np.ndarray:
    """Draw real faces above generated ones into `pictures/`; return the picture."""
    template = dataset.template.astype(np.float64)
    frame = frame_of(template)
    tiles = [
        render_mesh(V.astype(np.float64), dataset.faces, size=(192, 160), frame=frame)
        for V in (*shown.real, *shown.generated)
    ]
    labels = ["real"] * len(shown.real) + ["generated"] * len(shown.generated)
    sheet = contact_sheet(tiles, COLUMNS, labels=labels)
    folder = run / "pictures"
    folder.mkdir(exist_ok=True)
    save_png(folder / f"step-{shown.step:06d}.png", sheet)
    return sheet
