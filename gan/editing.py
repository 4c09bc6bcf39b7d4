"""Edit faces by their codes: give one the expression of another, go from one to the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from gan.datasets.importing.manifest import RESTING, natural_order
from gan.models.contract import NOISE, FaceGenerator
from gan.pose import IN_PLACE, Placer, Pose
from gan.progress import Progress, counter, silent
from meshkit.archive import read_archive
from meshkit.errors import FileFormatError, MeshError
from meshkit.io import SAVERS, load_mesh

MODES = ("replace", "add")
PATHS = ("linear", "spherical")
BLOCK = 64  # faces encoded at once


class Face(NamedTuple):
    """A face to edit.

    Attributes
    ----------
    codes
        For every factor and the noise (1, d).
    detail : mm
        What the model does not express of the mesh that was encoded (V, 3); 0 for codes.
    pose
        Where the mesh lay, and its unit.
    """

    codes: dict[str, Tensor]
    detail: Float[Tensor, "V 3"]
    pose: Pose = IN_PLACE


class Faces(NamedTuple):
    """Faces to edit alike: the meshes of a folder, or the frames of a sequence.

    Attributes
    ----------
    names
        Of their files, without suffix, or numbers.
    codes
        For every factor and the noise (n, d).
    vertices : mm
        In the model's frame.
    poses
        Where each lay, and its unit.
    """

    names: tuple[str, ...]
    codes: dict[str, Tensor]
    vertices: Float[Tensor, "n V 3"]
    poses: tuple[Pose, ...]


def load_faces(placer: Placer, path: Path, progress: Progress = silent) -> Faces:
    """Read and encode a folder of meshes, in natural order of their names, a mesh, or a sequence.

    A sequence is a NumPy array of vertices (n, V, 3) in a ``.npy`` file. Other files of a folder
    are left alone.

    Raises
    ------
    MeshError
        As `load_face`; the folder holds no mesh.
    OSError, FileFormatError
        A file is missing or malformed.
    """
    model, names = placer.model, list[str]()
    X, poses = list[Tensor](), list[Pose]()
    places = _places(path)
    advance = counter(progress, "reading", len(places))
    for name, place, array in places:
        try:
            placed, pose = placer.place(_own_mesh(model, place) if array is None else array)
        except MeshError as error:
            where = place if array is None else f"{place}[{name}]"
            raise (error if str(where) in str(error) else error.about(where)) from error
        names.append(name)
        X.append(placed)
        poses.append(pose)
        advance(1)
    stacked, parts = torch.stack(X), list[dict[str, Tensor]]()
    advance = counter(progress, "encoding", len(X))
    with torch.no_grad():
        for block in stacked.split(BLOCK):
            parts.append(model.encode(block))
            advance(len(block))
    codes = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Faces(tuple(names), codes, stacked, tuple(poses))


def _places(path: Path) -> list[tuple[str, Path, np.ndarray | None]]:
    """Return the name and the place of every mesh of a folder, or of every frame."""
    if path.suffix.lower() == ".npy":
        return [(f"{k:05d}", path, V) for k, V in enumerate(_read_sequence(path))]
    if not path.is_dir():
        return [(path.stem, path, None)]
    files = [
        file
        for file in path.iterdir()
        if file.suffix.lower() in SAVERS and not (file.suffix == ".npz" and is_codes(file))
    ]
    if not files:
        raise MeshError(f"{path}: holds no mesh")
    files.sort(key=lambda file: natural_order(file.name))
    return [(file.stem, file, None) for file in files]


def _read_sequence(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise FileFormatError(f"{path} is no array of numbers: {error}") from None
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "fiu" or not len(array):
        raise FileFormatError(
            f"{path}: {array.dtype} {array.shape}, expected (frames, vertices, 3)"
        )
    return np.asarray(array)


def smooth_codes(codes: Mapping[str, Tensor], frames: float) -> dict[str, Tensor]:
    """Smooth the codes (n, d) of a sequence in time, by a Gaussian of so many frames' deviation."""
    if not frames >= 0:
        raise ValueError(f"smoothing must not be negative, got {frames}")
    if frames == 0:
        return dict(codes)
    return {
        name: torch.from_numpy(
            gaussian_filter1d(code.cpu().numpy(), frames, axis=0, mode="nearest")
        ).to(code)
        for name, code in codes.items()
    }


def rest_class(model: FaceGenerator, factor: str, label: str | None = None) -> int:
    """Return the class of a factor that is rest: the one named, "neutral" or "rest".

    Raises
    ------
    ValueError
        The model has no such factor or class, and none was named.
    """
    classes = model.factor(factor).classes
    if label is not None:
        return model.label_index(factor, label)
    for name in RESTING:
        if name in classes:
            return classes.index(name)
    raise ValueError(f"{factor} has no class {' or '.join(RESTING)}; name one of its classes")


def load_face(placer: Placer, place: str) -> Face:
    """Read a face: a mesh of the model's topology, in any pose and unit, or codes as `FILE.npz#3`.

    Codes are what `gan sample`, `gan fit`, `gan interpolate` write; without `#`, the first row.

    Raises
    ------
    MeshError
        The mesh is of another topology, or not what `Placer.place` takes.
    ValueError
        The codes are of another model; there is no such row.
    OSError, FileFormatError
        The file is missing or malformed.
    """
    model = placer.model
    name, _, row = place.partition("#")
    path, none = Path(name), torch.zeros_like(model.template)
    if path.suffix.lower() == ".npz" and is_codes(path):
        return Face(load_codes(model, path, row or "0"), none)
    if row:
        raise ValueError(f"{place}: only a file of codes has rows; {path} is a mesh")
    try:
        V, pose = placer.place(_own_mesh(model, path))
    except MeshError as error:
        raise (error if str(path) in str(error) else error.about(path)) from error
    with torch.no_grad():
        codes = model.encode(V[None])
        return Face(codes, V - model.decode(codes)[0], pose)


def _own_mesh(model: FaceGenerator, path: Path) -> Float[np.ndarray, "V 3"]:
    """Return the vertices of a mesh of the model's topology."""
    mesh, n, F = load_mesh(path), len(model.template), model.faces.cpu().numpy()
    if len(mesh.V) != n or mesh.F.shape != F.shape or (mesh.F != F).any():
        raise MeshError(
            f"{path}: {len(mesh.V)} vertices and {len(mesh.F)} faces do not match the model's "
            f"template ({n} and {len(F)}, in its order)",
            remedy="fit-mesh",
        )
    return mesh.V


def is_codes(path: Path) -> bool:
    """Return whether an .npz holds codes, and not a mesh."""
    return NOISE in read_archive(path, {NOISE})


def load_codes(model: FaceGenerator, path: Path, row: str) -> dict[str, Tensor]:
    """Read one row of a file of codes.

    Raises
    ------
    ValueError
        The codes are of another model; there is no such row.
    FileFormatError
        The file is damaged.
    """
    codes = read_codes(model, path)
    n = len(codes[NOISE])
    if not row.isdigit() or int(row) >= n:
        raise ValueError(f"{path}#{row}: there is no such row; the file has 0 to {n - 1}")
    k = int(row)
    return {name: code[k : k + 1] for name, code in codes.items()}


def read_codes(model: FaceGenerator, path: Path) -> dict[str, Tensor]:
    """Read all rows of a file of codes; every code (n, d), of equal n.

    Raises
    ------
    ValueError
        The codes are of another model, or not finite numbers.
    FileFormatError
        The file is damaged.
    """
    sizes = {f.name: f.code_size for f in model.factors} | {NOISE: model.noise_size}
    codes = read_archive(path, set(sizes))
    n = len(codes[NOISE]) if NOISE in codes and codes[NOISE].ndim else 0
    for name, size in sizes.items():
        there = name in codes and codes[name].dtype.kind in "fiu"
        if not there or codes[name].ndim != 2 or codes[name].shape[1] != size:
            got = f"shape {codes[name].shape}" if name in codes else "none"
            raise ValueError(f"{path}: expected {name} codes (n, {size}), got {got}")
        if len(codes[name]) != n:
            raise ValueError(f"{path}: {len(codes[name])} {name} codes, but {n} of noise")
        with np.errstate(over="ignore"):  # what single precision cannot hold is no code
            codes[name] = codes[name].astype(np.float32)
        if not np.isfinite(codes[name]).all():
            raise ValueError(f"{path}: {name} codes are not finite")
    device = model.template.device
    return {name: torch.from_numpy(codes[name]).to(device) for name in sizes}


def transfer_codes(
    model: FaceGenerator,
    source: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    factor: str,
    *,
    mode: str = "replace",
    strength: float = 1.0,
) -> dict[str, Tensor]:
    """Give the target a factor of the source; every other code stays the target's own.

    Parameters
    ----------
    mode : "replace" or "add"
        Go from the target's code towards the source's, or add the source's to it.
    strength : 1
        How far; beyond 1 exaggerates.

    Raises
    ------
    ValueError
        The model has no such factor, or there is no such mode.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Section 5.5.
    """
    name = model.factor(factor).name
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode == "replace":
        return {**target, name: torch.lerp(target[name], source[name], strength)}
    return {**target, name: target[name] + strength * source[name]}


def path_of_codes(
    model: FaceGenerator,
    first: Mapping[str, Tensor],
    last: Mapping[str, Tensor],
    t: Float[np.ndarray, " T"],
    *,
    factors: tuple[str, ...] = (),
    path: str = "linear",
) -> dict[str, Tensor]:
    """Return codes (T, d) along the way from one face to another.

    Parameters
    ----------
    t : 1
        0 is the first face, 1 the last; values outside extrapolate.
    factors
        Which codes move, others stay the first face's; none: all, the noise included.
    path : "linear" or "spherical"
        Along the chord, or along the arc (Shoemake 1985), which keeps the length that N(0, I) codes
        have and so the strength of the middle.

    Raises
    ------
    ValueError
        The model has no such factor, or there is no such path.
    """
    if path not in PATHS:
        raise ValueError(f"path must be one of {', '.join(PATHS)}, got {path!r}")
    moving = {model.factor(name).name for name in factors if name != NOISE} | set(factors)
    codes = {}
    for name, a in first.items():
        b = last[name] if not factors or name in moving else a
        s = torch.from_numpy(t).to(a)[:, None]
        codes[name] = torch.lerp(a, b, s) if path == "linear" else _arc(a, b, s)
    return codes


def _arc(a: Tensor, b: Tensor, s: Tensor) -> Tensor:
    if not a.numel():
        return a.expand(len(s), -1)
    length = torch.lerp(a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True), s)
    u, v = torch.nn.functional.normalize(a), torch.nn.functional.normalize(b)
    angle = torch.acos((u * v).sum(dim=1, keepdim=True).clamp(-1, 1))
    if angle.item() < 1e-4 or angle.item() > np.pi - 1e-4:  # one direction, or no plane
        return torch.lerp(a, b, s)
    along = torch.sin((1 - s) * angle) * u + torch.sin(s * angle) * v
    arc: Tensor = length * along / torch.sin(angle)
    return arc
