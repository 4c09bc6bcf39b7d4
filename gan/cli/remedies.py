"""What to do about an error, in the options of gan; codes of meshes are those of meshkit."""

from meshkit.cli.remedies import REMEDIES as OF_MESHES
from meshkit.cli.remedies import Remedy

REMEDIES: dict[str, Remedy] = {**OF_MESHES}
