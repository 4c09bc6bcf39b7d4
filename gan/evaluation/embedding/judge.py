"""Networks that judge one factor, trained once per data set and kept with their own figures."""

import hashlib
import json
import math
import shutil
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gan.datasets.store import Dataset
from gan.errors import one_line
from gan.evaluation.embedding.learning import JudgeSettings, build_network, learn
from gan.evaluation.embedding.material import Material, find_material
from gan.evaluation.embedding.network import EmbeddingNetwork
from gan.evaluation.embedding.normal_maps import NormalMaps, as_input
from gan.evaluation.embedding.threshold import Threshold, choose_threshold, draw_different
from gan.evaluation.embedding.verdict import placed
from gan.evaluation.estimate import Estimate, estimate_pairs
from gan.evaluation.metric import Progress
from gan.evaluation.metrics.diversity import draw_pairs
from gan.runs.lock import one_writer
from gan.runs.tf32 import tf32
from meshkit.files import atomic_path

FORMAT = "meshkit-gan judge 4"
_EMBED = 64  # pictures at a time


class Figures(NamedTuple):
    """How good a judge is on held-out pairs; intervals by resampling subjects.

    Attributes
    ----------
    accuracy : share of all pairs that it judges right
    accepted, false_accepted, difference : of equal and of different pairs, and what is between
    area : under the curve of both, see `judge_codes`
    """

    accuracy: Estimate
    accepted: Estimate
    false_accepted: Estimate
    difference: Estimate
    area: Estimate


class Judge:
    """Tells whether two faces share the label of a factor: whether their embeddings are near.

    Attributes
    ----------
    fingerprint : sha256 in hex of its weights, as they lie on the disk
    taught : how many labelled meshes it learned from
    """

    def __init__(
        self,
        factor: str,
        network: EmbeddingNetwork,
        threshold: Threshold,
        figures: Figures,
        device: torch.device,
        fingerprint: str,
        taught: int,
    ) -> None:
        self.factor, self.threshold, self.figures = factor, threshold, figures
        self.fingerprint, self.taught = fingerprint, taught
        self.device = device
        self._network = network.to(device).eval()

    def embed(self, maps: UInt8[np.ndarray, "k n n 3"]) -> Float[np.ndarray, "k E"]:
        """Return the embeddings of normal maps."""
        return embed(self._network, maps, self.device)


def embed(
    network: EmbeddingNetwork, maps: UInt8[np.ndarray, "k n n 3"], device: torch.device
) -> Float[np.ndarray, "k E"]:
    """Return the embeddings of normal maps, in blocks."""
    with torch.no_grad(), tf32(False):
        parts = [
            network(as_input(maps[k : k + _EMBED]).to(device)).double().cpu().numpy()
            for k in range(0, len(maps), _EMBED)
        ]
    return np.concatenate(parts)


def obtain_judges(
    dataset: Dataset,
    factor: str,
    settings: JudgeSettings,
    count: int,
    folder: Path,
    *,
    device: torch.device,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> list[Judge]:
    """Return `count` judges of a factor that differ in their seeds; see `obtain_judge`."""
    judges = list[Judge]()
    for k in range(count):

        def told(stage: str, done: int, total: int, number: int = k + 1) -> None:
            progress(f"judge {number} of {count}: {stage}", done, total)

        one = replace(settings, seed=settings.seed + k)
        judges.append(
            obtain_judge(dataset, factor, one, folder, device=device, progress=told, stop=stop)
        )
    return judges


def obtain_judge(
    dataset: Dataset,
    factor: str,
    settings: JudgeSettings,
    folder: Path,
    *,
    device: torch.device,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> Judge:
    """Return the judge of a factor for a data set: the one in `folder`, or a new one put there.

    Parameters
    ----------
    folder
        For normal maps and judges of any data sets.
    stop
        Asked after every step; what was learned until then is kept, and the next call goes on.

    Raises
    ------
    Unmeasurable
        There are too few labels, or `stop` came first.
    TrainingDiverged
        The loss is not finite.
    """
    find_material(dataset, factor)
    home, asked = _place(dataset, factor, settings, folder)
    if (kept := _load(home, asked, settings, factor, device)) is not None:
        return kept
    with one_writer(home, wait=True):
        if (kept := _load(home, asked, settings, factor, device)) is not None:
            return kept  # another process has made it in the meantime
        return _make(dataset, factor, settings, folder, device, progress, stop)


def _make(
    dataset: Dataset,
    factor: str,
    settings: JudgeSettings,
    folder: Path,
    device: torch.device,
    progress: Progress,
    stop: Callable[[], bool],
) -> Judge:
    """Train a judge, try it out and put it into its folder, whose lock is held."""
    material = find_material(dataset, factor)
    home, asked = _place(dataset, factor, settings, folder)
    maps = NormalMaps(dataset, settings.image, folder / "normal-maps")
    maps.draw(np.concatenate([material.rows, material.held_out]), progress)
    network = learn(
        lambda chosen: maps[material.rows[chosen]],
        material.label,
        factor,
        settings,
        home,
        device=device,
        progress=progress,
        stop=stop,
    )
    embedding = embed(network.eval(), maps[material.held_out], device)
    threshold, figures = try_out(embedding, material, settings)
    weights = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    with atomic_path(home / "weights.safetensors", durable=True) as aside:
        save_file(weights, aside)
    record = {
        **asked,
        "weights_sha256": _sha256(home / "weights.safetensors"),
        "training_meshes": len(material.rows),
        "held_out_meshes": len(material.held_out),
        "held_out_split": material.split,
        "threshold": [x if np.isfinite(x) else None for x in threshold],
        "figures": [[None if x != x else x for x in f[:6]] for f in figures],
    }
    record["checksum"] = _checksum(record)
    with atomic_path(home / "judge.json", durable=True) as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n")
    shutil.rmtree(home / "checkpoints", ignore_errors=True)
    fingerprint = str(record["weights_sha256"])
    return Judge(factor, network, threshold, figures, device, fingerprint, len(material.rows))


def _place(
    dataset: Dataset, factor: str, settings: JudgeSettings, folder: Path
) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a judge, and all that it depends on."""
    what = {"dataset": dataset.fingerprint, "factor": factor, "settings": asdict(settings)}
    plain: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **what}))
    key = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:24]
    return folder / "judges" / key, plain


def try_out(
    embedding: Float[np.ndarray, "h E"], material: Material, settings: JudgeSettings
) -> tuple[Threshold, Figures]:
    """Choose the threshold on held-out pairs, as many positive as negative; say how good it is."""
    rng = np.random.default_rng(zlib.crc32(b"pairs"))  # of every seed: judges are compared
    equal = draw_pairs(material.held_out_label, settings.pairs, rng=rng)
    different = draw_different(material.held_out_label, settings.pairs, rng=rng)
    pairs = np.concatenate([equal, different])
    distance = np.linalg.norm(embedding[pairs[:, 0]] - embedding[pairs[:, 1]], axis=1)
    positive, negative = np.split(distance, 2)
    threshold = choose_threshold(positive, negative, most_false=settings.most_false)
    same = (distance < threshold.distance).astype(np.float64)
    truth = np.repeat([1.0, 0.0], settings.pairs)
    first, second = material.held_out_subject[pairs].T
    half = slice(None, settings.pairs), slice(settings.pairs, None)
    placements = np.concatenate([placed(negative, positive), 1 - placed(positive, negative)])

    def mean(values: np.ndarray, part: slice) -> Estimate:
        return estimate_pairs(values[part], first[part], second[part])

    figures = Figures(
        mean((same == truth).astype(np.float64), slice(None)),
        mean(same, half[0]),
        mean(same, half[1]),
        mean(2 * np.where(truth == 1, same, -same), slice(None)),  # as many of either kind
        mean(placements, slice(None)),
    )
    return threshold, figures


def _load(
    home: Path, asked: dict[str, Any], settings: JudgeSettings, factor: str, device: torch.device
) -> Judge | None:
    """Return the judge that lies in a folder; None if there is none, or a damaged one."""
    weights = home / "weights.safetensors"
    try:
        record = json.loads((home / "judge.json").read_text())
        # Judges made before there was one have no checksum; what they depend on is their name.
        if record.pop("checksum", None) not in (None, _checksum(record)):
            raise ValueError("its checksum differs")
        if any(record[k] != v for k, v in asked.items()):
            raise ValueError("it is another judge's")
        if record["weights_sha256"] != _sha256(weights):
            raise ValueError("the weights are others")
        network = build_network(settings, factor)
        network.load_state_dict(load_file(weights))
        threshold = Threshold(*(np.inf if x is None else float(x) for x in record["threshold"]))
        figures = Figures(*(_estimate(f) for f in record["figures"]))
        taught = int(record["training_meshes"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = one_line(str(error))
        warnings.warn(f"{home} is damaged ({reason}): trained anew", stacklevel=2)
        return None
    fingerprint = str(record["weights_sha256"])
    return Judge(factor, network, threshold, figures, device, fingerprint, taught)


def _estimate(stored: list[Any]) -> Estimate:
    mean, error, n, low, high, unit = stored
    numbers = [math.nan if x is None else float(x) for x in (mean, error, low, high)]
    return Estimate(numbers[0], numbers[1], int(n), numbers[2], numbers[3], str(unit))


def _checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
