"""Geometry images of the real faces: computed once, kept as a memory map, normalised."""

import hashlib
import mmap
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.datasets.store import Dataset
from meshkit.sealed import is_whole, sealed_path

BLOCK = 256  # meshes mapped at once
RESIDENT = 2**31  # bytes: a larger set stays on the disk, unless the device is a GPU


class RealImages:
    """The training split as normalised geometry images: `(S X − mean image) / deviation`.

    Attributes
    ----------
    mean : (3, n, n), mm
        The mean geometry image.
    deviation : float, mm
        One scalar for all pixels and coordinates.
    """

    def __init__(self, raw: np.ndarray, device: torch.device) -> None:
        total, squares = np.zeros(raw.shape[1:]), 0.0
        for start in range(0, len(raw), BLOCK):
            total += raw[start : start + BLOCK].sum(axis=0, dtype=np.float64)
            _forget_pages(raw)
        mean = total / len(raw)
        for start in range(0, len(raw), BLOCK):
            squares += float(((raw[start : start + BLOCK] - mean) ** 2).sum())
            _forget_pages(raw)
        self.deviation = float(np.sqrt(squares / raw.size))
        self.mean = torch.from_numpy(mean.astype(np.float32)).to(device)
        self._raw, self._device = raw, device
        self._resident: Tensor | None = None
        if raw.nbytes <= RESIDENT or device.type == "cuda":
            whole = torch.empty(raw.shape, device=device)
            for start in range(0, len(raw), BLOCK):
                whole[start : start + BLOCK] = torch.from_numpy(raw[start : start + BLOCK].copy())
                _forget_pages(raw)
            self._resident = whole.sub_(self.mean).div_(self.deviation)

    def __len__(self) -> int:
        return len(self._raw)

    def batch(self, indices: Int[Tensor, " B"]) -> Float[Tensor, "B 3 n n"]:
        """Return the normalised images of some faces."""
        if self._resident is not None:
            return self._resident[indices]
        rows = torch.from_numpy(self._raw[indices.cpu().numpy()]).to(self._device)
        return rows.sub_(self.mean).div_(self.deviation)


def cached_images(
    dataset: Dataset, indices: np.ndarray, S: sp.csr_array, size: int, folder: Path
) -> np.ndarray:
    """Return `S X` of the meshes `indices` as an (N, 3, n, n) float32 memory map, in mm."""
    key = hashlib.sha256()
    for part in (indices.astype(np.int64), S.indptr, S.indices, S.data):
        key.update(np.ascontiguousarray(part).tobytes())
    path = folder / f"images-{size}-{key.hexdigest()[:16]}.npy"
    if not is_whole(path):
        with sealed_path(path) as aside:
            shape = (len(indices), 3, size, size)
            images = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float32, shape=shape)
            mapping = S.astype(np.float32)
            for start in range(0, len(indices), BLOCK):
                V = dataset.vertices(indices[start : start + BLOCK])  # (B, V, 3)
                flat = mapping @ V.transpose(1, 2, 0).reshape(V.shape[1], -1)  # (n², 3 B)
                block = flat.reshape(size, size, 3, len(V)).transpose(3, 2, 0, 1)
                images[start : start + len(V)] = block
                images.flush()
                _forget_pages(images)
            del images
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    assert isinstance(images, np.ndarray)
    return images


def _forget_pages(images: np.ndarray) -> None:
    """Let go of what was read from a memory map: its pages count as this process's memory.

    They stay in the system's cache of files. Nothing happens where there is no such call.
    """
    view = getattr(images, "_mmap", None)
    if isinstance(view, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        view.madvise(mmap.MADV_DONTNEED)
