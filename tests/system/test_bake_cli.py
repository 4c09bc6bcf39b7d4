"""`meshkit bake`: what is a smooth function of space arrives as it was, on another topology."""

import json

import numpy as np
import pytest
from PIL import Image

from meshkit.baking import bake_texture, texel_places, vertex_places
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.param import parameterize
from meshkit.primitives import grid
from tests.system.commands import read_json, refuse, run, succeed
from tests.system.json_page import assert_documented

SOURCE, TARGET = grid(24, 24), grid(17, 11)


@pytest.fixture(autouse=True)
def files(workdir):
    V, F = SOURCE
    save_mesh("source.ply", Mesh(V, F, UV=V[:, :2], colors=np.stack([V[:, 0]] * 3, axis=1)))
    V, F = TARGET
    save_mesh("target.ply", Mesh(V, F, UV=1 - V[:, [1, 0]]))  # turned over and around


def test_colours_values_and_landmarks_are_those_of_the_place():
    values = read_json("bake", "source.ply", "target.ply", "-o", "out.ply")
    assert_documented("bake", values)
    assert values["distance"]["p100"] < 1e-12
    np.testing.assert_allclose(load_mesh("out.ply").colors[:, 0], TARGET[0][:, 0], atol=1 / 255)
    np.save("w.npy", SOURCE[0][:, :2])
    succeed("bake", "source.ply", "target.ply", "--values", "w.npy", "-o", "out.npy")
    np.testing.assert_allclose(np.load("out.npy"), TARGET[0][:, :2], atol=1e-12)
    corner = [int((SOURCE[0][:, 0] - SOURCE[0][:, 1]).argmax()), 0]
    with open("l.json", "w") as file:
        json.dump({"lower right": corner[0], "lower left": corner[1]}, file)
    succeed("bake", "source.ply", "target.ply", "--landmarks", "l.json", "-o", "out.json")
    with open("out.json") as file:
        baked = json.load(file)
    assert list(baked) == ["lower right", "lower left"]
    np.testing.assert_allclose(TARGET[0][list(baked.values())], SOURCE[0][corner], atol=1e-12)


def test_a_texture_moves_to_the_other_layout():
    ramp = np.linspace(0, 255, 64)
    picture = np.stack([*np.meshgrid(ramp, ramp[::-1]), np.zeros((64, 64))], axis=2)
    Image.fromarray(picture.astype(np.uint8)).save("t.png")
    given = ["--texture", "t.png", "--size", "32", "-o", "out.png"]
    succeed("bake", "source.ply", "target.ply", *given)
    baked = np.asarray(Image.open("out.png"))[::-1].astype(float)  # row 0: v = 0
    u, v = (np.arange(32) + 0.5) / 32, ((np.arange(32) + 0.5) / 32)[:, None]
    # The target's (u, v) is the source's (1 - v, 1 - u).
    np.testing.assert_allclose(baked[..., 0], np.broadcast_to(255 * (1 - v), (32, 32)), atol=4)
    np.testing.assert_allclose(baked[..., 1], np.broadcast_to(255 * (1 - u), (32, 32)), atol=4)
    assert (baked[..., 3] == 255).all()


def test_by_map_equal_coordinates_correspond_wherever_the_meshes_lie():
    V, F = TARGET
    moved = Mesh(V + 7, F, UV=V[:, :2])
    source = Mesh(*SOURCE, UV=SOURCE[0][:, :2])
    places = vertex_places(source, moved, by="map")
    np.testing.assert_allclose(places.read(source.F, source.V), V, atol=1e-12)
    places, inside = texel_places(source, moved, (8, 8), by="map")
    assert inside.all()
    assert places.distance.max() < 1e-12
    image, _, _ = bake_texture(source, np.full((4, 4, 1), 0.25), moved, (8, 8), by="map")
    np.testing.assert_allclose(image, 0.25)


def test_meshes_apart_and_missing_things_are_said():
    V, F = TARGET
    save_mesh("far.ply", Mesh(V + 3, F))
    assert "do not lie on each other" in run("bake", "source.ply", "far.ply").stderr
    refuse("bake", "far.ply", "target.ply", "-o", "o.ply", says="far.ply has no colours")
    refuse("bake", "source.ply", "far.ply", "--by", "map", says="the target has no texture")
    both = ["--values", "source.ply", "--landmarks", "source.ply"]
    refuse("bake", "source.ply", "far.ply", *both, says="Give one of", code=2)
    refuse(
        "bake", "source.ply", "far.ply", "--texture", "far.ply", "-o", "o.png", says="no picture"
    )
    flat = parameterize(*TARGET, boundary="circle")
    assert texel_places(Mesh(*SOURCE), Mesh(*TARGET, UV=flat.UV), (9, 9))[1].mean() < 1
