"""Fit a face model to landmarks and to scans: Eq. 13, `min_z Σ_i ‖v_i(z) − p_i‖² + λ ‖z‖²`.

The objective is not convex for a model that is not linear, so Adam sets out from several random
codes; all starts of all targets run as one batch, and only the landmarks are ever decoded. A scan
is then followed by closest points, weighed so that holes, borders and outliers do not pull.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from gan.models.contract import NOISE, FaceGenerator
from gan.progress import Progress, silent
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity
from meshkit.registration.target import Target
from meshkit.registration.template_fit import find_start

POSES = ("fixed", "rigid", "similarity")
_POSE_EVERY = 10  # steps of Adam between two poses
_START = 0.5  # deviation of the random starts, in deviations of the prior
_DENSE_VERTICES = 4000  # of the model that look for a closest point on a scan


@dataclass(frozen=True)
class FitOptions:
    """How to search.

    Attributes
    ----------
    prior : mm²
        λ of Eq. 13: what ‖z‖² = 1 costs. 0: none.
    starts : int
        Random codes from which every fit sets out; the best end counts.
    pose : "fixed", "rigid" or "similarity"
        Whether the target is moved (and scaled) into the model's frame while it is fitted.
    locked : names of factors (or "noise") whose codes stay as they are given.
    """

    prior: float = 1.0
    starts: int = 8
    steps: int = 300
    rate: float = 0.1
    pose: str = "rigid"
    seed: int = 0
    locked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.prior >= 0:
            raise ValueError(f"prior must not be negative, got {self.prior}")
        if self.starts < 1 or self.steps < 1:
            raise ValueError(f"starts and steps must be positive, got {self.starts}, {self.steps}")
        if self.pose not in POSES:
            raise ValueError(f"pose must be one of {', '.join(POSES)}, got {self.pose!r}")


class Fit(NamedTuple):
    """Codes, and where the model lies on its targets.

    Attributes
    ----------
    codes
        For every factor and the noise (B, d).
    vertices : mm
        Of the model's face, in the model's frame.
    motions
        From the model's frame to each target's.
    error : mm
        Root mean square distance of the points that were fitted, in the model's frame.
    objective : mm²
        Eq. 13 at the end of every start: the best is what the fit holds.
    """

    codes: dict[str, Tensor]
    vertices: Float[Tensor, "B V 3"]
    motions: tuple[Similarity, ...]
    error: Float[Tensor, " B"]
    objective: Float[Tensor, "B S"]


def fit_landmarks(
    model: FaceGenerator,
    operator: sp.csr_array,
    points: Float[np.ndarray, "B k 3"],
    options: FitOptions | None = None,
    *,
    known: Mapping[str, Tensor] | None = None,
    progress: Progress = silent,
) -> Fit:
    """Find codes whose landmarks lie on given points, for a batch of faces at once.

    Parameters
    ----------
    operator : (k, V)
        The landmarks of the model as rows over its vertices: one entry of 1 for a vertex, three
        barycentric weights for a point in a face.
    points : mm
        Where they should be; any unit with ``pose="similarity"``.
    known
        Codes (B, d) that are given: the values of the locked factors.

    Raises
    ------
    ValueError
        The points are not finite or fit no landmark; a pose is wanted of fewer than three; a locked
        factor has no code.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Eq. 13.
    """
    options = options or FitOptions()
    _check(model, operator, points, options, known or {})
    B, S = len(points), options.starts
    device = model.template.device
    decode = model.point_decoder(operator)
    z, free = _starts(model, B, options, known or {}), _free(model, options.locked)
    goal = torch.from_numpy(points).to(device, torch.float32).repeat_interleave(S, dim=0)
    placed = goal if options.pose == "fixed" else None
    z.requires_grad_(True)
    adam = torch.optim.Adam([z], lr=options.rate)
    for step in range(options.steps):
        x = decode(model.split(z))
        if placed is None or (options.pose != "fixed" and step % _POSE_EVERY == 0):
            placed = _into_frame_of(x.detach(), goal, scale=options.pose == "similarity")
        cost = (x - placed).square().sum() + options.prior * z.square().sum()
        (slope,) = torch.autograd.grad(cost, z)
        z.grad = slope * free
        # The last third settles: the rate goes down along a cosine.
        t = max(0.0, step / options.steps - 2 / 3) * 3
        adam.param_groups[0]["lr"] = options.rate * (0.5 + 0.5 * np.cos(np.pi * t)) + 1e-4
        adam.step()
        progress("fitting landmarks", step + 1, options.steps)
    with torch.no_grad():
        z = z.detach()
        x = decode(model.split(z))
        if options.pose != "fixed":
            placed = _into_frame_of(x, goal, scale=options.pose == "similarity")
        assert placed is not None
        squares = (x - placed).square().sum(dim=(1, 2))
        objective = (squares + options.prior * z.square().sum(dim=1)).view(B, S)
        best = objective.argmin(dim=1) + torch.arange(B, device=device) * S
        codes = model.split(z[best])
        error = (squares[best] / points.shape[1]).sqrt()
        vertices = model.decode(codes)
    landmarks = x[best].double().cpu().numpy()
    motions = tuple(_motion(a, b, options.pose) for a, b in zip(landmarks, points, strict=True))
    return Fit(codes, vertices, motions, error, objective)


def fit_scan(
    model: FaceGenerator,
    target: Target,
    start: Fit,
    options: FitOptions | None = None,
    *,
    landmarks: tuple[sp.csr_array, Float[np.ndarray, "k 3"]] | None = None,
    rounds: int = 12,
    trim: float = 4.0,
    progress: Progress = silent,
) -> Fit:
    """Go on from a fit (of one face) to the whole surface of a scan.

    Every round each of a few thousand vertices looks for its closest point. Those at a border of
    the scan or further off than `trim` robust deviations have none. The cost per vertex is the
    squared distance along the scan's normal, and a tenth of that along the surface, so that the
    face may slide; it is scaled to what the prior was chosen for: 68 landmarks.

    Parameters
    ----------
    landmarks
        Rows over the model's vertices and points of the scan that go on to pull.
    """
    options = options or FitOptions()
    device, rng = model.template.device, np.random.default_rng(options.seed)
    n = len(model.template)
    chosen = np.sort(rng.choice(n, size=min(n, _DENSE_VERTICES), replace=False))
    picked: sp.csr_array = sp.csr_array(sp.eye_array(n, format="csr")[chosen])
    count = len(chosen)
    if landmarks is not None:
        picked = sp.csr_array(sp.vstack([picked, landmarks[0]], format="csr"))
    decode = model.point_decoder(picked)
    z = model.join(start.codes).detach().clone()
    free = _free(model, options.locked)
    motion, x = start.motions[0], decode(model.split(z))[0].detach()
    z.requires_grad_(True)
    for done in range(rounds):
        progress("following the surface", done, rounds)
        back = motion.inverse()
        surface = target.closest(motion.apply(x[:count].double().cpu().numpy()))
        weight = _weights(surface.distance / motion.scale, surface.on_border, trim)
        C = torch.from_numpy(back.apply(surface.point)).float().to(device)
        N = torch.from_numpy(surface.normal @ motion.R).float().to(device)
        w = torch.from_numpy(weight * 68 / max(weight.sum(), 1.0)).float().to(device)
        marks = None
        if landmarks is not None:
            marks = torch.from_numpy(back.apply(landmarks[1])).float().to(device)
        adam = torch.optim.Adam([z], lr=options.rate / 5)
        for _ in range(max(5, options.steps // rounds)):
            x = decode(model.split(z))[0]
            r = x[:count] - C
            cost = (w * ((r * N).sum(dim=1).square() + 0.1 * r.square().sum(dim=1))).sum()
            if marks is not None:
                cost = cost + (x[count:] - marks).square().sum()
            (slope,) = torch.autograd.grad(cost + options.prior * z.square().sum(), z)
            z.grad = slope * free
            adam.step()
        with torch.no_grad():
            x = decode(model.split(z))[0]
        if options.pose != "fixed":
            near = x[:count].double().cpu().numpy()
            motion = procrustes(
                near, surface.point, weights=weight, scale=options.pose == "similarity"
            )
    with torch.no_grad():
        codes = model.split(z.detach())
        vertices = model.decode(codes)
    kept = weight > 0
    near = motion.apply(x[:count].double().cpu().numpy()[kept])
    distance = target.closest(near).distance / motion.scale
    error = torch.tensor([float(np.sqrt(np.mean(distance**2)))])
    return Fit(codes, vertices, (motion,), error, start.objective)


def fit_whole_scan(
    model: FaceGenerator,
    target: Target,
    options: FitOptions | None = None,
    *,
    known: Mapping[str, Tensor] | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit a scan of which no landmark is known: align the mean face with it, then follow it.

    Raises
    ------
    SolveError
        The alignment finds too little of the face in the scan; landmarks help.
    """
    options = options or FitOptions()
    template, faces = model.template.double().cpu().numpy(), model.faces.cpu().numpy()
    motion = Similarity(np.eye(3), np.zeros(3), 1.0)
    progress("looking for the pose", 0, 0)
    if options.pose != "fixed":
        motion = find_start(template, faces, target, scale=options.pose == "similarity")
    z = _starts(model, 1, replace(options, starts=1), known or {})
    codes = model.split(z)
    with torch.no_grad():
        mean = model.decode(codes)
    objective = torch.full((1, 1), torch.nan)
    start = Fit(codes, mean, (motion,), torch.full((1,), torch.nan), objective)
    return fit_scan(model, target, start, options, progress=progress)


def _starts(
    model: FaceGenerator, n: int, options: FitOptions, known: Mapping[str, Tensor]
) -> Tensor:
    """Return (n · starts, Z) codes to set out from, the first of each at the mean face."""
    rng = torch.Generator().manual_seed(options.seed)
    codes = model.sample_codes(n * options.starts, rng=rng)
    z = _START * model.join(codes)
    z[:: options.starts] = 0
    parts = dict(model.split(z))
    for name, code in known.items():
        parts[name] = code.to(z).repeat_interleave(options.starts, dim=0)
    return model.join(parts).clone()


def _free(model: FaceGenerator, locked: tuple[str, ...]) -> Tensor:
    """Return which entries of z may move, (Z,)."""
    codes = model.sample_codes(1, rng=torch.Generator())
    return model.join({n: torch.full_like(c, n not in locked) for n, c in codes.items()})[0].bool()


def _into_frame_of(x: Tensor, goal: Tensor, *, scale: bool) -> Tensor:
    """Move every target onto its face by the best rigid motion or similarity, (B, k, 3)."""
    a, b = goal.mean(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)
    A, X = (goal - a).double(), (x - b).double()
    U, s, Vh = torch.linalg.svd(A.transpose(1, 2) @ X)
    sign = torch.ones_like(s)
    sign[:, 2] = torch.sign(torch.linalg.det(U @ Vh))
    R = U * sign[:, None, :] @ Vh  # rows: A R is near X
    size = 1.0
    if scale:
        size = ((s * sign).sum(dim=1) / A.square().sum(dim=(1, 2)))[:, None, None]
    placed: Tensor = (size * (A @ R)).to(x.dtype) + b
    return placed


def _motion(x: np.ndarray, points: np.ndarray, pose: str) -> Similarity:
    if pose == "fixed":
        return Similarity(np.eye(3), np.zeros(3), 1.0)
    return procrustes(x, points.astype(np.float64), scale=pose == "similarity")


def _weights(distance: np.ndarray, on_border: np.ndarray, trim: float) -> np.ndarray:
    """Return 1 for vertices that the scan answers and 0 for the others."""
    inside = distance[~on_border]
    if not len(inside):
        return np.ones_like(distance)
    limit = trim * max(1.4826 * float(np.median(inside)), 1e-3)
    return np.asarray((distance <= limit) & ~on_border, dtype=np.float64)


def _check(
    model: FaceGenerator,
    operator: sp.csr_array,
    points: np.ndarray,
    options: FitOptions,
    known: Mapping[str, Tensor],
) -> None:
    if operator.shape != (points.shape[1], len(model.template)):
        raise ValueError(
            f"{points.shape[1]} points and {len(model.template)} vertices need an operator of that "
            f"shape, got {operator.shape}"
        )
    if not np.isfinite(points).all():
        face, k = np.argwhere(~np.isfinite(points))[0][:2]
        raise ValueError(f"point {k} of face {face} is not finite")
    if options.pose != "fixed" and points.shape[1] < 3:
        raise ValueError(f"a pose needs three points or more, got {points.shape[1]}")
    for name in options.locked:
        if name not in known:
            raise ValueError(f"{name} is locked, but its code is not given")
    for name, code in known.items():
        size = model.noise_size if name == NOISE else model.factor(name).code_size
        if code.shape != (len(points), size):
            wanted, got = (len(points), size), tuple(code.shape)
            raise ValueError(f"{name}: expected codes {wanted}, got {got}")
