"""What is done at each stage of a study. Everything here can be cut off and goes on later."""

import time
from pathlib import Path
from typing import Any

from gan.baselines.config import BaselineConfig, TrainedConfig, read_baseline
from gan.baselines.reconstruction import FILE as RECONSTRUCTION
from gan.baselines.train import train_baseline
from gan.cache import cache_folder
from gan.config import Config, load_config
from gan.errors import CheckpointError
from gan.evaluation.embedding.judge import obtain_judge
from gan.evaluation.kept import kept_in
from gan.evaluation.metric import Unmeasurable
from gan.evaluation.suite import evaluate
from gan.runs.checkpoints import list_checkpoints, load_model
from gan.runs.directory import Outcome, pick_device, read_run
from gan.study.data import Report, make_data
from gan.study.drawn import keep_figures, kept_figures
from gan.study.plan import EVALUATE, Stage, Trial
from gan.study.record import RUNS, note
from gan.study.sizes import Data
from gan.study.study import Study
from gan.study.trained import find_training
from gan.training.loop import train


class Interrupted(RuntimeError):  # noqa: N818
    """A request to stop came; what was done until then is saved."""


def run_stage(study: Study, stage: Stage, report: Report) -> None:
    """Do a stage, or the rest of it; what was done is noted in the record.

    Raises
    ------
    Interrupted
        A request to stop came while a model was trained; a checkpoint is saved.
    TrainingDiverged
        A loss is not finite; the last checkpoint is good.
    CheckpointError, DatasetError, OSError
        What a stage rests on is missing or is not the study's; the disk is full.
    """
    began = time.monotonic()
    facts = _WORK[stage.kind](study, stage, report)
    minutes = (time.monotonic() - began) / 60
    device = str(pick_device(study.device)) if stage.kind in ("judges", "evaluation") else "cpu"
    facts = {"minutes": minutes, "seed": study.plan.seed, "device": device, **facts}
    study.record.stages[stage.name] = note(**facts)


def note_training(study: Study, stage: Stage) -> None:
    """Note in the record how a run came about that is done already, by hand or before."""
    trial = study.plan.trial(stage.name)
    study.record.stages[stage.name] = note(**_training_facts(study, trial))


def _data(study: Study, stage: Stage, report: Report) -> dict[str, Any]:
    which: Data = "benchmark" if stage.name == "data" else "speaking"
    if study.dataset(which) is None:
        make_data(which, study.folder, study.plan, study.sources, study.record, report).close()
    found = study.needed(which)
    return {"key": found.fingerprint, "fingerprint": found.fingerprint, "meshes": found.n}


def _training(study: Study, stage: Stage, report: Report) -> dict[str, Any]:
    trial = study.plan.trial(stage.name)
    data, run = study.needed(trial.data), study.run(trial.name)
    found = find_training(trial, run, data.fingerprint)
    if found.status != "done":
        (study.folder / RUNS).mkdir(parents=True, exist_ok=True)
        config = _own_habits(trial, run, study.threads)
        if isinstance(config, Config):
            outcome = train(
                config,
                data,
                run,
                resume=run.exists(),
                device=study.device,
                progress=report,
            )
        else:
            outcome = _train_baseline(config, study, trial, report)
        if outcome.reason == "interrupted":
            study.forget(trial.name)
            raise Interrupted(f"{run}: interrupted after {outcome.step} of {outcome.iterations}")
    study.forget(trial.name)
    return _training_facts(study, trial)


def _train_baseline(config: BaselineConfig, study: Study, trial: Trial, report: Report) -> Outcome:
    run, limit = study.run(trial.name), None
    if isinstance(config, TrainedConfig):
        limit = config.max_minutes
    (run / RECONSTRUCTION).unlink(missing_ok=True)  # it would be that of a shorter training
    began = time.monotonic()

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "training" and limit is not None:  # the time ends it, most likely
            share = (time.monotonic() - began) / 60 / limit
            done = max(done, min(total, int(share * total)))
        report(stage, done, total)

    return train_baseline(
        config,
        study.needed(trial.data),
        run,
        resume=bool(list_checkpoints(run)),
        device=study.device,
        progress=progress,
    )


def _own_habits(trial: Trial, run: Path, threads: int) -> Config | BaselineConfig:
    """Return the configuration with the threads and the outputs that a run began with.

    With another number of threads the sums round otherwise, and the run would not end bit for bit
    where an unbroken one does.
    """
    file = run / "config.toml"
    if not file.exists():
        return trial.config
    if isinstance(trial.config, Config):
        begun = load_config(None, file)
        kept = {"threads": threads or begun.training.threads}
        kept |= {k: getattr(begun.training, k) for k in ("deterministic", "on_divergence")}
        training = trial.config.training.model_copy(update=kept)
        return trial.config.model_copy(update={"training": training, "output": begun.output})
    own = read_baseline(file)
    return trial.config.model_copy(update={"threads": threads or own.threads})


def _training_facts(study: Study, trial: Trial) -> dict[str, Any]:
    run = study.run(trial.name)
    found, origin = study.training(trial), read_run(run)
    return {
        "key": {"run": trial.name, "dataset": origin.fingerprint, "step": found.step},
        "fingerprint": origin.fingerprint,
        "steps": found.step,
        "of": found.steps,
        "minutes": found.minutes,
        "device": origin.device,
        "versions": origin.versions,
        "seed": study.plan.seed,
        "command": trial.command,
    }


def _judges(study: Study, stage: Stage, report: Report) -> dict[str, Any]:
    data, judging = study.needed("benchmark"), study.judging
    figures = dict[str, Any]()
    for factor in study.judged_factors():
        try:
            judge = obtain_judge(
                data,
                factor.name,
                judging.settings,
                cache_folder(),
                device=pick_device(study.device),
                progress=report,
            )
            figures[factor.name] = judge.figures.accuracy.mean
        except Unmeasurable as reason:
            figures[factor.name] = str(reason)
    return {"key": data.fingerprint, "fingerprint": data.fingerprint, "accuracy": figures}


def _evaluation(study: Study, stage: Stage, report: Report) -> dict[str, Any]:
    trial, data = study.plan.trial(stage.name.removeprefix(EVALUATE)), study.needed("benchmark")
    if study.training(trial).status != "done":
        raise CheckpointError(f"{study.run(trial.name)} is not trained yet: it cannot be measured")
    run, budget = study.run(trial.name), study.plan.budget.evaluation
    model = load_model(run)
    found = evaluate(
        model,
        data,
        kept=kept_in(run, model, data),
        n_samples=budget.samples,
        n_pairs=budget.pairs,
        seed=study.plan.seed,
        metrics=study.metrics(),
        device=pick_device(study.device),
        progress=report,
    )
    key = study.evaluation_key(trial)
    return {"key": key, "fingerprint": data.fingerprint, "skipped": dict(found.skipped)}


def _figures(study: Study, stage: Stage, report: Report) -> dict[str, Any]:
    from gan.study.closing import hold_together
    from gan.study.figures.draw import draw_figures

    trained, key = study.trained(), study.figures_key()
    if not trained:
        raise CheckpointError(f"{study.folder}: no model is trained yet: nothing to draw")
    three = next((t for t in study.plan.trials if t.data == "speaking"), None)
    there = three is not None and study.training(three).status == "done"
    drawn = draw_figures(
        study.members(trained),
        study.needed("benchmark"),
        seed=study.plan.seed,
        watch=lambda what: report(what, 0, 0),
        three_factor_run=study.run(three.name) if three is not None and there else None,
        found=hold_together(study, report) if study.measured() else None,
    )
    count = keep_figures(study.folder, key, drawn)
    return {"key": key, "figures": count}


def _report(study: Study, stage: Stage, report: Report) -> dict[str, Any]:
    from gan.study.closing import write_report

    if not study.measured():
        raise CheckpointError(
            f"{study.folder}: no model is measured yet, with this version of the software: "
            "run the stages evaluations first"
        )
    figures = kept_figures(study.folder, study.figures_key()) or []
    write_report(study, figures, report)
    return {"key": study.report_key(), "missing": study.missing()}


_WORK = {
    "data": _data,
    "training": _training,
    "judges": _judges,
    "evaluation": _evaluation,
    "figures": _figures,
    "report": _report,
}
