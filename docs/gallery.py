"""One small picture for each function of meshkit that has something to show.

`tools/draw_gallery.py` runs this file cell by cell and saves each `picture`; the gallery page shows
each cell beside its picture.
"""

import numpy as np

import meshkit
from gan.datasets.procedural import ProceduralHead  # any mesh will do: meshkit.load_mesh(path)
from meshkit.primitives import grid, hemisphere, pretzel

head = ProceduralHead()
V, F = head.template, head.faces  # mm; three holes
rng = np.random.default_rng(1)
smiling = {"AU12_L": 0.7, "AU12_R": 0.7}
other = head.shape(0.8 * head.sample_identity(rng), smiling)  # another person
flat = meshkit.parameterize(V, F, fill_holes=True)
raster = meshkit.rasterize_uv(flat.UV, flat.F, (60, 60))
loop = flat.loops[0]
tilt = meshkit.turntable_views(1, 20.0, 10.0)[0]
angle = np.arange(5) * 2 * np.pi / 5
pentagon = 0.5 + np.stack([np.cos(angle), np.sin(angle)], axis=1) / 2
square, corners = grid(3, 3)
dome, dome_faces = hemisphere(5)
tints = rng.uniform(size=(2 * len(F), 3))  # a colour for each face
tints[-1] = 0  # and for none


def draw(V, F, **look):
    """Draw a mesh."""
    return meshkit.render_mesh(V, F, size=(180, 150), **look)


def field(values, **look):
    """Draw the head, coloured by numbers at vertices or faces."""
    return draw(V, F, mode="scalar", field=np.asarray(values, dtype=float), **look)


def plane(UV, F, **look):
    """Draw a map from above; the head's in the colours of its normals."""
    if len(UV) == len(V) and "mode" not in look:
        look["colors"] = meshkit.vertex_normals(V, F) / 2 + 0.5
    square = meshkit.frame_of(np.array([[0.0, 0, 0], [1, 1, 0]]), size=(180, 180))
    points = np.pad(UV, ((0, 0), (0, 1)))
    return meshkit.render_mesh(points, F, size=(180, 180), frame=square, **look)


def wires(V, F):
    """Draw the edges of a mesh."""
    return meshkit.render_mesh(V, F, size=(180, 180), mode="wireframe")


def pixels(image):
    """Enlarge an image, v upwards, its values from darkest to lightest."""
    image = np.nan_to_num(np.atleast_3d(image).astype(float))
    low, high = image.min(axis=(0, 1)), image.max(axis=(0, 1))
    scaled = (255 * (image - low) / np.where(high > low, high - low, 1)).astype(np.uint8)[::-1]
    k = 180 // len(image)
    return np.broadcast_to(scaled, (*scaled.shape[:2], 3)).repeat(k, axis=0).repeat(k, axis=1)


def pair(before, after):
    """Put two pictures side by side."""
    return meshkit.contact_sheet([before, after], 2)


def both(V, F, W, G):
    """Draw two meshes in one picture: clay and blue."""
    colors = np.repeat([[0.78, 0.62, 0.52], [0.35, 0.5, 0.8]], [len(V), len(W)], axis=0)
    return draw(np.concatenate([V, W]), np.concatenate([F, G + len(V)]), colors=colors)


# %% [section] Borders of a mesh

# %% boundary_loop: The only border of a disk, in order.
border = np.isin(F, meshkit.boundary_loop(flat.F)).any(axis=1)  # faces at it
picture = plane(flat.UV, F, mode="scalar", field=border.astype(float))

# %% boundary_loops: All borders, longest first.
at = [np.isin(F, loop).any(axis=1) for loop in meshkit.boundary_loops(F)]
picture = plane(flat.UV, F, mode="scalar", field=np.array([4.0, 3.0, 2.0, 1.0]) @ at)

# %% [section] Laplacians and operators

# %% cotangent_laplacian: Weak form; over the mass and applied to positions, it is twice the mean
# curvature.
L, mass = meshkit.cotangent_laplacian(V, F), meshkit.lumped_mass(V, F)
picture = field(np.linalg.norm(L @ V, axis=1) / mass, limits=(0.0, 0.2))

# %% uniform_laplacian: Combinatorial: where it differs from zero on a surface, vertices are
# spaced unevenly.
L_uniform = meshkit.uniform_laplacian(V, F)
picture = field(np.linalg.norm(L_uniform @ V, axis=1), limits=(0.0, 15.0))

# %% mean_value_laplacian: Positive weights on every mesh, but not symmetric: here by how much.
L_mean = meshkit.mean_value_laplacian(V, F)
picture = field(abs(L_mean - L_mean.T).sum(axis=1))

# %% delaunay_laplacian: Cotangents of the intrinsic Delaunay triangulation; here where it differs
# from those of the mesh.
L_delaunay = meshkit.delaunay_laplacian(V, F)
picture = field(np.abs(L_delaunay - L).sum(axis=1), limits=(0.0, 1.0))

# %% intrinsic_delaunay: The triangulation itself: edges flipped without moving the surface.
triangles = meshkit.intrinsic_delaunay(V, F, cover=False)
picture = field(np.bincount(F.ravel(), np.repeat(triangles.length.max(axis=1), 3)))

# %% robust_laplacian: On a non-manifold or degenerate mesh too; a solve with it smooths noise
# away.
noise = rng.normal(size=len(V))
picture = field(np.asarray(meshkit.robust_laplacian(V, F) @ noise), limits=(-6.0, 6.0))

# %% lumped_mass: A third of the area of the faces at each vertex.
picture = field(meshkit.lumped_mass(V, F))

# %% voronoi_mass: The area closest to each vertex; less noisy than thirds.
picture = field(meshkit.voronoi_mass(V, F))

# %% full_mass: The mass matrix of linear elements; here the share of its diagonal that neighbours
# hold.
M = meshkit.full_mass(V, F)
picture = field(M.diagonal())

# %% gradient: Of a function at vertices, one vector per face: here of the height, its length.
slope = (meshkit.gradient(V, F) @ V[:, 1]).reshape(-1, 3)
picture = field(np.linalg.norm(slope, axis=1))

# %% divergence: Of vectors at faces; of a gradient it is the Laplacian.
spread = meshkit.divergence(V, F) @ slope.ravel()
picture = field(spread, colormap="coolwarm", limits=(-8.0, 8.0))

# %% eigenpairs: Modes of vibration, checked against their residuals.
modes = meshkit.eigenpairs(L_delaunay, mass, 12).vectors
picture = field(modes[:, 8], colormap="coolwarm")

# %% geodesic_distance: Along the surface, by the heat method: from the tip of the nose.
distance = meshkit.geodesic_distance(V, F, int(V[:, 2].argmax()))
picture = field(distance)

# %% [section] Maps to the plane

# %% parameterize: The whole of it: border, weights, holes, and the guarantee that no face is
# flipped.
flat = meshkit.parameterize(V, F, fill_holes=True)
picture = draw(V, F, mode="uv-checker", UV=flat.UV)

# %% harmonic_uv: Inner vertices balance their neighbours; the border is given.
UV = meshkit.harmonic_uv(V, F, loop, meshkit.square_boundary(V, loop, F=F))
picture = plane(UV, F)

# %% square_boundary: By arc length around the unit square, the corners by pose.
points = meshkit.square_boundary(V, loop, F=F)
picture = plane(meshkit.harmonic_uv(V, F, loop, points), F)

# %% rectangle_boundary: The same on a rectangle of given aspect.
points = meshkit.rectangle_boundary(V, loop, 0.6, F=F)
picture = plane(meshkit.harmonic_uv(V, F, loop, points), F)

# %% circle_boundary: By arc length around a circle.
points = meshkit.circle_boundary(V, loop)
picture = plane(meshkit.harmonic_uv(V, F, loop, points), F)

# %% polygon_boundary: Any convex polygon in the unit square.
points = meshkit.polygon_boundary(V, loop, pentagon, F=F)
picture = plane(meshkit.harmonic_uv(V, F, loop, points), F)

# %% balance_uv: Enlarges what an image of a given size would miss.
balanced = meshkit.balance_uv(V, F, flat.UV, loop, (32, 32), fill=flat.F[len(F) :])
picture = plane(balanced.UV, F)

# %% flipped_faces: Exact, by index: here of a map whose right half was jostled.
jostled = flat.UV + 0.004 * rng.normal(size=flat.UV.shape) * (flat.UV[:, :1] > 0.5)
flipped = np.isin(np.arange(len(F)), meshkit.flipped_faces(jostled, F))
picture = field(flipped)

# %% distortion: Of areas and angles, per face.
stretch = meshkit.distortion(V, F, flat.UV)
picture = field(np.log(stretch.area), colormap="coolwarm", limits=(-2.0, 2.0))

# %% split_ears: An edge that cuts a corner off the border gets a vertex in its middle.
fixed = meshkit.split_ears(square, corners)
picture = pair(wires(square, corners), wires(fixed.V, fixed.F))

# %% flip_ears: Or the edge is flipped.
fixed = meshkit.flip_ears(square, corners)
picture = pair(wires(square, corners), wires(fixed.V, fixed.F))

# %% cut_to_disk: Closed surfaces and handles open along a short seam.
P, G = pretzel(1, 4)
cut = meshkit.cut_to_disk(P, G)
seam = np.isin(np.arange(len(P)), cut.seam).astype(float)
picture = draw(P, G, mode="scalar", field=seam, view=tilt)

# %% seam_uv: The map of the cut surface on the uncut mesh: several coordinates at the seam.
opened = meshkit.parameterize(cut.V, cut.F)
textured = meshkit.seam_uv(meshkit.Mesh(P, G), cut, opened.UV)
look = {"UV": textured.UV_corner, "F_uv": textured.F_uv, "view": tilt}
picture = draw(P, G, mode="uv-checker", **look)

# %% [section] Rasters and geometry images

# %% rasterize_uv: The face under each texel, and where in it.
round_map = meshkit.rasterize_uv(dome[:, :2] / 2 + 0.5, dome_faces, (60, 60))
picture = pixels(tints[round_map.face_index])

# %% rasterize_mesh: The same of a mesh with seams, whose map has several coordinates at a vertex:
# where each texel lies.
charts = meshkit.rasterize_mesh(textured, (60, 60))
picture = pixels(P[G].mean(axis=1)[charts.face_index])

# %% raster_matrix: Resampling as one sparse matrix: times the positions it is the image.
S = meshkit.raster_matrix(flat.F, raster, len(V))
picture = pixels((S @ V).reshape(60, 60, 3))

# %% supersampled_matrix: With k × k samples to a texel all vertices take part: the texels that
# see each vertex.
S_fine = meshkit.supersampled_matrix(flat.UV, flat.F, (60, 60), 4)
picture = field(S_fine.sum(axis=0), limits=(0.0, 2.0))

# %% averaged_matrix: The same from a raster that is k times as fine.
fine = meshkit.rasterize_uv(flat.UV, flat.F, (120, 120))
picture = pixels((meshkit.averaged_matrix(flat.F, fine, len(V), 2) @ V).reshape(60, 60, 3))

# %% visibility: What an image can teach: texels' worth of gradient at each vertex.
seen = meshkit.visibility(S, F)
picture = field(seen.weight, limits=(0.0, 2.0))

# %% overlapped_texels: Where a map lies over itself.
folded = dome[:, :2] / 2 + 0.5
folded[0] = 0.9  # the pole, pulled to the border
picture = pixels(meshkit.overlapped_texels(folded, dome_faces, (60, 60)))

# %% dilate_raster: Faces spread outwards by rings of texels, for filters that look beyond the
# border.
wider = meshkit.dilate_raster(round_map, 3)
picture = pixels(tints[wider.face_index])

# %% dilate_image: The same for values.
values = meshkit.geometry_image(dome, dome_faces, round_map)
picture = pixels(meshkit.dilate_image(values, round_map.face_index >= 0, 3)[0])

# %% geometry_image: Positions, or any signal, as an image.
image = meshkit.geometry_image(V, flat.F, raster)
picture = pixels(image)

# %% mesh_from_image: And back: vertices sampled from the image.
back = meshkit.mesh_from_image(image, flat.UV)
picture = draw(back, F)

# %% vertices_from_image: The same by faces and coordinates of their own, for maps with seams.
back = meshkit.vertices_from_image(image, flat.F, len(V), flat.UV)
picture = draw(back, F, mode="wireframe")

# %% sampling_matrix: Sampling an image at vertices as one sparse matrix.
A = meshkit.sampling_matrix(flat.UV, (60, 60))
picture = field((A @ image.reshape(-1, 3))[:, 2])

# %% round_trip_error: How far each vertex comes back from where it was.
trip = meshkit.round_trip_error(V, flat.F, image, flat.UV)
picture = field(trip.error)

# %% mesh_of_texels: A regular grid mesh through the texels.
coarse = meshkit.rasterize_uv(flat.UV, flat.F, (24, 24))
light = meshkit.mesh_of_texels(meshkit.geometry_image(V, flat.F, coarse))
picture = draw(light.V, light.F, mode="wireframe")

# %% image_normals: Normals of the surface through the texels.
normals = meshkit.image_normals(image)
picture = pixels(normals)

# %% tangent_frames: Along u, along v, outwards, at every texel: here the first.
frames = meshkit.tangent_frames(image)
picture = pixels(frames[:, :, 0])

# %% to_tangent_space: A normal map relative to another surface.
other_image = meshkit.geometry_image(other, flat.F, raster)
relative = meshkit.to_tangent_space(meshkit.image_normals(other_image), frames)
picture = pixels(relative)

# %% to_object_space: And back.
picture = pixels(meshkit.to_object_space(relative, frames))

# %% height_map: One number per texel: how far another surface lies above the template.
height = meshkit.height_map(other_image, image).height
picture = pixels(height)

# %% displace: The template moved along its normals by such a map.
moved = meshkit.mesh_from_image(meshkit.displace(image, height, normals), flat.UV)
picture = draw(moved, F)

# %% [section] Repairs

# %% keep_component: One of several parts.
two, faces = np.concatenate([V, V * 0.4 + [90, 60, 0]]), np.concatenate([F, F[:4000] + len(V)])
picture = pair(draw(two, faces), draw(*meshkit.keep_component(two, faces)[:2]))

# %% merge_coincident: Triangles that share no vertices, as an STL stores them, become a surface.
soup, loose = V[F].reshape(-1, 3), np.arange(F.size).reshape(-1, 3)
picture = pair(draw(soup, loose), draw(*meshkit.merge_coincident(soup, loose)[:2]))

# %% orient_faces: Faces that run against their neighbours are turned; their backs are drawn
# bluish.
turned = np.where((rng.uniform(size=len(F)) < 0.2)[:, None], F[:, ::-1], F)
picture = pair(draw(V, turned), draw(*meshkit.orient_faces(V, turned)[:2]))

# %% fill_holes: All borders but the longest are closed over their own vertices.
picture = pair(draw(V, F), draw(*meshkit.fill_holes(V, F)[:2]))

# %% [section] Registration

# %% procrustes: The closest rotation, shift and size between corresponding points.
turn = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
away = other @ turn.T + [60, 0, 0]
motion = meshkit.procrustes(away, V, scale=True)
picture = pair(both(V, F, away, F), both(V, F, motion.apply(away), F))

# %% generalized_procrustes: A collection onto its common mean.
people = np.stack([V, other @ turn.T, 0.5 * moved])
aligned = meshkit.generalized_procrustes(people, scale=True)
picture = meshkit.contact_sheet([draw(X, F) for X in aligned.aligned], 3)

# %% find_pose: A scan in any position, without landmarks.
scan = meshkit.Target(other @ turn.T @ turn.T @ turn.T + [400, 0, 0], F)
pose = meshkit.find_pose(light.V, light.F, scan)
picture = both(light.V, light.F, pose.inverse().apply(scan.V), F)

# %% rigid_icp: A nearby pose refined, point to plane.
pose = meshkit.rigid_icp(light.V, light.F, scan, start=pose).motion
picture = both(light.V, light.F, pose.inverse().apply(scan.V), F)

# %% find_start: Landmarks if there are, else search, then refinement: where a fit starts.
marked = np.array([0, 23, 300, 552])
marks = meshkit.vertex_landmarks(marked, pose.apply(light.V[marked]), len(light.V))
pose = meshkit.find_start(light.V, light.F, scan, marks)
picture = both(light.V, light.F, pose.inverse().apply(scan.V), F)

# %% fit_template: The template bent onto the scan.
fit = meshkit.fit_template(light.V, light.F, scan, pose=pose)
picture = draw(pose.inverse().apply(fit.V), light.F, mode="wireframe")

# %% measure_fit: How far the fit is from the scan at each vertex.
quality = meshkit.measure_fit(light.V, light.F, fit, scan)
look = {"mode": "scalar", "field": quality.fit_to_scan, "limits": (0.0, 3.0)}
picture = draw(pose.inverse().apply(fit.V), light.F, **look)

# %% fit_sequence: A moving scan, coherently in time.
person = np.zeros(len(head.identity_names))
smile = [head.shape(person, {"AU12_L": x, "AU12_R": x}) for x in (0.0, 0.5, 1.0)]
fits = meshkit.fit_sequence(light.V, light.F, [meshkit.Target(X, F) for X in smile])
picture = meshkit.contact_sheet([draw(fit.V, light.F) for fit in fits], 3)

# %% match_faces: Between topologies: the source face of each target face, here by the source's
# numbers.
source_face = meshkit.match_faces(light.V, light.F, V, F)
picture = field(source_face % 60)

# %% [section] Pictures

# %% render_mesh: Shaded, normals, wireframe, checker, field or positions.
picture = meshkit.render_mesh(V, F, size=(180, 150), mode="normals", view="three-quarter")

# %% render_normals: A batch in one frame, for the input of a network.
window = meshkit.frame_of(V, size=(180, 150))
batch = meshkit.render_normals(np.stack([V, other]), F, size=(180, 150), frame=window)
picture = pair(*batch)

# %% contact_sheet: Tiles in columns, with labels.
tiles = [draw(V, F, view=view) for view in ("front", "three-quarter", "profile")]
picture = meshkit.contact_sheet(tiles, 3, labels=["front", "three-quarter", "profile"])

# %% turntable_views: Rotations around the upright axis, for an animation with `save_gif`.
views = meshkit.turntable_views(4)
picture = meshkit.contact_sheet([draw(V, F, view=view) for view in views], 4)

# %% vertex_normals: Unit normals at vertices.
picture = field(meshkit.vertex_normals(V, F)[:, 0], colormap="coolwarm")

# %% visible_surface: Which face each pixel shows, where in it, and how deep it lies.
depth = meshkit.visible_surface(V, F, size=(180, 180)).depth[::-1]
picture = pixels(np.where(np.isfinite(depth), -depth, -100))
