"""What to do about an error, in the options of gan; codes of meshes are those of meshkit."""

from meshkit.cli.remedies import REMEDIES as OF_MESHES
from meshkit.cli.remedies import Remedy

OF_GAN: dict[str, Remedy] = {
    "align-data-sets": Remedy("gan data merge --align moves it", "--align moves it"),
    "fewer-processes": Remedy(
        "call the same command again, which goes on where it stopped; if memory was short, with a "
        "smaller --jobs"
    ),
    "fit-mesh": Remedy("gan fit fits the model to any scan, and writes codes to use instead"),
    "free-pose": Remedy(
        "gan fit --pose rigid finds where it lies", "--pose rigid finds where it lies"
    ),
    "give-unit": Remedy(
        "gan data import --unit names the unit of the files", "--unit names the unit of the files"
    ),
    "list-meshes": Remedy(
        "gan data import --manifest takes a list of the meshes", "--manifest takes a list of them"
    ),
    "make-benchmark": Remedy("gan data make --benchmark open-faces writes it beside the data set"),
    "name-face-model": Remedy(
        "gan data oracle --model names the file it was made from", "--model names that file"
    ),
    "name-tier": Remedy("gan data visemes --tier names the tier", "--tier names the tier to read"),
    "one-source-of-visemes": Remedy(
        "leave the column out, or do not join a second file of visemes",
        "leave --visemes out, or the column",
    ),
    "restart-model": Remedy(
        "gan reproduce --restart {name} trains it anew; or choose another folder",
        "--restart {name} trains it anew; or choose another folder",
    ),
    "resume-run": Remedy(
        "gan train --resume goes on from the newest checkpoint",
        "--resume goes on from the newest checkpoint",
    ),
    "roll-back": Remedy(
        "gan train --resume goes on from it; gan train --on-divergence rollback halves the rates",
        "--resume goes on from it; --on-divergence rollback halves the rates instead of stopping",
    ),
    "show-landmarks": Remedy(
        "gan fit --landmarks says where some of its places are",
        "--landmarks says where some of its places are, --unit in which unit it is",
    ),
    "show-vertices": Remedy(
        "gan train --set mapping.balance=true spreads them, --set mapping.size gives more texels; "
        "gan data import --crop or --mask keeps the face alone",
        "--set mapping.balance=true spreads them, --set mapping.size gives more texels; gan data "
        "import --crop or --mask keeps the face alone",
    ),
    "skip-bad": Remedy(
        "gan data import --skip-bad leaves them out", "--skip-bad leaves them out, and names them"
    ),
    "split-by-hand": Remedy(
        "fill a column split of the manifest, or put all subjects into training",
        "fill a column split of the manifest, or give --split 1,0,0: all of them train",
    ),
    "store-unit": Remedy("store the unit of length in the field 'unit' of the file"),
}

# What mends a mesh alone would have to be done to all meshes of a data set, alike.
OF_COLLECTIONS: dict[str, Remedy] = {
    "keep-component": Remedy(
        "gan data import --component largest, or --component N by size",
        "--component largest, or --component N by size",
    ),
    "cut-to-disk": Remedy("gan data import --cut opens them", "--cut opens them along a seam"),
    "open-surface": Remedy(
        "gan data import --cut opens it, --mask or --crop keeps a part of it",
        "--cut opens it along a seam, --mask or --crop keeps a part of it",
    ),
    "drop-unreferenced": Remedy(
        "gan data import --component largest leaves them out",
        "--component largest leaves them out",
    ),
}

REMEDIES: dict[str, Remedy] = {**OF_MESHES, **OF_GAN, **OF_COLLECTIONS}
