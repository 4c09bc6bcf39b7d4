"""What is to be fitted, as it came: landmarks or a scan, in any pose and unit, checked first."""

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from torch import Tensor

from gan.datasets.model_file import UNITS
from gan.fitting import Fit, FitOptions, fit_landmarks, fit_scan, fit_whole_scan
from gan.models.contract import FaceGenerator
from gan.pose import Pose, find_unit, radius, rms
from gan.progress import Progress, silent
from meshkit.errors import MeshError
from meshkit.registration.landmarks import Landmarks
from meshkit.registration.procrustes import procrustes
from meshkit.registration.target import Target

SCAN_SIZES = (0.4, 3.0)  # of a scan over the template: half a face, a head with shoulders
# Shares of the radius (root mean square distance from the centre) of what is fitted. They are ours,
# set above what faces at hand gave, and not calibrated.
MISMATCH = 0.25  # of landmarks after the best motion; people and expressions: up to 0.15
APART = 0.25  # of landmarks as they lie, where they may not be moved
UNFIT = 0.1  # of a finished fit; good ones: up to 0.05


class Goal(NamedTuple):
    """What to fit, as it came: in any pose, and in a unit that may have to be found.

    Attributes
    ----------
    scan, landmarks
        One of them at least; of one frame and unit.
    unit
        None: from the size.
    """

    scan: Target | None
    landmarks: Landmarks | None
    unit: str | None = None


def fit_goal(
    model: FaceGenerator,
    goal: Goal,
    options: FitOptions,
    *,
    known: Mapping[str, Tensor] | None = None,
    progress: Progress = silent,
) -> tuple[Fit, str]:
    """Fit landmarks, a scan, or a scan from its landmarks; return the unit in which they are.

    The motion of the fit goes into that frame and unit. With ``pose="similarity"`` the size is
    free, and a goal without a known unit is taken as it is.

    Raises
    ------
    MeshError
        The goal cannot be the model's face: `check_landmarks`, `check_fit`.
    SolveError
        The alignment finds too little of the face in the scan; landmarks help.
    """
    scan, marks, fixed = goal.scan, goal.landmarks, options.pose == "fixed"
    unit = goal.unit
    if unit is None and options.pose == "similarity":
        unit = "mm"
    elif marks is not None:
        unit = check_landmarks(model, marks.operator, marks.points, scan, unit, fixed=fixed)
    elif unit is None:
        assert scan is not None
        unit = unit_of_scan(model, scan)
    scale = UNITS[unit]
    target = scan if scan is None or scale == 1 else Target(scan.V * scale, scan.F)
    if marks is None:
        assert target is not None
        fit = fit_whole_scan(model, target, options, known=known, progress=progress)
    else:
        points = marks.points * scale
        fit = fit_landmarks(
            model, marks.operator, points[None], options, known=known, progress=progress
        )
        if target is not None:
            pull = (marks.operator, points)
            fit = fit_scan(model, target, fit, options, landmarks=pull, progress=progress)
    check_fit(model, fit.error.item(), fixed=fixed)
    motions = tuple(Pose(motion, unit).into_unit for motion in fit.motions)
    return fit._replace(motions=motions), unit


def check_landmarks(
    model: FaceGenerator,
    operator: sp.csr_array,
    points: Float[np.ndarray, "k 3"],
    scan: Target | None = None,
    unit: str | None = None,
    *,
    fixed: bool = False,
) -> str:
    """Return the unit of landmarks, after checking that they can be the model's.

    Parameters
    ----------
    operator : (k, V)
        The model's landmarks as rows over its vertices.
    points : unit
        Where they are.
    scan : unit
        What they lie on.
    unit
        If it is known.
    fixed
        They may not be moved: they have to lie where the model is.

    Raises
    ------
    MeshError
        The size fits no unit; they are mirrored, in another order, or of other vertices; they lie
        off the scan; they are `fixed` and lie elsewhere.
    """
    own = operator @ model.template.double().cpu().numpy()
    if len(own) < 3:  # no pose can be found, and so no unit
        return unit or "mm"
    size = radius(own)
    unit = unit or find_unit(size / radius(points), "the set of landmarks")
    if scan is not None:
        off = float(np.median(scan.closest(points).distance)) * UNITS[unit]
        if off > MISMATCH * size:
            raise MeshError(
                f"the landmarks lie {off:.0f} mm (median) off the scan: they are of another one, "
                "or in another unit or frame"
            )
    P = points * UNITS[unit]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            motion = procrustes(own, P)
        except UserWarning:
            raise MeshError(
                "the landmarks fit a mirror image of the model: left and right, or two axes, are "
                "swapped in them"
            ) from None
    off = rms(motion.apply(own) - P)
    if off > MISMATCH * size:
        raise MeshError(
            f"the landmarks lie {off:.0f} mm (root mean square) from the model's in the best pose: "
            "they are in another order, of other vertices, or in another unit"
        )
    apart = rms(motion.apply(own) - own)
    if fixed and apart > APART * size:
        raise MeshError(f"the landmarks lie {apart:.0f} mm from the model", remedy="free-pose")
    return unit


def unit_of_scan(model: FaceGenerator, target: Target) -> str:
    """Return the unit in which a scan is about as large as the model.

    Raises
    ------
    MeshError
        There is none.
    """
    own = radius(model.template.double().cpu().numpy())
    return find_unit(own / radius(target.points()), "the scan", SCAN_SIZES)


def check_fit(model: FaceGenerator, error: float, *, fixed: bool) -> None:
    """Raise MeshError for a finished fit that ends too far from its target, in mm."""
    size = radius(model.template.double().cpu().numpy())
    if error <= UNFIT * size:
        return
    said = (
        f"the fit ends {error:.1f} mm (root mean square) from its target, which is no face that "
        "the model knows, or lies otherwise than it was taken to"
    )
    if fixed:
        raise MeshError(said, remedy="free-pose")
    raise MeshError(said, remedy="show-landmarks")
