"""A head of our own to train on: nobody's face, no licence."""

from gan.datasets.procedural.head import ProceduralHead

__all__ = ["ProceduralHead"]
