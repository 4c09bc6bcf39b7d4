"""Arguments and options that several commands take: one type and one wording for each."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import Output

if TYPE_CHECKING:
    from gan.datasets.store import Dataset
    from gan.editing import Face
    from gan.models.contract import FaceGenerator
    from gan.runs.checkpoints import Which

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

ANY = click.Path(path_type=Path)  # the reader of the file says what is wrong with it
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(dir_okay=False, path_type=Path)
# What ends in one of these is meant to be a file, and would be a strange folder.
OF_FILES = frozenset(
    (
        *(".avi", ".gif", ".jpg", ".mkv", ".mov", ".mp4", ".pdf", ".png", ".svg", ".webm"),
        *(".glb", ".gltf", ".obj", ".off", ".ply", ".stl", ".onnx", ".safetensors"),
        *(".csv", ".h5", ".html", ".json", ".md", ".npy", ".npz", ".toml", ".txt", ".zip"),
    )
)
LARGEST_SEED = 2**63 - 1


def option(names: str, type: Any, default: Any, help: str, **settings: Any) -> Decorator:
    """Add an option that shows its default; `names` as click takes them, with spaces between."""
    return click.option(
        *names.split(), type=type, default=default, show_default=True, help=help, **settings
    )


CHECKPOINT = "gan.cli.checkpoint"  # where the choice lies in click's context


def run_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add RUN, and ``--checkpoint``, which `load_run` reads."""

    def keep(context: click.Context, _: click.Parameter, value: str) -> None:
        context.meta[CHECKPOINT] = value

    choice = option(
        "--checkpoint",
        click.Choice(["newest", "best"]),
        "newest",
        "Of a run: the newest, or the best by people who were held out.",
        expose_value=False,
        callback=keep,
    )
    return click.argument("run", type=ANY)(choice(command))


def chosen_checkpoint() -> "Which":
    """Return what ``--checkpoint`` says."""
    chosen: Which = click.get_current_context().meta[CHECKPOINT]
    return chosen


mesh_format_option = option(
    "--format",
    click.Choice(["obj", "ply", "stl", "glb"]),
    "obj",
    "Format of the meshes. STL keeps neither texture coordinates nor shared vertices.",
)


class NewFolder(click.Path):
    """A folder to write; a name that ends as files do is a usage error."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path = Path(value)
        if path.suffix.lower() in OF_FILES and not path.is_dir():
            self.fail(f"Give the name of a folder: '{path}' would be a file.", param, ctx)
        return path


def out_option(help: str, default: str | None = None, *suffixes: str, **settings: Any) -> Decorator:
    """Add ``-o`` / ``--out``: a file of the suffixes; ``type=NewFolder()`` for a folder."""
    return click.option(
        "-o",
        "--out",
        default=default,
        show_default=default is not None,
        help=help,
        **{"type": Output(*suffixes) if suffixes else NEW, **settings},
    )


def seed_option(help: str) -> Decorator:
    """Add ``--seed``."""
    return option("--seed", click.IntRange(0, LARGEST_SEED), 0, help)


def label_option(help: str) -> Decorator:
    """Add ``--label FACTOR=CLASS``, which may be given for several factors, as `given`."""
    return click.option("--label", "given", multiple=True, metavar="FACTOR=CLASS", help=help)


def load_run(run: Path, dataset: "Dataset | None" = None) -> "FaceGenerator":
    """Open the model of a run, of a file, of a function; what is wrong is said with the name."""
    from gan.runs.opening import open_model
    from meshkit.cli.messages import about

    with about(run):
        return open_model(run, dataset, checkpoint=chosen_checkpoint()).to("cpu")


def read_faces(model: "FaceGenerator", *places: str) -> "list[Face]":
    """Read meshes of the model's topology, or rows of codes; say on stderr how a mesh lies."""
    from gan.editing import load_face
    from gan.pose import Placer

    placer, faces = Placer(model), []
    center = model.template.mean(dim=0).double().cpu().numpy()
    for place in places:
        faces.append(load_face(placer, place))
        if words := faces[-1].pose.describe(center):
            click.echo(f"{place}: {words}", err=True)
    return faces


def read_labels(model: "FaceGenerator", pairs: Sequence[str]) -> dict[str, str]:
    """Return factor to class from `factor=class`; ValueError for what the model does not know."""
    labels: dict[str, str] = {}
    known = [factor.name for factor in model.factors]
    for pair in pairs:
        factor, equals, label = pair.partition("=")
        if not equals or not label:
            raise ValueError(f"--label {pair!r}: write FACTOR=CLASS, as in expression=happy")
        if factor not in known:
            raise ValueError(f"the model has no factor {factor!r}; it has {', '.join(known)}")
        if labels.setdefault(factor, label) != label:
            raise ValueError(f"two labels for {factor}: {labels[factor]} and {label}")
        model.label_index(factor, label)
    return labels
