"""What all browsers share of a model: its decoder, its directions, its mean face."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.export.linearisation import Directions, linearise
from gan.export.meaning import in_words
from gan.export.shapes import zero_codes
from gan.models.contract import NOISE, FaceGenerator
from gan.models.face_model import FaceModel
from meshkit.normals import faces_around
from meshkit.raster import UVRaster, raster_matrix, rasterize_uv

SAMPLES = 400  # random faces from which the directions are found, where they are enough
IMAGE = 128  # texels of a geometry image along one side


class FaceShapes:
    """A model made ready to be looked at; nothing in it changes.

    Attributes
    ----------
    directions
        Per factor, and "noise" where the model has some, the strongest first.
    mean : (V, 3), mm
        The face of all codes 0.
    centre, radius : mm
        The ball about the mean face: the browser sees it as the unit ball.

    Raises
    ------
    CheckpointError
        The model generates vertices that are not finite.
    """

    def __init__(self, model: FaceGenerator, *, seed: int = 0) -> None:
        self.model = model.to("cpu")
        self._fast = _for_single_faces(model.to("cpu"))
        sizes = [*(f.code_size for f in model.factors), model.noise_size]
        self.parts = (*(f.name for f in model.factors), *([NOISE] if model.noise_size else []))
        n_samples = max(SAMPLES, 4 * sum(sizes))
        linear = linearise(self.model, n_samples=n_samples, seed=seed)
        self.directions: Mapping[str, Directions] = linear.parts
        self.faces: Int[np.ndarray, "T 3"] = self.model.faces.numpy()
        self.UV: Float[np.ndarray, "V 2"] = self.model.UV.double().numpy()
        self.around = faces_around(self.faces, len(model.template))
        self.mean = self.decode(zero_codes(self.model))
        low, high = self.mean.min(axis=0), self.mean.max(axis=0)
        self.centre = (low + high) / 2
        self.radius = float(np.linalg.norm(self.mean - self.centre, axis=1).max())
        some = self.model.sample(16, rng=torch.Generator().manual_seed(seed)).detach().numpy()
        self.reach = float(np.percentile(np.linalg.norm(some - self.mean, axis=2), 99))

    def decode(self, codes: Mapping[str, Tensor]) -> Float[np.ndarray, "V 3"]:
        """Return the vertices of codes (1, d), in mm, single precision."""
        with torch.no_grad():
            return np.asarray(self._fast.decode(codes)[0].numpy())

    def effect(self, part: str, k: int) -> float:
        """Return how far one deviation along a direction moves a vertex, root mean square, mm."""
        return float(self.directions[part].sigma[k] / np.sqrt(len(self.mean)))

    def meaning(self, part: str, k: int) -> str:
        """Say what one deviation along a direction moves, in words of landmarks, if there are."""
        own, marks = self.directions[part], self.model.landmarks
        D = own.sigma[k] * own.basis[k]
        return in_words(self.mean.astype(np.float64), D, None if marks is None else marks.numpy())

    def place(self, V: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Take points from mm to the browser's unit ball."""
        return np.asarray((V - self.centre) / self.radius)

    def unplace(self, P: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Take points from the browser's unit ball to mm."""
        return np.asarray(P * self.radius + self.centre)

    @cached_property
    def raster(self) -> UVRaster:
        """The texels of a geometry image of the model's map."""
        return rasterize_uv(self.UV, self.faces, (IMAGE, IMAGE))

    @cached_property
    def sampler(self):  # type: ignore[no-untyped-def]  # scipy has no types
        """The matrix (texels, V) that makes a geometry image."""
        return raster_matrix(self.faces, self.raster, len(self.mean))


def _for_single_faces(model: FaceGenerator) -> FaceGenerator:
    """Lay a model's last layer out unit after unit, in place: one face takes half the time.

    What reads rows of it, as folding does, would take longer.
    """
    if isinstance(model, FaceModel):
        model.weights["W2"] = model.weights["W2"].T.contiguous().T
    return model
