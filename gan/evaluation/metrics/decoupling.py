"""Whether faces that share a code look as if they shared its label, to trained judges.

Donahue et al., ICLR 2018, as Fernández Abrevaya et al., ICCV 2019, Section 5.3, use it: random
faces, for each more that share one code, and the share of these pairs that a network takes for the
same person, the same expression. A model that makes a single face passes that test, and one with
small expressions passes it more easily. So the same judges are asked about faces that share
nothing, and what counts is the difference.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float

from gan.cache import cache_folder
from gan.datasets.store import Dataset
from gan.evaluation.embedding.judge import Judge, obtain_judges
from gan.evaluation.embedding.learning import JudgeSettings
from gan.evaluation.embedding.material import judge_data
from gan.evaluation.embedding.normal_maps import draw_normal_maps
from gan.evaluation.embedding.verdict import judge_codes
from gan.evaluation.estimate import Estimate, average
from gan.evaluation.generated import decode_blocks, share_code
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Column,
    Context,
    Measured,
    Unfinished,
    Unmeasurable,
    every_reason,
)
from gan.runs.directory import pick_device

_UNRELATED = 10  # further faces that each random face is held against
_PARTS = {"": "difference", "same": "accepted", "unrelated": "false_accepted", "area": "area"}


@final
@METRICS.register("decoupling")
@dataclass(frozen=True, kw_only=True)
class Decoupling(JudgeSettings, AbstractMetric):
    """How many more faces trained judges take for the same when they share the code of a factor.

    For each factor several judges are trained, from different seeds, on labelled faces of people
    whom no model has seen (`gan.evaluation.embedding.material`), and tried on others of them; their
    accuracy and false acceptances are among the values. Judges that are too weak are not asked.
    "same" is the share of faces with a common code that are taken for the same, "unrelated" that of
    faces without one, the number itself their difference, "area" that under the curve of both.

    Attributes
    ----------
    data : file of the faces that judges learn from; default: that beside the benchmark,
        NAME.judges.h5, else the data set itself
    judges : for each factor
    faces, samples : random faces N, and M further ones for each that share its code
    least_accuracy : of judges on held-out pairs, below which they are not asked
    budget : minutes for the training of judges; 0: as long as it takes. The next call goes on
    device : "cpu" or "cuda"; "auto": that of the evaluation

    References
    ----------
    Donahue et al., Semantically decomposing the latent spaces of GANs, ICLR 2018, Section 4.
    """

    data: str = ""
    judges: int = 3
    faces: int = 500
    samples: int = 10
    least_accuracy: float = 0.85
    budget: float = 0.0
    device: str = "auto"

    unit = "%"
    meaning = (
        "pairs with a common code judged the same, less unrelated ones; training: real held-out "
        "pairs with equal and different labels"
    )
    better = "higher"
    needs = ("codes",)
    columns = (
        Column(
            "decoupling.{factor}",
            "Dec-{short}",
            "model, {factor}",
            "training, {factor}",
            meaning="share of faces with the same {factor} code that trained judges take for the "
            "same, less that of faces that share nothing",
            headline=True,
        ),
        Column(
            "same.{factor}",
            "same-{short}",
            "model, {factor}, same",
            "training, {factor}, same",
            meaning="share of faces with the same {factor} code that trained judges take for the "
            "same",
            guard="unrelated.{factor}",
        ),
        Column(
            "unrelated.{factor}",
            "unrelated-{short}",
            "model, {factor}, unrelated",
            "training, {factor}, unrelated",
            better="lower",
            meaning="the same share of faces that share nothing",
        ),
        Column(
            "area.{factor}",
            "area-{short}",
            "model, {factor}, area",
            "training, {factor}, area",
            meaning="area under the curve of both shares as the judges' threshold moves: 50 % is "
            "chance",
        ),
    )
    by_default = "compare"
    place = 10
    free_options = ("budget", "device")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.judges < 1 or self.faces < 2 or self.samples < 1:
            raise ValueError(
                "decoupling needs a judge, two faces and one sample of each or more, got "
                f"{self.judges}, {self.faces} and {self.samples}"
            )
        if self.device != "auto":
            pick_device(self.device)  # refuses what is not there before anything is measured

    @property
    def settings(self) -> JudgeSettings:
        """What its judges depend on, without the rest."""
        return JudgeSettings(**{f.name: getattr(self, f.name) for f in fields(JudgeSettings)})

    def depends_on(self, dataset: Dataset) -> dict[str, Any]:
        """Return the fingerprint of what judges learn from."""
        with judge_data(dataset, self.data) as people:
            return {"judges of": people.fingerprint}

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return for every factor what its judges say, and how good they are."""
        ends = time.monotonic() + 60 * self.budget if self.budget > 0 else np.inf
        device = context.device if self.device == "auto" else pick_device(self.device)
        values = dict[str, Estimate]()
        notes, skipped = dict[str, str](), dict[str, str]()
        with judge_data(context.dataset, self.data) as people:
            for name in context.factors:
                try:
                    judges = obtain_judges(
                        people,
                        name,
                        self.settings,
                        self.judges,
                        cache_folder(),
                        device=device,
                        progress=context.progress,
                        stop=lambda: time.monotonic() > ends,
                    )
                except Unfinished:
                    raise
                except Unmeasurable as reason:
                    skipped[name] = str(reason)
                    continue
                quality = {
                    "accuracy": average([j.figures.accuracy for j in judges]),
                    "false acceptances": average([j.figures.false_accepted for j in judges]),
                }
                values |= {f"judges of {name}, {what}": value for what, value in quality.items()}
                if quality["accuracy"].mean < self.least_accuracy:
                    skipped[name] = (
                        f"judges too weak: accuracy {quality['accuracy'].mean:.1%} at "
                        f"{quality['false acceptances'].mean:.1%} false acceptances, wanted "
                        f"{self.least_accuracy:.0%}; more labelled faces or more steps help, if "
                        "the labels can be seen at all"
                    )
                    continue
                values |= self._ask(context, judges, people.template, rng)
                notes[f"judges of {name}"] = _describe(judges, people)
        if not notes:
            raise Unmeasurable(every_reason(skipped))
        return Measured(values, notes, skipped)

    def _ask(
        self,
        context: Context,
        judges: Sequence[Judge],
        template: Float[np.ndarray, "V 3"],
        rng: torch.Generator,
    ) -> dict[str, Estimate]:
        """Return what judges say of the model, and of real pairs."""
        name, model, K = judges[0].factor, context.model, self.samples + 1
        codes = share_code(model.sample_codes(self.faces * K, rng=rng), name, K)
        faces, done = model.faces.cpu().numpy(), 0
        parts: list[list[np.ndarray]] = [[] for _ in judges]
        for X in decode_blocks(model, codes):
            context.progress(f"asking the judges of {name}", done, self.faces * K)
            pictures = draw_normal_maps(X, faces, template, self.image)
            for judge, embedded in zip(judges, parts, strict=True):
                embedded.append(judge.embed(pictures))
            done += len(X)
        E = np.stack([np.concatenate(embedded) for embedded in parts])
        E = E.reshape(len(judges), self.faces, K, -1)  # (J, N, M + 1, size)
        pairs = unrelated_pairs(self.faces)
        shared = np.linalg.norm(E[:, :, :1] - E[:, :, 1:], axis=-1)
        apart = np.linalg.norm(E[:, pairs[:, 0], 0] - E[:, pairs[:, 1], 0], axis=-1)
        weights = " ".join(judge.fingerprint[:8] for judge in judges)
        threshold = np.array([judge.threshold.distance for judge in judges])
        common = f"seed {context.seed}, judges {weights}"
        said = judge_codes(shared, apart, pairs, threshold, common=common)
        values = dict[str, Estimate]()
        for part, figure in _PARTS.items():
            title = f"{name}, {part}" if part else name
            values[f"model, {title}"] = said[part]
            values[f"training, {title}"] = average([getattr(j.figures, figure) for j in judges])
        return values


def unrelated_pairs(n: int) -> np.ndarray:
    """Return pairs (P, 2) of n random faces, each with the next few, around."""
    further = min(_UNRELATED, n - 1)
    first = np.repeat(np.arange(n), further)
    second = (first + np.tile(np.arange(1, further + 1), n)) % n
    return np.stack([first, second], axis=1)


def _describe(judges: Sequence[Judge], people: Dataset) -> str:
    def listed(form: str, numbers: Sequence[float]) -> str:
        return ", ".join(format(x, form) for x in numbers)

    accuracy = listed(".1%", [j.threshold.accuracy for j in judges])
    false = listed(".1%", [j.threshold.false_accepted for j in judges])
    return (
        f"accuracy {accuracy} at {false} false acceptances, learned from {judges[0].taught:,} "
        f"labelled faces of {people.path.name}, weights "
        + ", ".join(j.fingerprint[:12] for j in judges)
    )
