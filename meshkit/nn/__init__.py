"""Torch layers: frozen sparse operators on vertex signals; the extra `torch` brings them.

Reading order: operator.py (the one class), geometry_mapping.py and
antialiased_mapping.py, laplacian_energy.py; raster.py is `meshkit.raster` in tensors.
"""

from meshkit.nn.antialiased_mapping import AntialiasedMapping
from meshkit.nn.geometry_mapping import GeometryMapping
from meshkit.nn.laplacian_energy import LaplacianEnergy
from meshkit.nn.operator import SparseOperator
from meshkit.nn.raster import TensorRaster, rasterize_uv

__all__ = [
    "AntialiasedMapping",
    "GeometryMapping",
    "LaplacianEnergy",
    "SparseOperator",
    "TensorRaster",
    "rasterize_uv",
]
