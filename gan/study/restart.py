"""Make room for training a model anew, without losing the run that is there."""

import itertools
from collections.abc import Sequence

from gan.errors import CheckpointError
from gan.runs.lock import one_writer
from gan.study.study import Study


def set_aside(study: Study, names: Sequence[str], *, dry_run: bool = False) -> None:
    """Rename the runs of models, so that they are trained anew.

    Raises
    ------
    CheckpointError
        There is no such model in the study, or its run is being trained.
    """
    known = [trial.name for trial in study.plan.trials]
    for name in names:
        if name not in known:
            raise CheckpointError(f"--restart {name}: models are {', '.join(known)}")
        run = study.run(name)
        if dry_run or not run.exists():
            continue
        with one_writer(run):
            places = (run.with_name(f"{name}.old-{k}") for k in itertools.count(1))
            run.rename(next(place for place in places if not place.exists()))
        study.record.stages.pop(name, None)
        study.forget(name)
