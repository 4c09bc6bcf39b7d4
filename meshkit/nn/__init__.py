"""Torch layers: frozen sparse operators on vertex signals; the extra `torch` brings them.

Reading order: operator.py (the one class), geometry_mapping.py and antialiased_mapping.py,
vertex_sampling.py (the way back), laplacian_energy.py, smoothing.py and spectral.py, cotangent.py
(Laplacians of meshes that change); raster.py is `meshkit.raster` in tensors.
"""

from meshkit.nn.antialiased_mapping import AntialiasedMapping
from meshkit.nn.cotangent import CotangentLaplacian
from meshkit.nn.geometry_mapping import GeometryMapping
from meshkit.nn.laplacian_energy import LaplacianEnergy
from meshkit.nn.operator import SparseOperator
from meshkit.nn.raster import TensorRaster, rasterize_uv
from meshkit.nn.smoothing import Smoothing
from meshkit.nn.spectral import SpectralTruncation
from meshkit.nn.vertex_sampling import VertexSampling

__all__ = [
    "AntialiasedMapping",
    "CotangentLaplacian",
    "GeometryMapping",
    "LaplacianEnergy",
    "Smoothing",
    "SparseOperator",
    "SpectralTruncation",
    "TensorRaster",
    "VertexSampling",
    "rasterize_uv",
]
