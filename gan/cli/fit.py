"""`gan fit`."""

from pathlib import Path

import click

from gan.cli.sample import LARGEST_SEED
from meshkit.cli.parameters import json_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--landmarks",
    "marks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Landmarks of a scan: JSON as for `meshkit register`, or the model's 68 points.",
)
@click.option(
    "--prior",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="λ, in mm²: what ‖z‖² = 1 costs; 0 trusts the landmarks alone.",
)
@click.option("--starts", type=click.IntRange(1, 1000), default=8, show_default=True)
@click.option("--steps", type=click.IntRange(1, 100_000), default=300, show_default=True)
@click.option(
    "--pose",
    type=click.Choice(["fixed", "rigid", "similarity"]),
    default="rigid",
    show_default=True,
    help="What may happen to the model to lie on the target: nothing, motion, motion and scale.",
)
@click.option(
    "--label",
    "given",
    multiple=True,
    metavar="FACTOR=CLASS",
    help="Keep the code of a factor at that of a label; once for each factor.",
)
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
@click.option(
    "--format",
    type=click.Choice(["obj", "ply", "stl", "glb"]),
    default="obj",
    show_default=True,
    help="STL has no texture coordinates, and no shared vertices.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default="fit",
    show_default=True,
    help="Folder to write: the mesh, its codes, errors, a picture.",
)
@json_option
def fit(
    run: Path,
    target: Path,
    marks: Path | None,
    prior: float,
    starts: int,
    steps: int,
    pose: str,
    given: tuple[str, ...],
    seed: int,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Fit the model of RUN to TARGET: a file of landmarks (.json), or a scan.

    Landmarks are fitted first, from several random codes at once. A scan without landmarks is
    aligned with the mean face first, and its whole surface is followed in either case.

    Example: gan fit runs/faces landmarks.json -o fitted

    Example: gan fit runs/faces scan.ply --landmarks picked.json --pose similarity
    """
    from gan.cli.sample import read_labels
    from gan.fitting import FitOptions, fit_landmarks, fit_scan, fit_whole_scan
    from gan.landmarks import face_landmarks
    from gan.report.edits import write_fit
    from gan.runs.checkpoints import load_model
    from meshkit.cli.messages import about, tell
    from meshkit.registration.scan_file import load_scan

    with about(run):
        model = load_model(run).to("cpu")
    labels = read_labels(model, list(given))
    known = {f: model.codes[f][[model.label_index(f, label)]] for f, label in labels.items()}
    options = FitOptions(prior, starts, steps, pose=pose, seed=seed, locked=tuple(known))
    scan = None
    if target.suffix.lower() == ".json":
        if marks is not None:
            raise ValueError("TARGET is a file of landmarks already: leave --landmarks out")
        marks = target
    else:
        with about(target):
            scan = load_scan(target)
    lands = None if marks is None else face_landmarks(model, marks, scan)
    if lands is not None:
        found = fit_landmarks(model, lands.operator, lands.points[None], options, known=known)
        if scan is not None:
            pull = (lands.operator, lands.points)
            found = fit_scan(model, scan, found, options, landmarks=pull)
    else:
        assert scan is not None
        found = fit_whole_scan(model, scan, options, known=known)
    facts = {
        "target": target.name,
        "prior_mm2": prior,
        "pose": pose,
        "seed": seed,
        "starts": [] if lands is None else found.objective[0].tolist(),
    }
    places = None
    if lands is not None:
        wanted = found.motions[0].inverse().apply(lands.points)
        places = (wanted, lands.operator @ found.vertices[0].double().numpy())
    write_fit(model, out, found, facts, landmarks=places, target=scan, format=format)
    error = found.error.item()
    line = f"{out}: root mean square distance {error:.2f} mm; see {out}/fit.json"
    tell(line, {"run": run, "output": out, "rms_mm": error, **facts}, as_json)
