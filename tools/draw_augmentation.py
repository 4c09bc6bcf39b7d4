"""Draw docs/pictures/augmentation.png: one embedded head under each change of its geometry image.

Above, the image that the discriminator sees (differences from the mean face); below, the face that
it would be. Run from the root of the repository: python tools/draw_augmentation.py
"""

from pathlib import Path

import numpy as np
import torch

from gan.datasets.procedural import ProceduralHead
from gan.datasets.recipes import emotion_units
from gan.datasets.source import translate_units
from gan.sections import AugmentationConfig
from gan.training import augmentation
from meshkit.geometry_image import mesh_from_image
from meshkit.param import parameterize
from meshkit.raster import raster_matrix, rasterize_uv
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

OUT = Path("docs/pictures/augmentation.png")
KINDS = ("TURN", "SCALE", "TRANSLATION", "FIELD", "SHIFT", "PATCH")
NAMES = ("as it is", "turned", "scaled", "moved", "bent", "slid", "patched", "all at once")
N, HEADS, STRENGTH, SIZE = 64, 60, 2.0, (150, 126)


def main() -> None:
    head = ProceduralHead()
    rng = np.random.default_rng(4)
    rest = head.shape(head.sample_identity(rng), dict.fromkeys(head.controls, 0.0))
    units = [emotion_units(name, 0.9) for name in ("neutral", "happy", "surprise")]
    faces = np.stack(
        [
            head.shape(head.sample_identity(rng), translate_units(units[k % 3], head.controls))
            for k in range(HEADS)
        ]
    )
    flat = parameterize(rest, head.faces, fill_holes=True)
    S = raster_matrix(flat.F, rasterize_uv(flat.UV, flat.F, (N, N)), len(rest))
    images = np.stack([(S @ V).T.reshape(3, N, N) for V in faces])
    mean = images.mean(axis=0)
    deviation = float((images - mean).std())
    shown = torch.from_numpy((images[1] - mean) / deviation).float()
    sizes = {kind: getattr(augmentation, kind) for kind in KINDS}
    tops, bottoms = [], []
    for left in ((), *((kind,) for kind in KINDS), KINDS):
        for kind in KINDS:
            setattr(augmentation, kind, sizes[kind] if kind in left else 0.0)
        changed = change(shown, torch.from_numpy(mean).float(), deviation)
        tops.append(as_picture(changed))
        move = deviation * (changed - shown).permute(1, 2, 0).numpy().astype(np.float64)
        bottoms.append(faces[1] + mesh_from_image(move, flat.UV))
    frame = frame_of(np.stack(bottoms), size=SIZE)
    rendered = [render_mesh(V, head.faces, size=SIZE, frame=frame) for V in bottoms]
    save_png(OUT, contact_sheet([*tops, *rendered], len(NAMES), [*[""] * len(NAMES), *NAMES]))


def change(image: torch.Tensor, mean: torch.Tensor, deviation: float) -> torch.Tensor:
    settings = AugmentationConfig(name="fixed", p=1.0, strength=STRENGTH)
    changes = augmentation.Augmentation(settings, mean, deviation)
    changed: torch.Tensor = changes(image[None], rng=torch.Generator().manual_seed(2))
    return changed[0]


def as_picture(image: torch.Tensor) -> np.ndarray:
    """Return red, green, blue for x, y, z, the mean face grey, in a tile of SIZE."""
    pixels = (127.5 + 40 * image.permute(1, 2, 0).numpy()).clip(0, 255).astype(np.uint8)
    side = SIZE[1]
    rows = np.arange(side) * N // side
    tile = np.full((*SIZE, 3), 250, dtype=np.uint8)
    top = (SIZE[0] - side) // 2
    tile[top : top + side] = pixels[::-1][np.ix_(rows, rows)]  # v upwards
    return tile


if __name__ == "__main__":
    main()
