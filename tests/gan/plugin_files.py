"""Install a package for one test: a dist-info folder and its modules, on `sys.path`."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_plugin"


def install(
    patch: pytest.MonkeyPatch,
    folder: Path,
    distribution: str,
    points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
) -> None:
    """Make a distribution that `importlib.metadata` finds; its modules are forgotten afterwards."""
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    sections = [
        f"[meshkit_gan.{group}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items())
        for group, names in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections))
    for name, source in (modules or {}).items():
        (folder / f"{name}.py").write_text(source)
        patch.setitem(sys.modules, name, None)
        patch.delitem(sys.modules, name)
    patch.syspath_prepend(folder)
