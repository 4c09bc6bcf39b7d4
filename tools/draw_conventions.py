"""Draw docs/pictures/conventions.png: what calls to meshkit do with corners, rows and axes.

Run from the root of the repository: python tools/draw_conventions.py
Nothing is drawn by hand that a call can say: corners, order of the border, texel centres and their
weights, rows of the array and of the PNG file, and the axes come from meshkit's results.
"""

import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

import meshkit
from gan.datasets.procedural import ProceduralHead
from meshkit.files import atomic_path
from meshkit.images.image_files import save_image_file
from meshkit.images.png16 import read_png16
from meshkit.rendering.camera import Camera, Frame, frame_of, rotation_of

matplotlib.use("Agg")
from matplotlib import pyplot as plt

OUT = Path("docs/pictures/conventions.png")
INK, ACCENT = "#222222", "#c2410c"
AXES = {"x": "#c22020", "y": "#178236", "z": "#1d4ed8"}
VIEW = (360, 330)  # of a face, in pixels
SIZE = 16  # of the geometry image, in texels
LENGTH = 60.0  # mm, of an axis


def main() -> None:
    """Draw and write the picture."""
    head = ProceduralHead()
    figure, axes = plt.subplots(2, 3, figsize=(12.6, 8.6), dpi=82, layout="constrained")
    V, F = head.template, head.faces
    flat = meshkit.parameterize(V, F, fill_holes=True)
    _square(axes[0, 0], V, F, flat.UV)
    _texels(axes[0, 1])
    _weights(axes[0, 2])
    _rows(axes[1, 0], axes[1, 1], V, flat)
    _face(axes[1, 2], V, F)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]
    plt.close(figure)
    # Full colour, for a palette joins texels; of 5 bits a channel, for the size of the file.
    coarse = (np.round(picture / 255 * 31) * 255 / 31).round().astype(np.uint8)
    with atomic_path(OUT) as aside:
        Image.fromarray(coarse).save(aside, format="PNG", optimize=True)
    print(OUT)


def _square(ax: Axes, V: np.ndarray, F: np.ndarray, UV: np.ndarray) -> None:
    """Draw the border in the order of the loop: from its smallest index, with the faces."""
    ax.triplot(UV[:, 0], UV[:, 1], F, color="#9aa4b2", linewidth=0.3)
    loop = meshkit.boundary_loops(F)[0]
    border = UV[loop]
    ax.scatter(border[:, 0], border[:, 1], c=np.arange(len(loop)), cmap="viridis", s=9, zorder=3)
    corner = [int(np.flatnonzero((border == c).all(axis=1))[0]) for c in _UNIT]
    for number, (k, at) in enumerate(zip(corner, _UNIT, strict=True)):
        u, v = at
        ax.annotate(
            f"corner {number}\nvertex {loop[k]}",
            at,
            xytext=(u + (0.16 if u == 0 else -0.16), v + (0.12 if v == 0 else -0.12)),
            ha="center",
            va="center",
            color=ACCENT,
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            arrowprops={"arrowstyle": "-", "color": ACCENT},
        )
    for a, b in zip(corner, np.roll(corner, -1), strict=True):
        steps = (b - a) % len(loop)
        ends = border[[(a + steps // 2) % len(loop), (a + steps // 2 + 6) % len(loop)]]
        ax.annotate(
            "",
            ends[1],
            xytext=ends[0],
            arrowprops={"arrowstyle": "-|>", "color": ACCENT, "linewidth": 2.5},
        )
    ax.plot(*border[0], "o", color=ACCENT, markersize=7, zorder=4)
    ax.annotate(
        f"loop[0] = {loop[0]},\nthe smallest index",
        border[0],
        xytext=border[0] * 0.55 + 0.225,
        ha="center",
        fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
        arrowprops={"arrowstyle": "-", "color": INK},
    )
    _frame(ax, "UV: u to the viewer's right, v up; the border counter-clockwise")


_UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _texels(ax: Axes) -> None:
    """Draw the centres of a raster where its own weights say that they lie."""
    H, W = 4, 6
    UV, F = _UNIT, np.array([[0, 1, 2], [0, 2, 3]])
    raster = meshkit.rasterize_uv(UV, F, (H, W))
    centre = np.einsum("hwk,hwkd->hwd", raster.bary, UV[F][raster.face_index])
    for row in range(H):
        for col in range(W):
            u, v = centre[row, col]
            face = raster.face_index[row, col]
            ax.fill(
                u + np.array([-1, 1, 1, -1]) / 2 / W,
                v + np.array([-1, -1, 1, 1]) / 2 / H,
                color=("#dbeafe", "#fef3c7")[face],
                edgecolor="white",
            )
            ax.plot(u, v, ".", color=INK, markersize=4)
            ax.text(u, v + 0.03, f"[{row}, {col}]", ha="center", fontsize=8.5)
    ax.plot([0, 1], [0, 1], color="#64748b", linewidth=1)
    ax.text(0.985, 0.03, "face 0", ha="right", fontsize=9, color="#1d4ed8")
    ax.text(0.015, 0.993, "face 1", va="top", fontsize=9, color="#a16207")
    u, v = centre[1, 4]
    ax.plot(u, v, "o", color=ACCENT, markersize=9, fillstyle="none", markeredgewidth=1.5)
    _frame(
        ax,
        f"texels [row, col] of a ({H}, {W}) raster: row 0 is v = 0\n"
        f"u = (4 + 0.5) / {W} = {u:.3f}, v = (1 + 0.5) / {H} = {v:.3f}",
    )


def _weights(ax: Axes) -> None:
    """Colour the texels of one face by its weights: red, green, blue for corners 0, 1, 2."""
    UV = np.array([[0.08, 0.1], [0.94, 0.26], [0.38, 0.93]])
    F = np.array([[0, 1, 2]])
    raster = meshkit.rasterize_uv(UV, F, (24, 24))
    colors = np.where((raster.face_index >= 0)[..., None], raster.bary, 1.0)
    ax.imshow(colors, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")
    ax.fill(*UV[F[0]].T, fill=False, edgecolor=INK)
    for k, (u, v) in enumerate(UV[F[0]]):
        weights = np.eye(3, dtype=int)[k]
        ax.annotate(
            f"F[0, {k}]: {', '.join(map(str, weights))}",
            (u, v),
            xytext=((0, -13), (0, -30), (0, 5))[k],
            textcoords="offset points",
            ha=("left", "right", "center")[k],
            fontsize=9.5,
        )
    _frame(
        ax, "bary, in corner order of F; counter-clockwise\nfaces look at you; outside: −1 and 0"
    )


def _rows(array: Axes, file: Axes, V: np.ndarray, flat: meshkit.Parameterization) -> None:
    """Draw a geometry image as it lies in memory, and as a PNG that was written and read."""
    raster = meshkit.rasterize_uv(flat.UV, flat.F, (SIZE, SIZE))
    image = meshkit.geometry_image(V, flat.F, raster)
    low, high = V.min(axis=0), V.max(axis=0)
    shown = np.clip((image - low) / (high - low), 0, 1)
    array.imshow(shown, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")
    array.set_ylabel("v = row of the array upwards")
    _frame(
        array, "geometry image: x, y, z as red, green, blue;\nimage[0] is the lowest line, the chin"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.png"
        save_image_file(path, image, raster.face_index >= 0)
        codes = read_png16(path)[0]
    file.set_title(
        "the same as PNG or EXR: the writer flips,\nso that viewers show v upwards", fontsize=10
    )
    file.imshow(codes / 65535.0, origin="upper", interpolation="nearest")
    last = SIZE - 1
    file.set(xticks=[], yticks=[0, last], xlabel="column")
    file.set_yticklabels([f"line 0 =\nimage[{last}]", f"line {last} =\nimage[0]"])


def _face(ax: Axes, V: np.ndarray, F: np.ndarray) -> None:
    """Draw a face from front and side with gan's axes, by the renderer's own camera."""
    origin = np.array([*V[:, :2].mean(axis=0), V[:, 2].max()])
    tips = origin + LENGTH * np.eye(3)
    H, W = VIEW
    tiles = []
    for view in ("front", "three-quarter"):
        frame: Frame = frame_of(np.concatenate([V, tips]), view=view, size=VIEW)
        tiles.append(
            meshkit.render_mesh(V, F, size=VIEW, view=view, frame=frame, background=(255, 255, 255))
        )
        camera = Camera(rotation_of(view), frame, None, H, W)
        points = camera.project(np.concatenate([[origin], tips]))[0][:, :2]
        points[:, 0] += W * (len(tiles) - 1)
        for (name, color), tip in zip(AXES.items(), points[1:], strict=True):
            if np.linalg.norm(tip - points[0]) < 1:  # it points at the viewer
                ax.plot(*tip, "o", color=color, markersize=11, fillstyle="none", markeredgewidth=2)
                ax.plot(*tip, ".", color=color, markersize=5)
                ax.text(tip[0] - 34, tip[1] + 26, name, color=color, fontsize=12, weight="bold")
                continue
            ax.annotate(
                "",
                tip,
                xytext=points[0],
                arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2},
            )
            at = tip + (tip - points[0]) / np.linalg.norm(tip - points[0]) * 14
            ax.text(
                at[0],
                at[1],
                name,
                color=color,
                fontsize=12,
                weight="bold",
                ha="center",
                va="center",
            )
    ax.imshow(np.concatenate(tiles, axis=1))
    ax.set_title(
        f"gan: right-handed, mm (arrows: {LENGTH:.0f} mm); x to the\n"
        "subject's left = your right, y up, z to you",
        fontsize=10,
    )
    ax.set(xticks=[], yticks=[])


def _frame(ax: Axes, title: str) -> None:
    """Show the unit square with its axes."""
    ax.set_title(title, fontsize=10)
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 1], yticks=[0, 1], aspect="equal")
    ax.set_xlabel("u", labelpad=-8)
    if not ax.get_ylabel():
        ax.set_ylabel("v", labelpad=-8, rotation=0)


if __name__ == "__main__":
    main()
