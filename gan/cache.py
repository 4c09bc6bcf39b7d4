"""Where derived data is kept between runs, so that nothing is computed twice."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder for derived data, and make it.

    It is `$MESHKIT_GAN_CACHE`, else `$XDG_CACHE_HOME/meshkit-gan`, else `~/.cache/meshkit-gan`.
    It may be deleted at any time.
    """
    named = os.environ.get("MESHKIT_GAN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "meshkit-gan"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
