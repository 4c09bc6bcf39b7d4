"""Where a result comes from: software version, commit, library versions."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path


def provenance() -> dict[str, str]:
    """Return versions of this project and of what it computes with, and the commit if known."""
    record = {"python": platform.python_version()}
    for name in ("meshkit-gan", "torch", "numpy", "scipy"):
        try:
            record[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            record[name] = "absent"
    commit = source_commit()
    return record | ({"commit": commit} if commit else {})


def software() -> str:
    """Return the name and the version of this project, as files made by it say it."""
    return f"meshkit-gan {metadata.version('meshkit-gan')}"


def source_commit() -> str | None:
    """Return the commit of the source tree this package runs from; None for an installed wheel."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
