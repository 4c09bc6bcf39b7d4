"""The command `meshkit`: one file per command; a command reads, calls the library, writes."""

import click

from meshkit.cli.group import LazyGroup

COMMANDS = {
    "check": ("meshkit.cli.check:check", "Say what a mesh is, its defects and their remedies."),
    "repair": ("meshkit.cli.repair:repair", "Mend a mesh by named repairs."),
    "uvmap": ("meshkit.cli.uvmap:uvmap", "Flatten a disk mesh onto the unit square or a circle."),
    "geomimg": ("meshkit.cli.geomimg:geomimg", "Resample a mesh into a geometry image."),
    "unimg": ("meshkit.cli.unimg:unimg", "Turn a geometry image back into a mesh, or into maps."),
    "render": ("meshkit.cli.render:render", "Draw meshes: stills, contact sheets, turntables."),
    "view": ("meshkit.cli.view:view", "Show meshes in the browser."),
    "laplacian": ("meshkit.cli.laplacian:laplacian", "Write a Laplacian, its mass, its modes."),
    "register": ("meshkit.cli.register:register", "Fit a template to a raw scan."),
    "align": ("meshkit.cli.align:align", "Move meshes of one topology onto their common mean."),
    "transfer": ("meshkit.cli.transfer:transfer", "Carry poses from one mesh to another."),
    "completion": ("meshkit.cli.completion:completion", "Let bash, zsh or fish complete this."),
    "info": ("meshkit.cli.info:info", "Say which versions and optional back ends are installed."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="meshkit-gan")
def main() -> None:
    """Mesh to geometry image and back: parameterize, rasterize, resample.

    Start with: meshkit check face.obj; meshkit uvmap face.obj --preview map.png; meshkit geomimg
    face.obj. Each command has --help; those that print facts have --json.
    """
