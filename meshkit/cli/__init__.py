"""The command `meshkit`: one file per command; a command reads, calls the library, writes."""

import click

from meshkit.cli.group import LazyGroup

COMMANDS = {
    "check": ("meshkit.cli.check:check", "Report what a mesh is, its defects and their remedies."),
    "repair": ("meshkit.cli.repair:repair", "Repair a mesh by named repairs."),
    "uvmap": ("meshkit.cli.uvmap:uvmap", "Flatten a mesh onto the unit square or a circle."),
    "geomimg": ("meshkit.cli.geomimg:geomimg", "Resample a mesh into a geometry image."),
    "unimg": ("meshkit.cli.unimg:unimg", "Turn a geometry image back into a mesh or into maps."),
    "render": ("meshkit.cli.render:render", "Draw meshes: pictures, contact sheets, turntables."),
    "view": ("meshkit.cli.view:view", "Show meshes in the browser."),
    "laplacian": (
        "meshkit.cli.laplacian:laplacian",
        "Write a Laplacian, its mass matrix and its eigenpairs.",
    ),
    "register": ("meshkit.cli.register:register", "Fit a template to a raw scan."),
    "align": ("meshkit.cli.align:align", "Align meshes of one topology with their mean shape."),
    "transfer": ("meshkit.cli.transfer:transfer", "Transfer poses from one mesh to another."),
    "bake": (
        "meshkit.cli.bake:bake",
        "Carry a texture, colours, weights or landmarks over to another mesh.",
    ),
    "completion": (
        "meshkit.cli.completion:completion",
        "Print the completion script for bash, zsh or fish.",
    ),
    "info": ("meshkit.cli.info:info", "List the versions of meshkit and its libraries."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="meshkit-gan")
def main() -> None:
    """Mesh to geometry image and back: parameterize, rasterize, resample.

    Start with meshkit check face.obj, then meshkit uvmap face.obj --preview map.png and meshkit
    geomimg face.obj. Every command has --help, and --json where it prints facts.
    """
