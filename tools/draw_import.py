"""Draw docs/pictures/import.png: the page about an import of made-up meshes. Needs Chromium."""

import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from gan.cli import main as gan
from gan.datasets.procedural import ProceduralHead
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style
from gan.datasets.source import translate_units
from meshkit.io import save_mesh
from meshkit.mesh import Mesh

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "import.png"
PEOPLE, SHOWN = 12, EMOTIONS[:4]
WINDOW, WIDTH, COLORS = (1180, 2760), 800, 256


def write_meshes(folder: Path) -> Path:
    """Write posed heads in cm, one with a spike and one in another size; return the manifest."""
    head, rng, rows = ProceduralHead(), np.random.default_rng(4), []
    for person in range(PEOPLE):
        identity, style = head.sample_identity(rng), sample_style(rng)
        for k, emotion in enumerate(SHOWN):
            units = emotion_units(emotion, 0.9, style)
            V = head.shape(identity, translate_units(units, head.controls)) / 10
            if (person, k) == (5, 1):
                V[len(V) // 2] += (0, 0, 6)
            if (person, k) == (9, 3):
                V = 1.3 * V
            if person or k:
                turn = Rotation.from_rotvec(0.2 * rng.normal(size=3)).as_matrix()
                V = V @ turn.T + 10 * rng.normal(size=3)
            path = f"person{person:02d}/{emotion}.obj"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            save_mesh(folder / path, Mesh(V, head.faces))
            rows.append((path, f"person{person:02d}", emotion))
    manifest = folder / "meshes.csv"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "subject", "expression"), *rows])
    return manifest


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest, page, shot = write_meshes(folder), folder / "qa.html", folder / "shot.png"
        command = ["data", "import", str(folder), "--manifest", str(manifest), "--jobs", "1"]
        command += ["-o", str(folder / "faces.h5"), "--report", str(page)]
        gan(command, standalone_mode=False)
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--hide-scrollbars",
        ]
        options += ["--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
        options += [f"--window-size={WINDOW[0]},{WINDOW[1]}", f"--screenshot={shot}"]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)
        with Image.open(shot) as picture:
            height = round(picture.height * WIDTH / picture.width)
            small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        small.quantize(COLORS).save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
