"""Torch layers: frozen sparse operators on vertex signals; the extra `torch` brings them.

Reading order: operator.py (the one class), geometry_mapping.py, laplacian_energy.py.
"""

from meshkit.nn.geometry_mapping import GeometryMapping
from meshkit.nn.laplacian_energy import LaplacianEnergy
from meshkit.nn.operator import SparseOperator

__all__ = ["GeometryMapping", "LaplacianEnergy", "SparseOperator"]
