"""Normal and height maps: exact on planes, converging on spheres, unchanged by rigid motion."""

import numpy as np
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from meshkit.images.image_maps import (
    displace,
    encode_normals,
    height_map,
    image_normals,
    tangent_frames,
    to_object_space,
    to_tangent_space,
)
from tests import meshes


def patch(n: int, bumps: float = 0.0) -> np.ndarray:
    """A piece of the unit sphere, unevenly spread over u and v, with bumps along normals."""
    v, u = np.meshgrid((np.arange(n) + 0.5) / n, (np.arange(n) + 0.5) / n, indexing="ij")
    a, b = u - 0.5 + 0.3 * u**2 + 0.2 * u * v, v - 0.5 + 0.3 * v**2
    N = np.stack([np.cos(b) * np.sin(a), np.sin(b), np.cos(b) * np.cos(a)], axis=2)
    return N * (1 + bumps * np.sin(9 * u) * np.sin(7 * v))[..., None]


def test_normals_of_a_sphere_converge_to_its_radii():
    """Outwards: fails for a swapped axis or a sign; at the square of the texel size inside."""
    errors = []
    for n in (16, 32, 64):
        image = patch(n)
        off = np.linalg.norm(image_normals(image) - image, axis=2)[1:-1, 1:-1]
        errors.append(off.max())
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.2)


@given(meshes.seeds())
def test_normals_of_a_plane_are_exact_next_to_any_hole(seed):
    rng = np.random.default_rng(seed)
    across, up, origin = rng.normal(size=(3, 3))
    v, u = np.mgrid[:7, :9]
    image = origin + u[..., None] * across + v[..., None] * up
    inside = rng.uniform(size=(7, 9)) < 0.7
    image[~inside] = np.nan  # never read
    N = image_normals(np.where(inside[..., None], image, 1e9), inside)
    expected = np.cross(across, up)
    expected /= np.linalg.norm(expected)
    beside = np.zeros((7, 9), dtype=bool)
    beside[:, 1:] |= inside[:, :-1]
    beside[:, :-1] |= inside[:, 1:]
    above = np.zeros((7, 9), dtype=bool)
    above[1:] |= inside[:-1]
    above[:-1] |= inside[1:]
    known = inside & beside & above
    assert_allclose(N, known[..., None] * expected, atol=1e-12)


@settings(max_examples=20)
@given(meshes.seeds())
def test_tangent_space_ignores_rigid_motion_and_comes_back(seed):
    rng = np.random.default_rng(seed)
    template, image = patch(12), patch(12, 0.05)
    R, shift = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
    frames = tangent_frames(template)
    flat = to_tangent_space(image_normals(image), frames)
    moved = to_tangent_space(
        image_normals(image @ R.T + shift), tangent_frames(template @ R.T + shift)
    )
    assert_allclose(moved, flat, atol=1e-10)
    assert_allclose(to_object_space(flat, frames), image_normals(image), atol=1e-12)
    assert (flat[..., 2] < 0.999).any()


def test_frames_are_right_handed_and_the_template_itself_is_flat():
    template = patch(12, 0.1)
    frames = tangent_frames(template)
    assert_allclose(np.linalg.det(frames), 1, atol=1e-12)
    product = frames @ frames.swapaxes(2, 3)
    assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12)
    flat = to_tangent_space(image_normals(template), frames)
    assert_allclose(flat, np.broadcast_to([0, 0, 1], flat.shape), atol=1e-12)
    # The first axis follows u.
    across = np.gradient(template, axis=1)
    assert ((across * frames[:, :, 0]).sum(axis=2) > 0).all()


def test_heights_are_those_put_on_and_displace_is_their_inverse():
    template = patch(16)
    bumps = 0.1 * np.sin(9 * template[..., 0]) - 0.02
    image = displace(template, bumps, template)  # on a sphere radii are normals
    result = height_map(image, template, normals=template)
    assert_allclose(result.height, bumps, atol=1e-14)
    assert_allclose(result.tangential, 0, atol=1e-13)
    N = image_normals(template)
    image = image + np.array([0, 0, 0.01])
    result = height_map(image, template)
    rest = np.linalg.norm(displace(template, result.height, N) - image, axis=2)
    assert_allclose(rest, result.tangential, atol=1e-14)
    assert result.tangential.max() > 1e-3


def test_outside_there_is_no_height():
    template = patch(4)
    inside = np.ones((4, 4), dtype=bool)
    inside[1, 2] = False
    result = height_map(2 * template, template, inside, normals=template)
    assert_array_equal(result.height == 0, ~inside)
    assert_array_equal(result.tangential[1, 2], 0)


def test_a_texel_without_neighbours_has_no_normal():
    image = patch(5)
    inside = np.zeros((5, 5), dtype=bool)
    inside[2, 1:4] = True
    assert_array_equal(image_normals(image, inside), 0)
    assert_array_equal(tangent_frames(image, inside), 0)


def test_colours_of_normals():
    N = np.array([[[-1.0, 0.0, 1.0]]])
    assert encode_normals(N).tolist() == [[[0, 128, 255]]]
