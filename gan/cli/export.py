"""`gan export`."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli.options import (
    ANY,
    label_option,
    load_run,
    option,
    out_option,
    read_faces,
    read_labels,
    run_argument,
    seed_option,
)
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.datasets.store import Dataset
    from gan.export.linearisation import Linearisation
    from gan.models.contract import FaceGenerator

# Name in a folder by format; the suffix of a single file means the same.
NAMES = {
    "glb": "face.glb",
    "onnx": "model.onnx",
    "safetensors": "model.safetensors",
    "npz": "linear.npz",
}
CARD = "model.card.json"
SUFFIXES = {".glb": "glb", ".gltf": "glb"} | {f".{format}": format for format in NAMES}


@click.command()
@run_argument
@out_option(
    "File, whose suffix decides the format (.glb .gltf .onnx .safetensors .npz), or folder "
    "for all of them.",
    "export",
    type=ANY,
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(list(NAMES)),
    help="What a folder gets; several times for several.  [default: all]",
)
@click.option(
    "--face",
    metavar="FILE",
    help="glTF: the face at rest, as a mesh of the model's topology, in any pose and unit, or a "
    "row of codes ('codes.npz#3').  [default: the mean face]",
)
@label_option("glTF: a class of the face at rest, once for each factor.")
@option(
    "--directions",
    click.IntRange(0, 1000),
    5,
    "glTF: principal directions of each factor, two targets each.",
    metavar="N",
)
@option(
    "--sigmas",
    click.FloatRange(0, 10, min_open=True),
    2.0,
    "glTF: where a direction's weight is 1, in standard deviations.",
)
@click.option(
    "--classes",
    multiple=True,
    metavar="FACTOR",
    help="glTF: factor whose classes become targets.  [default: those with at most 20]",
)
@option(
    "--samples",
    click.IntRange(10, 1_000_000),
    1000,
    "glTF, NPZ: random faces from which directions are found.",
    metavar="N",
)
@seed_option("Of those random faces.")
@json_option
def export(
    run: Path,
    out: Path,
    formats: tuple[str, ...],
    face: str | None,
    given: tuple[str, ...],
    directions: int,
    sigmas: float,
    classes: tuple[str, ...],
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    r"""Write the model of RUN for other tools.

    glTF with morph targets (Blender, three.js, game engines), ONNX from codes to vertices,
    safetensors with a model card, and a linear model with its error as NPZ. Equal calls give equal
    bytes.

    \b
    gan export runs/faces -o export
    gan export runs/faces -o anna.glb --label identity=anna --label expression=neutral
    """
    from gan.report.folder import written_folder
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar
    from meshkit.files import check_target

    single = single_format(out, formats)
    if single is not None:
        check_target(out)
    model = load_run(run)
    morphs = {"directions": directions, "sigmas": sigmas, "classes": list(classes) or None}
    job = Job(run, model, face, read_labels(model, given), morphs, samples, seed)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        if single is None:
            folder = stack.enter_context(written_folder(out, is_export, "an export"))
            for format in NAMES:
                if not formats or format in formats:
                    progress(f"writing {NAMES[format]}", 0, 0)
                    job.write(format, folder / NAMES[format])
        else:
            progress(f"writing {out}", 0, 0)
            job.write(single, out)
    tell(f"{out}: {'; '.join(job.lines)}", {"output": out, **job.facts}, as_json)


def single_format(out: Path, formats: tuple[str, ...]) -> str | None:
    """Return the format of a file's suffix; None for a folder.

    Raises
    ------
    ValueError
        The suffix is unknown, or formats are chosen for a single file.
    """
    suffix = out.suffix.lower()
    if out.is_dir() or not suffix:
        return None
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{out}: unknown suffix {suffix!r}; known are {' '.join(SUFFIXES)}, and a name without "
            "suffix is a folder"
        )
    if formats:
        raise ValueError(f"leave --format out: {out} is a file, and its suffix is its format")
    return SUFFIXES[suffix]


def is_export(path: Path) -> bool:
    """Return whether a file is one that this command writes into a folder."""
    return path.name in (*NAMES.values(), CARD)


@dataclasses.dataclass
class Job:
    """The parts of one export; what several formats need is computed once."""

    run: Path
    model: "FaceGenerator"
    face: str | None  # at rest, as `load_face` reads it
    labels: dict[str, str]  # of the face at rest
    morphs: dict[str, Any]  # what `morph_targets` is asked for
    samples: int
    seed: int
    facts: dict[str, Any] = dataclasses.field(default_factory=lambda: {"files": []})
    lines: list[str] = dataclasses.field(default_factory=list)

    def write(self, format: str, path: Path) -> None:
        """Write one format."""
        self.facts["files"].append(path.name)
        writers = {"glb": self._glb, "onnx": self._onnx, "safetensors": self._tensors}
        (writers | {"npz": self._npz})[format](path)

    @functools.cached_property
    def linear(self) -> "Linearisation":
        """The linear model, computed when it is first wanted."""
        from gan.export.linearisation import linearise

        return linearise(self.model, n_samples=self.samples, seed=self.seed)

    def _glb(self, path: Path) -> None:
        from gan.export.meaning import in_words
        from gan.export.morphs import morph_targets, save_morph_face
        from gan.export.shapes import zero_codes
        from meshkit.registration.similarity import identity

        model = self.model
        base, detail, motion = zero_codes(model), None, identity()
        self.facts["pose"] = None
        if self.face is not None:
            (face,) = read_faces(model, self.face)
            base, detail, motion = face.codes, face.detail, face.pose.motion
            self.facts["pose"] = face.pose.to_dict()
        for factor, label in self.labels.items():
            base = base | {factor: model.codes[factor][model.label_index(factor, label)][None]}
        V, targets = morph_targets(model, base, self.linear, **self.morphs)
        if detail is not None:  # what the model does not express of the mesh stays at every weight
            D = detail.double().numpy()
            V, targets = V + D, [target._replace(V=target.V + D) for target in targets]
        marks = None if model.landmarks is None else model.landmarks.cpu().numpy()
        self.facts["meanings"] = [in_words(V, target.V - V, marks) for target in targets]
        # In the pose of the mesh; glTF is in metres, whatever the mesh was in.
        targets = [target._replace(V=motion.apply(target.V)) for target in targets]
        save_morph_face(path, model, motion.apply(V), targets)
        self.facts["targets"] = [target.name for target in targets]
        self.lines.append(f"a face with {len(targets)} morph targets")

    def _onnx(self, path: Path) -> None:
        from gan.export.onnx_file import save_onnx

        save_onnx(path, self.model)
        self.lines.append("an ONNX decoder")

    def _tensors(self, path: Path) -> None:
        from gan.export.card import save_card
        from meshkit.files import atomic_path

        with atomic_path(path.with_suffix(".card.json")) as card, atomic_path(path) as aside:
            save_card(card, self._card())
            self.model.save(aside)
        self.facts["files"].append(path.with_suffix(".card.json").name)
        self.lines.append("its weights and a model card")

    def _npz(self, path: Path) -> None:
        from gan.export.linearisation import save_linear

        linear = self.linear
        save_linear(path, self.model, linear)
        self.facts["linear"] = {"rms_mm": linear.rms, "spread_mm": linear.spread}
        self.lines.append(
            f"a linear model, {linear.rms:.3f} mm RMS from this one on random faces that lie "
            f"{linear.spread:.3f} mm from their mean"
        )

    def _card(self) -> dict[str, Any]:
        from gan.evaluation.result import Evaluation
        from gan.export.card import model_card
        from gan.runs.directory import read_run

        run = self.run
        versions = read_run(run).versions if run.is_dir() else None
        file = run / "evaluation.json"
        evaluation = Evaluation.load(file).as_dict() if file.is_file() else None
        with self._dataset() as dataset:
            return model_card(
                self.model,
                name=run.resolve().stem if run.is_file() else run.resolve().name,
                dataset=dataset,
                evaluation=evaluation,
                versions=versions,
            )

    @contextlib.contextmanager
    def _dataset(self) -> "Iterator[Dataset | None]":
        """Open the data set of the run, if it is where it was and still the same."""
        from gan.datasets.store import load_dataset
        from gan.runs.directory import read_run

        path = read_run(self.run).dataset if self.run.is_dir() else None
        if path is None or not path.is_file():
            yield None
            return
        with load_dataset(path) as dataset:
            same = dataset.fingerprint == self.model.provenance.get("dataset")
            yield dataset if same else None
