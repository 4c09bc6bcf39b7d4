"""A small model with a map, made ready to be looked at once for all tests."""

import pytest

from gan.viewing.shading import Shading
from gan.viewing.shapes import FaceShapes
from tests.gan.viewing.faces import mapped_model


@pytest.fixture(scope="session")
def shapes() -> FaceShapes:
    return FaceShapes(mapped_model())


@pytest.fixture(scope="session")
def shading(shapes) -> Shading:
    return Shading(shapes)
