"""How a judge learns: triplets, Adam, from pictures that vary; resumable, step by step."""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gan.errors import TrainingDiverged
from gan.evaluation.embedding.augmentation import vary
from gan.evaluation.embedding.network import EmbeddingNetwork
from gan.evaluation.embedding.triplets import draw_batch, triplet_loss
from gan.evaluation.metric import Progress, Unfinished
from meshkit.files import atomic_path

_SAVE_EVERY = 60.0  # s


@dataclass(frozen=True)
class JudgeSettings:
    """All that a judge depends on beside the data.

    Attributes
    ----------
    image, width, blocks, embedding : the input and the network
    pictures : that it learns from at least: the labelled ones and, where a label varies within
        people, carried ones (`carried`), in at most 20 rounds; 0: no carried ones
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
    pictures: int = 10_000
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
        for name, bound in (least | {"pairs": 1, "pictures": 0, "shift": 0}).items():
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


def learn(
    read: Callable[[np.ndarray], np.ndarray],
    labels: Int[np.ndarray, " n"],
    factor: str,
    settings: JudgeSettings,
    state: Path,
    *,
    device: torch.device,
    progress: Progress,
    stop: Callable[[], bool],
) -> EmbeddingNetwork:
    """Train a network, or go on with the training that lies in the file `state`.

    Parameters
    ----------
    read
        Returns the normal maps with given indices.
    stop
        Asked after every step.

    Raises
    ------
    Unfinished
        `stop` came first; what was learned until then lies in `state`.
    TrainingDiverged
        The loss is not finite.
    """
    network = build_network(settings, factor).to(device).train()
    adam = torch.optim.Adam(network.parameters(), lr=settings.rate)
    saved = time.monotonic()
    for step in range(_restore(state, network, adam), settings.steps):
        progress(f"training the judge of {factor}", step, settings.steps)
        # From the step alone, so that a resumed training draws what an unbroken one does.
        rng = np.random.default_rng([settings.seed, zlib.crc32(factor.encode()), step])
        chosen = draw_batch(labels, settings.classes, settings.batch, rng=rng)
        seen = vary(read(chosen), mirror=settings.mirror, shift=settings.shift, rng=rng)
        label = torch.from_numpy(labels[chosen]).to(device)
        loss, _ = triplet_loss(network(seen.to(device)), label, margin=settings.margin)
        if not torch.isfinite(loss):
            raise TrainingDiverged(f"judge of {factor}, step {step}: the loss is {loss.item()}")
        falling = float(1 + np.cos(np.pi * step / settings.steps)) / 2
        adam.param_groups[0]["lr"] = settings.rate * falling
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        out_of_time = stop() and step + 1 < settings.steps
        if out_of_time or time.monotonic() - saved > _SAVE_EVERY:
            _save(state, network, adam)
            saved = time.monotonic()
        if out_of_time:
            raise Unfinished(
                f"the judge of {factor} has learned for {step + 1} of {settings.steps} steps; "
                "the same command goes on from there"
            )
    return network


def build_network(settings: JudgeSettings, factor: str) -> EmbeddingNetwork:
    """Return the network of a judge with the random weights that it sets out from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed + zlib.crc32(factor.encode()))
        return EmbeddingNetwork(
            width=settings.width, blocks=settings.blocks, size=settings.embedding
        )


def _save(path: Path, network: EmbeddingNetwork, adam: torch.optim.Optimizer) -> None:
    tensors = {f"network.{name}": t for name, t in network.state_dict().items()}
    for k, moments in adam.state_dict()["state"].items():
        tensors |= {f"adam.{k}.{name}": t for name, t in moments.items()}
    with atomic_path(path) as aside:
        save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, aside)


def _restore(path: Path, network: EmbeddingNetwork, adam: torch.optim.Optimizer) -> int:
    """Load a training that was interrupted, in place; return its steps. A damaged one counts 0."""
    try:
        stored = load_file(path)
        weights = {n.removeprefix("network."): t for n, t in stored.items() if n[:8] == "network."}
        network.load_state_dict(weights)
        steps = int(stored["adam.0.step"])
    except (FileNotFoundError, SafetensorError, RuntimeError, KeyError):
        return 0
    moments: dict[int, dict[str, Tensor]] = {}
    for name in stored.keys() - {f"network.{n}" for n in weights}:
        _, k, what = name.split(".")
        moments.setdefault(int(k), {})[what] = stored[name]
    adam.load_state_dict({"state": moments, "param_groups": adam.state_dict()["param_groups"]})
    return steps
