"""How a judge learns: classes, triplets, Adam, pictures that vary; resumable, step by step.

Triplets alone need three times the steps: each class also has a place of its own on the sphere of
embeddings, and a picture must be nearer to that of its class than to the others.
"""

import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from gan.errors import CheckpointError, TrainingDiverged
from gan.evaluation.embedding.augmentation import vary
from gan.evaluation.embedding.network import EmbeddingNetwork
from gan.evaluation.embedding.triplets import Places, draw_batch, triplet_loss
from gan.evaluation.metric import Progress, Unfinished
from gan.runs.optimizers import moments, restore_moments
from gan.runs.randomness import seeded
from gan.runs.trainable import Habits, Position, Trainable
from gan.runs.trainer import go_on_from_newest, iterate_until

HABITS = Habits(checkpoint_minutes=1.0, keep=1)


@dataclass(frozen=True)
class JudgeSettings:
    """All that a judge depends on beside the data.

    Attributes
    ----------
    image, width, blocks, embedding : the input and the network
    shift : pixels of such a picture, up to which it is moved along both axes
    mirror : whether half of the pictures are mirrored; not for labels that tell left from right
    classes, batch : of triplets: so many labels at most, so many pictures, of each label equally
        many and two at least
    steps, rate, margin, seed : the training; the rate falls to 0 along a cosine
    pairs : positive ones, and as many negative ones, for the threshold
    most_false : 1, cap of the false acceptance rate
    """

    image: int = 112
    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    embedding: int = 128
    shift: int = 2
    mirror: bool = True
    classes: int = 16
    batch: int = 64
    steps: int = 900
    rate: float = 3e-4
    margin: float = 0.2
    seed: int = 0
    pairs: int = 5000
    most_false: float = 0.05

    def __post_init__(self) -> None:
        least = {"image": 16, "width": 1, "embedding": 1, "classes": 2, "batch": 4, "steps": 1}
        for name, bound in (least | {"pairs": 1, "shift": 0}).items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be {bound} or more, got {getattr(self, name)}")
        if not self.blocks or min(self.blocks) < 1:
            raise ValueError(f"blocks must be positive, got {self.blocks}")
        if self.shift > self.image // 4:
            raise ValueError(
                f"shift must be a quarter of the image or less, {self.image // 4}, got {self.shift}"
            )
        if not (self.rate > 0 and self.margin > 0 and 0 <= self.most_false <= 1):
            raise ValueError(
                "rate and margin must be positive and most_false from 0 to 1, got "
                f"{self.rate}, {self.margin} and {self.most_false}"
            )


class JudgeTraining(Trainable):
    """A network that learns to tell classes; a draw follows from the seed and the step alone."""

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        labels: Int[np.ndarray, " n"],
        factor: str,
        settings: JudgeSettings,
        device: torch.device,
    ) -> None:
        self.read, self.factor, self.settings = read, factor, settings
        names, self.labels = np.unique(labels, return_inverse=True)
        self.at, self.steps, self.device = Position(), settings.steps, device
        self.stage = f"training the judge of {factor}"
        self.network = build_network(settings, factor)
        places = Places(len(names), settings.embedding, seed=settings.seed)
        self.learner = nn.ModuleDict({"network": self.network, "places": places}).to(device)
        self.network.train()
        self.adam = torch.optim.Adam(self.learner.parameters(), lr=settings.rate)
        self.places = places
        self.latest: dict[str, Tensor] = {}

    def advance(self) -> None:
        """Take one step on a batch of pictures, in place."""
        step, settings = self.at.step, self.settings
        rng = np.random.default_rng([settings.seed, zlib.crc32(self.factor.encode()), step])
        chosen = draw_batch(self.labels, settings.classes, settings.batch, rng=rng)
        pictures = vary(
            self.read(chosen), mirror=settings.mirror, shift=settings.shift, rng=rng
        ).to(self.device)
        label = torch.from_numpy(self.labels[chosen]).to(self.device)
        embedding = self.network(pictures)
        loss, active = triplet_loss(embedding, label, margin=settings.margin)
        loss = loss + self.places(embedding, label)
        if not torch.isfinite(loss):
            where = f"judge of {self.factor}, step {step}"
            raise TrainingDiverged(f"{where}: the loss is {loss.item()}")
        falling = float(1 + np.cos(np.pi * step / settings.steps)) / 2
        self.adam.param_groups[0]["lr"] = settings.rate * falling
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()
        self.latest = {"loss": loss.detach(), "active": active.detach()}
        self.at.step += 1

    def terms(self) -> dict[str, float]:
        """Return the last loss, and the share of the triplets that were not satisfied."""
        return {name: term.item() for name, term in self.latest.items()}

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights."""
        yield from self.learner.named_parameters()

    def contents(self) -> dict[str, Any]:
        """Return the network, the places of the classes and the optimizer's memory."""
        memory = moments(self.adam, self.learner)
        return {"learner": self.learner.state_dict(), "moments": memory}

    def take_over(self, saved: Mapping[str, Any], checkpoint: Path) -> None:
        """Set the network, the places and the optimizer's memory, in place."""
        self.learner.load_state_dict(saved["learner"])
        restore_moments(self.adam, self.learner, saved["moments"])

    def origin(self) -> dict[str, Any]:
        """Return the factor and the settings; the folder is named by all that a judge rests on."""
        return {"factor": self.factor, "settings": asdict(self.settings)}

    def compare(self, record: Mapping[str, Any], checkpoint: Path) -> list[str]:
        """Return nothing: another origin has another folder."""
        return []


def learn(
    read: Callable[[np.ndarray], np.ndarray],
    labels: Int[np.ndarray, " n"],
    factor: str,
    settings: JudgeSettings,
    home: Path,
    *,
    device: torch.device,
    progress: Progress,
    stop: Callable[[], bool],
) -> EmbeddingNetwork:
    """Train a network, or go on with the training whose checkpoints lie in the folder `home`.

    Parameters
    ----------
    read
        Returns the normal maps with given indices.
    stop
        Asked after every step.

    Raises
    ------
    Unfinished
        `stop` came first; what was learned until then lies in `home`.
    TrainingDiverged
        The loss is not finite.
    """
    training = JudgeTraining(read, labels, factor, settings, device)
    with seeded(settings.seed):
        try:
            go_on_from_newest(training, home)
        except CheckpointError as error:
            warnings.warn(f"{error}: the judge of {factor} is trained anew", stacklevel=2)
            shutil.rmtree(home / "checkpoints")
            training = JudgeTraining(read, labels, factor, settings, device)
        reason = iterate_until(training, home, HABITS, stop, progress)
    if reason != "done":
        raise Unfinished(
            f"the judge of {factor} has learned for {training.at.step} of {settings.steps} steps; "
            "the same command goes on from there"
        )
    return training.network


def build_network(settings: JudgeSettings, factor: str) -> EmbeddingNetwork:
    """Return the network of a judge with the random weights that it sets out from."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed + zlib.crc32(factor.encode()))
        return EmbeddingNetwork(
            width=settings.width, blocks=settings.blocks, size=settings.embedding
        )
