"""A tour of meshkit: mesh, map, image and back; operators, seams, registration, torch.

    python docs/tour.py FOLDER [MESH]

Each chapter stands alone, prints what it found, and leaves its pictures in FOLDER. MESH is any
bordered triangle mesh; without one the embedded head is taken (millimetres, y up, looking to +z).
docs/reference/ has the conventions and, in gallery.md, one picture for every function.
"""

import sys
from pathlib import Path

import numpy as np

import meshkit
from gan.datasets.procedural import ProceduralHead
from meshkit.primitives import pretzel


def look_at_a_mesh(mesh: meshkit.Mesh, folder: Path) -> None:
    """A mesh is arrays, V (n, 3) and F (m, 3); the doctor says what it is and lacks."""
    diagnosis = meshkit.diagnose(mesh.V, mesh.F)
    print(f"{diagnosis.vertices} vertices, {diagnosis.faces} faces, {diagnosis.components} part(s)")
    print(f"borders of {list(diagnosis.loops)} vertices; usable: {not diagnosis.errors}")
    for finding in diagnosis.findings:
        print(f"  {finding.severity}: {finding.message}")
    meshkit.save_png(folder / "mesh.png", meshkit.render_mesh(mesh.V, mesh.F))


def flatten(mesh: meshkit.Mesh, folder: Path) -> meshkit.Parameterization:
    """To the unit square, border to border. No face is flipped, or an error says why."""
    flat = meshkit.parameterize(mesh.V, mesh.F, fill_holes=True)
    print(
        f"{flat.weights} weights, {len(flat.flips)} flips; {flat.fill_mask.sum()} faces fill holes"
    )
    print(f"area distortion: median {np.median(flat.distortion.area):.2f} (1: none)")
    checker = meshkit.render_mesh(mesh.V, mesh.F, mode="uv-checker", UV=flat.UV)
    meshkit.save_png(folder / "checker.png", checker)
    meshkit.save_mesh(folder / "flat.obj", meshkit.Mesh(mesh.V, mesh.F, UV=flat.UV))
    return flat


def to_image_and_back(mesh: meshkit.Mesh, flat: meshkit.Parameterization, folder: Path) -> None:
    """A raster knows the face under each texel and where in it; an image is positions at texels."""
    for n in (32, 128):
        raster = meshkit.rasterize_uv(flat.UV, flat.F, (n, n))
        image = meshkit.geometry_image(mesh.V, flat.F, raster)  # (n, n, 3); row 0 is v = 0
        back = meshkit.mesh_from_image(image, flat.UV)
        off = np.linalg.norm(back - mesh.V, axis=1)
        seen = meshkit.vertices_seen(flat.F, raster, len(mesh.V))
        print(f"{n} × {n}: sees {seen:.0%} of the vertices; round trip off by {off.mean():.3f}")
    shades = (image - image.min((0, 1))) / np.ptp(image, axis=(0, 1))
    meshkit.save_png(folder / "image.png", (255 * shades[::-1]).astype(np.uint8))


def shake_and_walk(mesh: meshkit.Mesh, folder: Path) -> None:
    """The Laplacian, its lowest modes of vibration, and distances along the surface."""
    L, mass = meshkit.cotangent_laplacian(mesh.V, mesh.F), meshkit.lumped_mass(mesh.V, mesh.F)
    print(f"rows sum to {abs(L.sum(axis=1)).max():.0e}; the surface measures {mass.sum():.0f}")
    modes = meshkit.eigenpairs(meshkit.delaunay_laplacian(mesh.V, mesh.F), mass, 6)
    print(f"lowest eigenvalues {np.array2string(modes.values, precision=5, suppress_small=True)}")
    tip = int(mesh.V[:, 2].argmax())
    distance = meshkit.geodesic_distance(mesh.V, mesh.F, tip)
    print(f"from the tip (vertex {tip}) the farthest vertex is {distance.max():.0f} away")
    look = {"mode": "scalar", "size": (200, 160)}
    fields = [*modes.vectors.T[1:5], distance]
    tiles = [meshkit.render_mesh(mesh.V, mesh.F, field=field, **look) for field in fields]
    labels = [*(f"mode {k}" for k in range(1, 5)), "distance"]
    meshkit.save_png(folder / "fields.png", meshkit.contact_sheet(tiles, 5, labels))


def open_a_closed_surface(folder: Path) -> None:
    """No border, two handles: cut along a short seam, and flattened like any disk."""
    V, F = pretzel(2, 3)
    cut = meshkit.cut_to_disk(V, F)
    flat = meshkit.parameterize(cut.V, cut.F)
    print(f"{len(F)} faces open along {len(cut.seam)} edges; {len(flat.flips)} flips in the map")
    whole = meshkit.seam_uv(meshkit.Mesh(V, F), cut, flat.UV)  # the vertices are the old ones
    meshkit.save_mesh(folder / "pretzel.obj", whole)


def fit_a_scan(mesh: meshkit.Mesh, folder: Path) -> None:
    """A scan has other vertices, another place, noise and holes; the template is bent onto it."""
    rng = np.random.default_rng(0)
    sag = 0.06 * np.ptp(mesh.V) * np.cos(mesh.V[:, :1] / np.ptp(mesh.V) * 4) * [0, -1, 0.5]
    bent = mesh.V + sag
    turn = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
    noise = rng.normal(scale=0.001 * np.ptp(mesh.V), size=mesh.V.shape)
    kept = rng.permutation(len(mesh.F))[: len(mesh.F) * 19 // 20]
    scan = meshkit.Target((bent + noise) @ turn.T, mesh.F[kept])
    marked = rng.choice(len(mesh.V), 8, replace=False)  # in earnest: the corners of eyes and mouth
    marks = meshkit.vertex_landmarks(marked, bent[marked] @ turn.T, len(mesh.V))
    pose = meshkit.find_start(mesh.V, mesh.F, scan, marks)
    fast = meshkit.FitOptions(steps=6)  # the default of 15 fits better
    fit = meshkit.fit_template(mesh.V, mesh.F, scan, marks, pose=pose, options=fast)
    before = np.linalg.norm(pose.apply(mesh.V) - bent @ turn.T, axis=1).mean()
    after = np.linalg.norm(fit.V - bent @ turn.T, axis=1).mean()
    print(f"corresponding vertices are off by {before:.2f} when placed, {after:.2f} when bent")
    tiles = [meshkit.render_mesh(X @ turn, mesh.F) for X in (pose.apply(mesh.V), scan.V, fit.V)]
    sheet = meshkit.contact_sheet(tiles, 3, ["template", "scan", "fit"])
    meshkit.save_png(folder / "fit.png", sheet)


def turn_around(mesh: meshkit.Mesh, folder: Path) -> None:
    """Pictures: shaded, normals, edges, checker, fields; stills, sheets and animations."""
    views = meshkit.turntable_views(12)
    stills = [
        meshkit.render_mesh(mesh.V, mesh.F, size=(160, 160), view=view, samples=1) for view in views
    ]
    loop = meshkit.save_gif(folder / "turn.gif", stills, seconds=2.0)
    print(f"{len(stills)} views in a loop of {loop:.2f} seconds")


def learn(mesh: meshkit.Mesh, flat: meshkit.Parameterization) -> None:
    """In torch the mapping and the Laplacian are frozen sparse layers, differentiable twice."""
    try:
        import torch
    except ModuleNotFoundError:
        print("torch is not installed: pip install 'meshkit-gan[torch]'")
        return
    from meshkit.nn import GeometryMapping, LaplacianEnergy

    raster = meshkit.rasterize_uv(flat.UV, flat.F, (64, 64))
    mapping = GeometryMapping(flat.F, raster, len(mesh.V))  # (B, n, 3) -> (B, 3, 64, 64)
    energy = LaplacianEnergy(mesh.V, mesh.F)  # (B, n, 3) -> (B,)
    V = torch.tensor(mesh.V, dtype=torch.float32)[None]
    wanted = mapping(V)
    X = (V + torch.randn(V.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    optimizer = torch.optim.Adam([X], lr=0.1)
    for step in range(101):
        off = (mapping(X) - wanted).square().mean()
        if step % 50 == 0:
            print(f"step {step}: image off by {off.sqrt():.3f}, energy {energy(X - V).item():.3g}")
        optimizer.zero_grad()
        (off + 1e-4 * energy(X - V).mean()).backward()
        optimizer.step()


def main(folder: Path, path: Path | None = None) -> None:
    """Go through all chapters."""
    folder.mkdir(parents=True, exist_ok=True)
    head = ProceduralHead()
    mesh = meshkit.load_mesh(path) if path else meshkit.Mesh(head.template, head.faces)
    look_at_a_mesh(mesh, folder)
    flat = flatten(mesh, folder)
    to_image_and_back(mesh, flat, folder)
    shake_and_walk(mesh, folder)
    open_a_closed_surface(folder)
    fit_a_scan(mesh, folder)
    turn_around(mesh, folder)
    learn(mesh, flat)
    print(f"pictures and meshes: {folder}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python docs/tour.py FOLDER [MESH]")
    main(*map(Path, sys.argv[1:]))
