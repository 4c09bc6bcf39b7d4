"""The guarantee at length: no flipped face and none without area, over many meshes and large ones.

Slow; each test prints how many it looked at (`pytest -m slow -s`).
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from meshkit.flattening.cut import cut_to_disk
from meshkit.io import load_mesh
from meshkit.param import flipped_faces, parameterize, zero_area_faces
from meshkit.primitives import grid, pretzel
from meshkit.topology import boundary_loops
from tests import meshes
from tests.reference import corners as slow

pytestmark = pytest.mark.slow


def sound(V: np.ndarray, F: np.ndarray, **options: object) -> str:
    """Flatten, look for flips, and return the weights that were used."""
    flat = parameterize(V, F, **options)
    assert flipped_faces(flat.UV, flat.F).size == zero_area_faces(flat.UV, flat.F).size == 0
    return flat.weights


def random_ict_faces(path, count: int) -> Iterator[np.ndarray]:
    """Draw identities as the model's authors do, and up to five of its expressions."""
    rng = np.random.default_rng(2019)
    with np.load(path) as model:
        mean, identity, expression = (model[k] for k in ("mean", "id_modes", "exp_modes"))
        names = model["exp_names"].tolist()
    jaw, close = names.index("jawOpen"), names.index("mouthClose")
    for _ in range(count):
        weights = np.zeros(len(names))
        chosen = rng.choice(len(names), rng.integers(0, 6), replace=False)
        weights[chosen] = rng.uniform(size=len(chosen))
        weights[close] = min(weights[close], weights[jaw])  # it tears the face up otherwise
        moved = np.tensordot(rng.normal(size=len(identity)), identity, 1)
        yield (mean + moved + np.tensordot(weights, expression, 1)).astype(np.float64)


def test_five_hundred_random_faces(faces):
    path = faces / "ict" / "ict_face.npz"
    with np.load(path) as model:
        F = model["faces"].astype(np.int64)
    used = Counter(sound(V, F, fill_holes=True) for V in random_ict_faces(path, 500))
    print(f"\n500 faces: {dict(used)}")
    assert used.total() == 500


@pytest.mark.parametrize("name", ["ict", "makehuman"])
@pytest.mark.parametrize("file", ["template.obj", "template_holes.obj"])
@pytest.mark.parametrize("boundary", ["square", "circle"])
def test_templates(faces, name, file, boundary):
    mesh = load_mesh(faces / name / file)
    for fill_holes in (False, True):
        sound(mesh.V, mesh.F, boundary=boundary, fill_holes=fill_holes)


@pytest.mark.parametrize("side", [30, 100, 316])
@pytest.mark.parametrize(
    ("squeeze", "noise"), [(1, 0.0), (1, 0.3), (1, 3.0), (1e-4, 0.0), (1e-4, 0.3), (1e-9, 0.01)]
)
def test_noisy_grids_and_grids_of_slivers(side, squeeze, noise):
    """Up to 10⁵ vertices; noise in edge lengths, x squeezed until faces are needles."""
    V, F = grid(side, side)
    V = V * [squeeze, 1, 1] + np.random.default_rng(side).normal(scale=noise / side, size=V.shape)
    for boundary in ("square", "circle"):
        print(f"\n{len(V)} vertices, {boundary}: {sound(V, F, boundary=boundary)}")


@settings(max_examples=1000, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(meshes.hard_disks())
def test_a_thousand_hard_disks(mesh):
    V, F = mesh
    outer = boundary_loops(F)[0]
    sound(V, F, boundary="circle")
    sound(V, F, boundary="circle", fill_holes=True)
    if len(outer) >= 4 and (len(outer) > 14 or slow.feasible(F, outer)):
        sound(V, F)


@pytest.mark.parametrize("genus", range(4))
@pytest.mark.parametrize("fineness", [1, 2, 4, 15])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_cut_surfaces_of_any_genus(genus, fineness, noise):
    """Up to genus 3 with more than 10⁵ faces; noise in edge lengths."""
    V, F = pretzel(genus, fineness)
    V = V + np.random.default_rng(genus).normal(scale=noise / fineness, size=V.shape)
    cut = cut_to_disk(V, F)
    for boundary in ("square", "circle"):
        print(f"\n{len(F)} faces, {boundary}: {sound(cut.V, cut.F, boundary=boundary)}")
