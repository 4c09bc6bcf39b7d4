"""VRML: one surface by hand in both versions, and what is refused."""

import numpy as np
import pytest

from meshkit.errors import FileFormatError
from meshkit.io import load_mesh

POINTS = "point [ 0 0 0, 1 0 0,\n 1 1 0, 0 1 0, ]"
UV = "point [ 0 0, 0.5 0, 0.5 0.5, 0 0.5, 1 1 ]"
FACES = "coordIndex [ 0, 1, 2, -1,\n 0, 2, 3 ]"
VRML2 = f"""#VRML V2.0 utf8
DEF face Transform {{ # scale 9 9 9
  translation 0 0 0  scale 1 1 1  rotation 0 0 1 0
  children [ Shape {{
    appearance Appearance {{ texture ImageTexture {{ url "a [1] \\"IndexedFaceSet\\".png" }} }}
    geometry IndexedFaceSet {{
      coord DEF points Coordinate {{ {POINTS} }}
      texCoord TextureCoordinate {{ {UV} }}
      {FACES}
      texCoordIndex [ 0 1 2 -1 0 4 3 -1 ]
    }} }} ] }}
"""
VRML1 = f"""#VRML V1.0 ascii
Separator {{ Coordinate3 {{ {POINTS} }} TextureCoordinate2 {{ {UV} }}
IndexedFaceSet {{ {FACES} textureCoordIndex [0, 1, 2, -1, 0, 4, 3, -1] }} }}
"""


@pytest.mark.parametrize("text", [VRML2, VRML1])
def test_a_surface_with_a_seam_by_hand(tmp_path, text):
    path = tmp_path / "m.wrl"
    path.write_text(text)
    mesh = load_mesh(path)
    np.testing.assert_array_equal(mesh.V, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.F_uv, [[0, 1, 2], [0, 4, 3]])


def test_faces_may_be_clockwise_and_share_their_indices_with_the_map(tmp_path):
    path = tmp_path / "m.wrl"
    text = VRML1.replace("textureCoordIndex [0, 1, 2, -1, 0, 4, 3, -1]", "ccw FALSE")
    path.write_text(text)
    mesh = load_mesh(path)
    np.testing.assert_array_equal(mesh.F, [[2, 1, 0], [3, 2, 0]])
    np.testing.assert_array_equal(mesh.UV, [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("#VRML", "VRML"), "m.wrl:1: a VRML file starts with '#VRML'"),
        (("IndexedFaceSet {", "Box {"), "m.wrl holds 0 IndexedFaceSets; only one is read"),
        (("ation 0 0 0", "ation 0 1 0"), "a node moves the surface (translation)"),
        (("scale 1 1 1", "scale 1 2 1"), "a node moves the surface (scale)"),
        (("0 0 1 0", "0 0 1 0.5"), "a node moves the surface (rotation)"),
        (("1 0 0,", "1 0,"), "has no list of points, 3 numbers each"),
        (("1 0 0,", "1 x 0,"), "point holds no numbers"),
        (("0, 1, 2, -1", "0, 1, 4, -1"), "face 0 names point 4 of 4"),
        (("0, 1, 2, -1", "0, 1, -2, -1"), "face 0 names point -2 of 4"),
        (("0, 1, 2, -1", "0, 1, -1"), "face 0 has less than 3 corners"),
        (("0, 1, 2, -1", "0, 1, 1.5, -1"), "an index is no integer"),
        (("0 4 3 -1", "0 4 3 2 -1"), "the texture coordinates have other faces"),
        (("0 4 3 -1", "0 5 3 -1"), "face 1 names point 5 of 5"),
        (("coordIndex [", "index ["), "holds 4 vertices but no face"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path, change, message):
    path = tmp_path / "m.wrl"
    text = VRML2
    assert change[0] in text
    if change[0] == "coordIndex [":
        text = text.replace("texCoord TextureCoordinate", "color Color")
    path.write_text(text.replace(*change, 1))
    with pytest.raises(FileFormatError) as caught:
        load_mesh(path)
    assert message in str(caught.value)
