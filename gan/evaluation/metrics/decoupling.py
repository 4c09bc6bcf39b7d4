"""Whether faces that share a code look as if they shared its label, to a trained judge.

Donahue et al., ICLR 2018, as Fernández Abrevaya et al., ICCV 2019, Section 5.3, use it: random
faces, for each more that share one code, and the share of these pairs that a network takes for the
same person, the same expression. A model that makes a single face passes that test, so the same
judge is also asked about faces that share nothing.
"""

import time
from dataclasses import dataclass, fields
from typing import final

import numpy as np
import torch
from jaxtyping import Float

from gan.cache import cache_folder
from gan.evaluation.embedding.judge import Judge, obtain_judge
from gan.evaluation.embedding.learning import JudgeSettings
from gan.evaluation.embedding.normal_maps import draw_normal_maps
from gan.evaluation.estimate import Estimate, estimate, estimate_pairs
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

IDENTITY = "identity"
_UNRELATED = 10  # further faces that each random face is held against


@final
@METRICS.register("decoupling")
@dataclass(frozen=True, kw_only=True)
class Decoupling(JudgeSettings, AbstractMetric):
    """Share of faces that a trained judge takes for the same when they share the code of a factor.

    A judge is trained for each factor on the training split and tried on held-out meshes; its own
    accuracy is among the values. One that is too weak gives no verdict. "unrelated" is the share of
    faces without a common code that are taken for the same: high where a model has collapsed.

    Attributes
    ----------
    faces : random faces N
    identity_samples, samples : M further ones for each, for identity and for every other factor
    least_accuracy : of a judge on held-out pairs, below which it is not asked
    budget : minutes for the training of judges; 0: as long as it takes. The next call goes on
    device : "cpu" or "cuda"; "auto": that of the evaluation

    References
    ----------
    Donahue et al., Semantically decomposing the latent spaces of GANs, ICLR 2018, Section 4.
    """

    faces: int = 100
    identity_samples: int = 100
    samples: int = 50
    least_accuracy: float = 0.85
    budget: float = 0.0
    device: str = "auto"

    unit = "%"
    meaning = "pairs judged the same; training: held-out pairs with equal labels"
    better = "higher"
    needs = ("codes",)
    columns = (
        Column(
            "decoupling.{factor}",
            "Dec-{short}",
            "model, {factor}",
            "training, {factor}",
            meaning="share of faces with the same {factor} code that a trained judge takes for the "
            "same",
            guard="unrelated.{factor}",
        ),
        Column(
            "unrelated.{factor}",
            "unrelated-{short}",
            "model, {factor}, unrelated",
            "training, {factor}, unrelated",
            better="lower",
            meaning="the same share of faces that share nothing, to the judge of {factor}",
        ),
    )
    by_default = "compare"
    place = 10
    free_options = ("budget", "device")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.faces < 2 or self.identity_samples < 1 or self.samples < 1:
            raise ValueError(
                "decoupling needs two faces and one sample of each or more, got "
                f"{self.faces}, {self.identity_samples} and {self.samples}"
            )
        if self.device != "auto":
            pick_device(self.device)  # refuses what is not there before anything is measured

    @property
    def settings(self) -> JudgeSettings:
        """What its judges depend on, without the rest."""
        return JudgeSettings(**{f.name: getattr(self, f.name) for f in fields(JudgeSettings)})

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return for every factor what its judge says, and how good the judge is."""
        ends = time.monotonic() + 60 * self.budget if self.budget > 0 else np.inf
        device = context.device if self.device == "auto" else pick_device(self.device)
        values = dict[str, Estimate]()
        notes, skipped = dict[str, str](), dict[str, str]()
        for name in context.factors:
            try:
                judge = obtain_judge(
                    context.dataset,
                    name,
                    self.settings,
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
            values[f"judge of {name}, accuracy"] = judge.figures.accuracy
            accuracy = judge.figures.accuracy.mean
            if accuracy < self.least_accuracy:
                skipped[name] = (
                    f"judge too weak: accuracy {accuracy:.1%} at "
                    f"{judge.threshold.false_accepted:.1%} false acceptances, wanted "
                    f"{self.least_accuracy:.0%}; more steps help, if the labels can be seen at all"
                )
                continue
            values |= self._ask(context, judge, rng)
            notes[f"judge of {name}"] = _describe(judge)
        if not notes:
            raise Unmeasurable(every_reason(skipped))
        return Measured(values, notes, skipped)

    def _ask(self, context: Context, judge: Judge, rng: torch.Generator) -> dict[str, Estimate]:
        name, model = judge.factor, context.model
        M = self.identity_samples if name == IDENTITY else self.samples
        codes = share_code(model.sample_codes(self.faces * (M + 1), rng=rng), name, M + 1)
        template, faces = model.template.cpu().numpy(), model.faces.cpu().numpy()
        parts, done = list[np.ndarray](), 0
        for X in decode_blocks(model, codes):
            context.progress(f"asking the judge of {name}", done, self.faces * (M + 1))
            parts.append(judge.embed(draw_normal_maps(X, faces, template, self.image)))
            done += len(X)
        embedding = np.concatenate(parts).reshape(self.faces, M + 1, -1)
        return {
            f"model, {name}": shared_verdict(judge, embedding),
            f"training, {name}": judge.figures.accepted,
            f"model, {name}, unrelated": unrelated_verdict(judge, embedding[:, 0]),
            f"training, {name}, unrelated": judge.figures.false_accepted,
        }


def shared_verdict(judge: Judge, embedding: Float[np.ndarray, "N K E"]) -> Estimate:
    """Return the share of samples judged the same as the first of their group."""
    same = judge.same(embedding[:, :1], embedding[:, 1:])
    group = np.repeat(np.arange(len(same)), same.shape[1])
    return estimate(same.ravel(), unit="faces", group=group)


def unrelated_verdict(judge: Judge, embedding: Float[np.ndarray, "N E"]) -> Estimate:
    """Return the share of pairs of random faces judged the same, each against the next few."""
    n = len(embedding)
    first = np.repeat(np.arange(n), min(_UNRELATED, n - 1))
    second = (first + np.tile(np.arange(1, min(_UNRELATED, n - 1) + 1), n)) % n
    return estimate_pairs(
        judge.same(embedding[first], embedding[second]), first, second, unit="faces"
    )


def _describe(judge: Judge) -> str:
    rates, (labelled, carried) = judge.threshold, judge.taught
    more = f" and {carried:,} carried to other people" if carried else ""
    return (
        f"accuracy {rates.accuracy:.1%} at {rates.false_accepted:.1%} false acceptances, "
        f"threshold {rates.distance:.3f}, learned from {labelled:,} labelled faces{more}, "
        f"weights {judge.fingerprint[:12]}"
    )
