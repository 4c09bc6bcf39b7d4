"""`gan data`: make, import, merge, describe, check and look at data sets."""

import click

from meshkit.cli.group import LazyGroup

COMMANDS = {
    "make": ("gan.cli.data.make:make", "Make a data set of expressive faces from a face model."),
    "import": (
        "gan.cli.data.import_:import_",
        "Make a data set of registered meshes in a folder.",
    ),
    "register": (
        "gan.cli.data.register:register",
        "Register and import many scans, on a cluster if need be.",
    ),
    "visemes": ("gan.cli.data.visemes:visemes", "Label frames with visemes by aligned speech."),
    "merge": ("gan.cli.data.merge:merge", "Join data sets of one topology."),
    "info": ("gan.cli.data.info:info", "Say what a data set holds."),
    "export": ("gan.cli.data.export:export", "Write the meshes of a data set, with a manifest."),
    "check": ("gan.cli.data.check:check", "Read a data set whole and verify everything in it."),
    "preview": ("gan.cli.data.preview:preview", "Draw a contact sheet of a data set's classes."),
    "oracle": (
        "gan.cli.data.oracle:oracle",
        "Say what expression transfer can reach on a benchmark.",
    ),
    "convert-ict": (
        "gan.cli.data.convert_ict:convert",
        "Turn a checkout of ICT-FaceKit into a face model file.",
    ),
    "convert-vitruvian": (
        "gan.cli.data.convert_vitruvian:convert",
        "Turn a checkout of CharMorph-Vitruvian into a face model file.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def data() -> None:
    """Make, import, merge and describe data sets."""
