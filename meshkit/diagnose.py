"""The doctor: what a mesh is, its defects by index, and what mends each.

Works on any arrays that look like a mesh: not-a-number, faces that name missing vertices, closed,
non-manifold or empty meshes are findings, not exceptions. The checks build on each other (see
`meshkit.doctor.defects`): faces with impossible indices are left out of the connectivity, faces at
positions that are not finite out of the geometry.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from meshkit.checks import takes_mesh
from meshkit.doctor.defects import (
    border_defects,
    connectivity_defects,
    faces_by_component,
    geometry_defects,
    index_defects,
    part_defects,
    sound_faces,
    vertex_defects,
)
from meshkit.doctor.findings import SEVERITIES, Finding
from meshkit.errors import MeshError
from meshkit.topology import edge_table, loop_lengths


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a mesh is.

    Attributes
    ----------
    vertices, faces
        Counts, of everything in the file.
    components
        Connected sets of faces; vertices in no face do not count.
    loops
        Vertices on each border loop, longest first; none for a closed surface.
    euler
        vertices - edges + faces, of the sound faces and their vertices.
    genus
        Handles of all components together; None unless the mesh is an oriented manifold.
    findings
        Errors first, then warnings, then notes.
    """

    vertices: int
    faces: int
    components: int
    loops: tuple[int, ...]
    euler: int
    genus: int | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the mesh from being a template: a disk, possibly with holes."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "vertices": self.vertices,
            "faces": self.faces,
            "components": self.components,
            "loops": list(self.loops),
            "euler": self.euler,
            "genus": self.genus,
            "usable": not self.errors,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@takes_mesh
def diagnose(V: np.ndarray, F: np.ndarray) -> Diagnosis:
    """Examine a mesh; whatever is wrong with it is in the findings.

    Parameters
    ----------
    V : length
        (n, 3) floats; may hold nan and inf.
    F : 1
        (m, 3) integers; may hold anything.

    Raises
    ------
    MeshError
        The arrays are not (n, 3) numbers and (m, 3) integers: that is no mesh at all.
    """
    if V.ndim != 2 or V.shape[1:] != (3,) or F.ndim != 2 or F.shape[1:] != (3,):
        raise MeshError(f"V must be (n, 3) and F (m, 3), got {V.shape} and {F.shape}")
    sound = F[sound_faces(F, len(V))["sound"]]
    findings = [*index_defects(F, len(V)), *vertex_defects(V, sound)]
    n_parts, euler = 0, 0
    lengths: tuple[int, ...] = ()
    genus = None
    if len(sound):
        surface = [*connectivity_defects(sound), *part_defects(sound, len(V))]
        n_parts = faces_by_component(sound, len(V))[1]
        lengths = loop_lengths(sound)
        euler = len(np.unique(sound)) - len(edge_table(sound).E) + len(sound)
        if {finding.name for finding in surface} <= {"several-components"}:
            genus = (2 * n_parts - euler - len(lengths)) // 2
        finite = np.isfinite(V).all(axis=1)[sound].all(axis=1)
        findings += surface
        findings += border_defects(sound, lengths, n_parts, genus)
        findings += geometry_defects(V, sound[finite])
    else:
        findings.append(_no_face(len(F)))
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Diagnosis(len(V), len(F), n_parts, lengths, euler, genus, tuple(findings))


def _no_face(n_faces: int) -> Finding:
    what = "no face" if n_faces == 0 else "no sound face"
    none = np.zeros(0, dtype=np.int64)
    return Finding("no-faces", "error", f"the mesh has {what}", "faces", none, "give-faces")
