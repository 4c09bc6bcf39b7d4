"""The smooth model of the other tests, with the map that its hemisphere has from above."""

from gan.models.face_model import FaceModel
from tests.gan.face import smooth_model


def mapped_model(*, bend: bool = True) -> FaceModel:
    model = smooth_model(bend=bend)
    flat = model.template[:, :2]
    model.UV = 0.5 + flat / (2.2 * flat.abs().max())
    return model
