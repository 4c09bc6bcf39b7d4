"""`gan` in one of several processes that look into the run's folder at different times."""

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from gan import parallel
from gan.cli import main
from gan.runs import checkpoints, trainer
from gan.training import loop


def delayed(call: Callable[..., Any], rng: random.Random) -> Callable[..., Any]:
    def late(*arguments: Any, **options: Any) -> Any:
        time.sleep(rng.choice((0.0, 0.0, 1.0)))
        return call(*arguments, **options)

    return late


if __name__ == "__main__":
    seed = sys.argv.pop(1)
    for module, name in (
        *((module, "list_checkpoints") for module in (checkpoints, trainer)),
        *((parallel, name) for name in ("_call", "wait_for_all")),
        (trainer, "train_into"),
        (trainer, "restore"),
        (loop, "train_into"),
    ):
        rng = random.Random(f"{seed} {name} {parallel.os.environ['RANK']}")
        setattr(module, name, delayed(getattr(module, name), rng))
    main()
