"""The figures of a study: the same faces, scale and light for every model.

`draw_figures` draws them all; each has a module of its own.
"""

from gan.study.figures.draw import FIGURES, draw_figures
from gan.study.figures.figure import Figure

__all__ = ["FIGURES", "Figure", "draw_figures"]
