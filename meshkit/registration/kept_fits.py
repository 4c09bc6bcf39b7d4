"""Fits of a sequence kept in a folder, so that an interrupted one goes on where it was."""

import hashlib
import zipfile
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path

import numpy as np

from meshkit.registration.similarity import Similarity
from meshkit.registration.template_fit import TemplateFit
from meshkit.sealed import is_whole, sealed_path

Key = tuple[int, int]  # pass, frame


class KeptFits(MutableMapping[Key, TemplateFit]):
    """A mapping from (pass, frame) to a fit, one file for each.

    A file counts as long as everything that its fit depends on is the same: a frame's fit in the
    first pass on the settings and the scans up to it, in the second on the next scan too. Files of
    other settings or scans are as good as absent, and are replaced.

    Parameters
    ----------
    folder
        Made with the first fit.
    settings
        Of anything but the scans: template, options.
    inputs
        Of each frame: its scan and landmarks.
    """

    def __init__(self, folder: Path, settings: bytes, inputs: Sequence[bytes]) -> None:
        self.folder = folder
        self._digests = []
        digest = settings
        for frame in inputs:
            digest = hashlib.sha256(digest + frame).digest()
            self._digests.append(digest)

    def __getitem__(self, key: Key) -> TemplateFit:
        path = self._path(key)
        if not is_whole(path):
            raise KeyError(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if bytes(kept["depends_on"]) != self._depends_on(key):
                    raise KeyError(key)
                pose = Similarity(kept["R"], kept["t"], float(kept["scale"]))
                return TemplateFit(kept["V"], pose, kept["weight"])
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise KeyError(key) from error

    def __setitem__(self, key: Key, fit: TemplateFit) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with sealed_path(self._path(key)) as aside:
            np.savez(
                aside,
                V=fit.V,
                weight=fit.weight,
                **fit.pose._asdict(),
                depends_on=np.frombuffer(self._depends_on(key), dtype=np.uint8),
            )

    def __delitem__(self, key: Key) -> None:
        if key not in self:
            raise KeyError(key)
        self._path(key).unlink()

    def __iter__(self) -> Iterator[Key]:
        n = len(self._digests)
        every = ((a, k) for a in (0, 1) for k in range(n))
        return iter([key for key in every if key in self])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _path(self, key: Key) -> Path:
        return self.folder / f"pass{key[0] + 1}_{key[1]:05d}.npz"

    def _depends_on(self, key: Key) -> bytes:
        which, frame = key
        last = min(frame + which, len(self._digests) - 1)  # the second pass looks ahead by one
        return self._digests[last]
