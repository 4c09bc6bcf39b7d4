"""What meshkit raises on purpose; messages say what was found, where, and what was expected."""


class MeshError(ValueError):
    """The caller's mesh breaks a precondition."""


class TopologyError(MeshError):
    """The connectivity is not what the operation needs (a disk, one component, a manifold)."""


class DegenerateFaceError(MeshError):
    """A face has no area, so its angles do not exist."""


class FileFormatError(MeshError):
    """A file is not what its name or its header promises."""


class SolveError(RuntimeError):
    """The numbers failed: a linear system was not solved to its tolerance."""
