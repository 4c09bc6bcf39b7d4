"""What meshkit raises on purpose; messages say what was found, where, and what was expected.

An error may carry a *remedy code*, which names what mends it as the Python function of that repair
is named: "drop-unreferenced", "cut-to-disk". The library knows no command and no option; a command
line translates the codes (`meshkit.cli.remedies`).
"""


class Remediable(Exception):  # noqa: N818
    """An error that may know what mends it.

    Attributes
    ----------
    remedy
        A code in kebab case, stable: programs may compare it. None where there is no one answer.
    context
        Values that the translation of the code may name.
    """

    def __init__(self, message: str = "", remedy: str | None = None, **context: object) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.context = context

    def about(self, what: object) -> "Remediable":
        """Return an error of the same class with what it is about (a file) in front."""
        return type(self)(f"{what}: {self}", self.remedy, **self.context)


class MeshError(Remediable, ValueError):
    """The caller's mesh breaks a precondition."""


class TopologyError(MeshError):
    """The connectivity is not what the operation needs (a disk, one component, a manifold)."""


class DegenerateFaceError(MeshError):
    """A face has no area, so its angles do not exist."""


class FileFormatError(MeshError):
    """A file is not what its name or its header promises."""


class SolveError(Remediable, RuntimeError):
    """The numbers failed: a linear system was not solved to its tolerance."""
