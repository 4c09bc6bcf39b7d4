"""The command `gan`: one file per command; a command reads, calls the library, writes."""

import click

from gan.cli.remedies import REMEDIES
from meshkit.cli.group import LazyGroup

COMMANDS = {
    "data": ("gan.cli.data:data", "Make, convert and describe data sets."),
    "train": ("gan.cli.train:train", "Train a decoupled face model."),
    "baseline": ("gan.cli.baseline:baseline", "Train a model to compare ours with."),
    "plugins": ("gan.cli.plugins:plugins", "List what a configuration can name."),
    "sample": ("gan.cli.sample:sample", "Write generated meshes and a contact sheet."),
    "fit": ("gan.cli.fit:fit", "Fit a model to landmarks or to a scan."),
    "encode": ("gan.cli.encode:encode", "Find the codes of meshes, or of a sequence."),
    "neutralise": ("gan.cli.neutralise:neutralise", "Take the expression out of faces."),
    "transfer": ("gan.cli.transfer:transfer", "Give one face the expression of another."),
    "interpolate": ("gan.cli.interpolate:interpolate", "Go from one face to another."),
    "animate": ("gan.cli.animate:animate", "Move a face in time: glTF, MP4, GIF."),
    "evaluate": ("gan.cli.evaluate:evaluate", "Measure a trained model against its data set."),
    "judge": ("gan.cli.judge:judge", "Train the networks that judge decoupling."),
    "ablate": ("gan.cli.ablate:ablate", "Train a model without each of its parts, and compare."),
    "reproduce": ("gan.cli.reproduce:reproduce", "The paper's tables and figures, from nothing."),
    "compare": ("gan.cli.compare:compare", "Measure several runs alike; judge the claims."),
    "view": ("gan.cli.view:view", "Move the faces of a model in the browser."),
    "export": ("gan.cli.export:export", "Write a model for other tools: glTF, ONNX, 3DMM."),
    "report": ("gan.cli.report:report", "Write one HTML page about a run."),
    "doctor": ("gan.cli.doctor:doctor", "Try what is installed: back ends, device, cache."),
    "completion": ("meshkit.cli.completion:completion", "Let bash, zsh or fish complete this."),
    "bench": ("gan.cli.bench:bench", "Time the training: parts of a step, and its floor."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    remedies=REMEDIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="meshkit-gan")
def main() -> None:
    """Learn, measure and use decoupled 3D face models."""
