"""How much larger a scan's unit is than the template's: by landmarks, or by sizes."""

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import takes_mesh
from meshkit.registration.icp import radius
from meshkit.registration.landmarks import Landmarks
from meshkit.registration.procrustes import procrustes
from meshkit.registration.target import Target

PEOPLE = 1.8  # ratio of sizes up to which two faces are of one unit: child and adult, cut and whole
PARTS = 5.0  # the same without landmarks, where the scan may hold a whole body
INCH = 25.4


@takes_mesh
def infer_unit(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    target: Target,
    landmarks: Landmarks | None = None,
) -> float:
    """Return by how much to scale a template so that it is in the scan's unit; 1: it is already.

    Three landmarks or more tell the ratio of sizes; without them those of the whole meshes do,
    roughly. A ratio near a power of ten, or inches in a metric unit, is taken for that; another,
    known by landmarks, as it is.

    Parameters
    ----------
    V : length
    """
    marked = landmarks is not None and len(landmarks.points) >= 3
    if landmarks is not None and marked:
        ratio = procrustes(landmarks.operator @ V, landmarks.points, scale=True).scale
    else:
        ratio = radius(target.points()) / radius(V[np.unique(F)])
    tolerance = PEOPLE if marked else PARTS
    if not (ratio > 0 and np.isfinite(ratio)) or 1 / tolerance < ratio < tolerance:
        return 1.0
    known = [base * 10.0**k for base in (1.0, INCH, 1 / INCH) for k in range(-9, 10)]
    nearest = min(known, key=lambda unit: abs(np.log(unit / ratio)))
    if not marked:
        return float(10.0 ** np.round(np.log10(ratio)))
    return float(nearest if abs(np.log(nearest / ratio)) < np.log(1.3) else ratio)
