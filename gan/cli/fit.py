"""`gan fit`."""

from pathlib import Path

import click

from gan.cli.options import (
    EXISTING,
    NewFolder,
    label_option,
    load_run,
    mesh_format_option,
    option,
    out_option,
    read_labels,
    run_argument,
    seed_option,
)
from meshkit.cli.parameters import json_option


@click.command()
@run_argument
@click.argument("target", type=EXISTING)
@click.option(
    "--landmarks",
    "marks",
    type=EXISTING,
    help="Landmarks of a scan: JSON as for `meshkit register`, or the model's 68 points.",
)
@option(
    "--prior",
    click.FloatRange(min=0),
    1.0,
    "What ‖z‖² = 1 costs (λ of Eq. 13). Raise it for plausible faces; 0 trusts the landmarks.",
    metavar="MM2",
)
@option(
    "--starts", click.IntRange(1, 1000), 8, "Random codes to set out from; the best end counts."
)
@option("--steps", click.IntRange(1, 100_000), 300, "Steps of Adam.")
@option(
    "--pose",
    click.Choice(["fixed", "rigid", "similarity"]),
    "rigid",
    "How the model may move to lie on the target: not at all, rigidly, or with scale.",
)
@option(
    "--unit",
    click.Choice(["auto", "mm", "cm", "dm", "m"]),
    "auto",
    "Unit of length of TARGET; auto finds it from the size of the face.",
)
@label_option("Keep the code of a factor at that of a class; once for each factor.")
@seed_option("Of the random starts.")
@mesh_format_option
@out_option("Folder to write: the mesh, its codes, errors, a picture.", "fit", type=NewFolder())
@json_option
def fit(
    run: Path,
    target: Path,
    marks: Path | None,
    prior: float,
    starts: int,
    steps: int,
    pose: str,
    unit: str,
    given: tuple[str, ...],
    seed: int,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Fit the model of RUN to TARGET: a file of landmarks (.json), or a scan.

    Landmarks are fitted first, from several random codes at once. A scan without landmarks is
    aligned with the mean face first, and its whole surface is followed in either case. TARGET may
    lie anywhere and be in any unit; the mesh that is written lies on it.

    Example: gan fit runs/faces landmarks.json -o fitted

    Example: gan fit runs/faces scan.ply --landmarks picked.json --pose similarity
    """
    from gan.fitting import FitOptions
    from gan.goal import Goal, fit_goal
    from gan.landmarks import face_landmarks
    from gan.report.edits import write_fit
    from meshkit.cli.messages import about, tell
    from meshkit.cli.progress import progress_bar
    from meshkit.registration.scan_file import load_scan

    model = load_run(run)
    labels = read_labels(model, given)
    known = {f: model.codes[f][[model.label_index(f, label)]] for f, label in labels.items()}
    options = FitOptions(prior, starts, steps, pose=pose, seed=seed, locked=tuple(known))
    scan = None
    if target.suffix.lower() == ".json":
        if marks is not None:
            raise ValueError("leave --landmarks out: TARGET is a file of landmarks already")
        marks = target
    else:
        with about(target):
            scan = load_scan(target)
    lands = None if marks is None else face_landmarks(model, marks, scan)
    goal = Goal(scan, lands, None if unit == "auto" else unit)
    with about(target), progress_bar() as progress:
        fitted, unit = fit_goal(model, goal, options, known=known, progress=progress)
    if unit != "mm":
        click.echo(f"{target}: lengths are {unit}", err=True)
    facts = {
        "target": target.name,
        "prior_mm2": prior,
        "pose": pose,
        "unit": unit,
        "seed": seed,
        "starts": [] if lands is None else fitted.objective[0].tolist(),
    }
    places = None
    if lands is not None:
        wanted = fitted.motions[0].inverse().apply(lands.points)
        places = (wanted, lands.operator @ fitted.vertices[0].double().numpy())
    write_fit(model, out, fitted, facts, landmarks=places, target=scan, format=format)
    error = fitted.error.item()
    line = f"{out}: root mean square distance {error:.2f} mm; see {out}/fit.json"
    tell(line, {"run": run, "output": out, "rms_mm": error, **facts}, as_json)
