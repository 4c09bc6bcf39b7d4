"""One picture of a study, with what it is called and what it shows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8


class Figure(NamedTuple):
    """A picture, or the reason why there is none.

    Attributes
    ----------
    name : the stem of its file
    title : a heading
    text : one line that says what to see, and which models are missing and why
    image : (h, w, 3) pixels; None: it cannot be drawn, and `text` says why
    """

    name: str
    title: str
    text: str
    image: UInt8[np.ndarray, "h w 3"] | None
