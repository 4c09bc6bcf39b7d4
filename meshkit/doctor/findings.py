"""What the doctor writes down: one finding per kind of defect."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

SEVERITIES = ("error", "warning", "note")
NOUNS = {"vertices": "vertex", "faces": "face", "edges": "edge"}


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of defect, where it is, and what mends it.

    Attributes
    ----------
    name
        In kebab case, stable: programs may compare it.
    severity
        "error": not usable as a template; "warning": usable, in doubt; "note": worth knowing.
    message
        With counts and the first offenders.
    kind
        What `indices` counts: "vertices", "faces" or "edges" (pairs of vertices).
    remedy
        A code for what mends it, as errors carry one (`meshkit.errors`): mostly the name of a
        function of `meshkit.repair`, in kebab case.
    """

    name: str
    severity: str
    message: str
    kind: str
    indices: Int[np.ndarray, " k"] | Int[np.ndarray, "k 2"]
    remedy: str

    @property
    def count(self) -> int:
        """How many vertices, faces or edges are concerned."""
        return len(self.indices)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "name": self.name,
            "severity": self.severity,
            "message": self.message,
            "count": self.count,
            "kind": self.kind,
            "indices": self.indices.tolist(),
            "remedy": self.remedy,
        }


def enumerate_some(indices: Int[np.ndarray, "k *pair"], limit: int = 5) -> str:
    """Write the first few indices: ``3, 17, 20 …``; pairs as ``3-17``."""
    some = indices[:limit].tolist()
    words = ["-".join(map(str, item)) if isinstance(item, list) else str(item) for item in some]
    return ", ".join(words) + (" …" if len(indices) > limit else "")


def plural(count: int, noun: str) -> str:
    """Return ``1 face``, ``2 faces``, ``2 vertices``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {'vertices' if noun == 'vertex' else noun + 's'}"


def defect(
    name: str,
    severity: str,
    indices: Int[np.ndarray, " k"] | Int[np.ndarray, "k 2"],
    kind: str,
    what: str,
    remedy: str,
) -> list[Finding]:
    """Return one finding, ``2 faces without area: 3, 17``; none if nothing is concerned."""
    if not len(indices):
        return []
    count = plural(len(indices), NOUNS[kind])
    message = f"{count} {what}: {enumerate_some(indices)}"
    return [Finding(name, severity, message, kind, indices, remedy)]
