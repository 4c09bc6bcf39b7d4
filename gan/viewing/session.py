"""The state of one browser: a face, two kept faces, and the way back; no page, no clock."""

from collections.abc import Callable, Hashable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.editing import path_of_codes, transfer_codes
from gan.export.linearisation import Directions
from gan.export.shapes import zero_codes
from gan.models.contract import FaceGenerator

Codes = dict[str, Tensor]
DEPTH = 200  # steps that can be taken back
FACES = ("A", "B")
REACH = 100.0  # deviations: what no slider reaches, and no face survives


class FaceSession:
    """The codes (1, d) of one face, edited factor by factor; tensors are replaced, never changed.

    A slider says how far the code of a factor lies along one of its principal directions, in
    standard deviations of random faces. So it follows whatever else changes the code.

    Parameters
    ----------
    directions
        Per factor, and "noise" where the model has some: `gan.export.linearisation.linearise`.
    seed
        Of the random faces. The first two are the kept faces A and B; the face shown is the mean.
    """

    def __init__(
        self, model: FaceGenerator, directions: Mapping[str, Directions], *, seed: int
    ) -> None:
        self.model = model
        self.directions = {
            name: torch.from_numpy(part.direction).to(model.template)
            for name, part in directions.items()
        }
        self._rng = torch.Generator().manual_seed(seed)
        self.kept: dict[str, Codes] = {face: self._draw() for face in FACES}
        self.codes: Codes = zero_codes(model)
        self._past: list[Codes] = []
        self._future: list[Codes] = []
        self._gesture: Hashable | None = None  # further edits of which are one step with the last
        self._last: Hashable | None = None

    def edit(self, codes: Mapping[str, Tensor], gesture: Hashable | None = None) -> None:
        """Take other codes; edits in a row that belong to one gesture are taken back together."""
        if gesture is None or gesture != self._gesture:
            self._past = [*self._past, self.codes][-DEPTH:]
        self._future = []
        self._gesture = self._last = gesture
        self.codes = dict(codes)

    def end_gesture(self) -> None:
        """Let the next edit be a step of its own."""
        self._gesture = None

    def shows(self, gesture: Hashable) -> bool:
        """Tell whether the face is what this gesture made it, and nothing came after."""
        return self._last == gesture

    def undo(self) -> bool:
        """Take the last step back; False if there is none."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Take the step again that was taken back last; False if there is none."""
        return self._travel(self._future, self._past)

    def _travel(self, here: list[Codes], there: list[Codes]) -> bool:
        if not here:
            return False
        there.append(self.codes)
        self.codes = here.pop()
        self._gesture = self._last = None
        return True

    def amounts(self, part: str) -> Float[np.ndarray, " k"]:
        """Return where the sliders of a factor, or of the noise, stand, in deviations."""
        return np.asarray((self.directions[part] @ self.codes[part][0]).double().cpu().numpy())

    def move(self, part: str, k: int, amount: float) -> None:
        """Put slider k of a factor to an amount; the others, and the other factors, stay.

        Raises
        ------
        ValueError
            The amount is not a number, or absurd.
        """
        if not abs(amount) <= REACH:  # nan too
            raise ValueError(f"{part} {k + 1}: expected deviations up to {REACH:g}, got {amount}")
        code, u = self.codes[part], self.directions[part][k]
        code = code + (amount - code @ u)[:, None] * u
        self.edit({**self.codes, part: code}, ("slider", part, k))

    def choose(self, factor: str, label: int) -> None:
        """Give the face the fixed code of a class."""
        code = self.model.codes[factor][label][None].clone()
        self.edit({**self.codes, factor: code})

    def label(self, factor: str) -> int | None:
        """Return the class whose fixed code the face has; None for a code of its own."""
        same = (self.model.codes[factor] == self.codes[factor]).all(dim=1)
        return int(same.int().argmax()) if bool(same.any()) else None

    def randomise(self, part: str | None = None) -> None:
        """Draw the code of one factor, or all codes; the others stay."""
        drawn = self._draw()
        self.edit(drawn if part is None else {**self.codes, part: drawn[part]})

    def reset(self, part: str | None = None) -> None:
        """Go back to the mean in one factor, or in all."""
        zero = zero_codes(self.model)
        self.edit(zero if part is None else {**self.codes, part: zero[part]})

    def keep(self, face: str) -> None:
        """Keep the face that is shown as A or as B."""
        self.kept[face] = dict(self.codes)

    def recall(self, face: str) -> None:
        """Show the face that was kept as A or as B."""
        self.edit(self.kept[face])

    def transfer(self, factor: str, mode: str, strength: float) -> None:
        """Show B with a factor of A: `gan.editing.transfer_codes`."""
        if not abs(strength) <= REACH:
            raise ValueError(f"expected a strength up to {REACH:g}, got {strength}")
        codes = transfer_codes(
            self.model, self.kept["A"], self.kept["B"], factor, mode=mode, strength=strength
        )
        self.edit(codes, "transfer")

    def interpolate(self, t: float, factors: tuple[str, ...], path: str) -> None:
        """Show a face on the way from A (0) to B (1): `gan.editing.path_of_codes`."""
        if not abs(t) <= REACH:
            raise ValueError(f"expected a place up to {REACH:g}, got {t}")
        A, B = self.kept["A"], self.kept["B"]
        at = np.array([t])
        self.edit(path_of_codes(self.model, A, B, at, factors=factors, path=path), "interpolate")

    def _draw(self) -> Codes:
        return self.model.sample_codes(1, rng=self._rng)


Edit = Callable[[FaceSession], None]
