"""Mesh to geometry image and back: parameterize, rasterize, resample.

Read the modules in this order: `topology`, `laplacian` (then the room `operators`: masses,
gradients, spectra, geodesics, batches), `param` (disk to square; its borders, weights and guarantee
are in `flattening`), `raster` (its docstring is the pixel convention) and `geometry_image` (then
`images`: files, sub-samples, conventions); `distortion`, `primitives`, `mesh` and `io` (`formats`),
`diagnose` and `repair` (`doctor`), `registration`, `render` (`rendering`). `meshkit.nn`
holds the layers for torch.

A public name is imported when it is first asked for, so `import meshkit` costs nothing; the names
stand in `__init__.pyi`.
"""

import sys
from types import ModuleType
from typing import Any

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


class _Package(ModuleType):
    """The package as a module in which a function wins over the submodule of the same name.

    Importing `meshkit.distortion` binds the submodule to the package. Without this,
    `meshkit.distortion(V, F, UV)` would work or not depending on what was imported before.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in __all__:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
