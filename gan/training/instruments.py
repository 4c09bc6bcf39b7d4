"""What a training shows of itself on people it never sees; nothing here changes the training.

Random numbers are the instruments' own, the same at every step, so that figures of two steps
differ by the weights alone; layers are in their evaluation mode. A run with instruments ends with
the same bits as one without, and a resumed run writes the same figures again.

    critic/training, held_out, generated    mean scores; critic/memorised: the share of the gap
    gradient/TERM                           norm at the image, weighted, mean over a batch
    codes/FACTOR                            share of classes whose fixed code shows their own mean
    classifier/FACTOR, FACTOR_held_out      what the discriminator's branch recognises
    modes/FACTOR_own, FACTOR_leak           of its part's variance, where the data has modes
    distance/generated, training            energy distance to held-out faces, mm
    held_out/score                          what the best checkpoint is chosen by: lower is better
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.config import Config
from gan.datasets.modes import ModeSplit
from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator
from gan.models.face_model import Factor
from gan.runs.randomness import seeded
from gan.training.held_out import BLOCK, MAX_FACES, hold_out, images_of
from gan.training.precision import products, uncompiled
from gan.training.state import TrainState
from gan.training.step import generator_terms, seen

SEED = 20190  # of the instruments' own random numbers
MAX_CLASSES = 128  # whose fixed codes are tried; more are thinned out evenly
FACES = 192  # generated for all classes of a factor together, about
GRID = 10  # codes of a factor, and as many of all others: the crossed design for the modes
SCORE = "held_out/score"
MEASUREMENTS, MIN_INTERVAL = 40, 60  # unless configured: so many in a run, so far apart


def instruments_every(config: Config, iterations: int) -> int:
    """Return the iterations between two measurements; 0: there are none."""
    every = config.output.instruments_every
    return max(MIN_INTERVAL, iterations // MEASUREMENTS) if every is None else every


def summary(figures: Mapping[str, float], factors: Sequence[Factor]) -> list[str]:
    """Say in a few words what matters most, for one line on a terminal."""
    words = []
    if "critic/memorised" in figures:
        words.append(f"memorised {figures['critic/memorised']:.0%}")
    for factor in factors:
        if (share := figures.get(f"codes/{factor.name}")) is not None:
            count = min(len(factor.classes), MAX_CLASSES)
            words.append(f"{factor.name} codes {round(share * count)} of {count}")
    if "distance/generated" in figures:
        words.append(f"distance {figures['distance/generated']:.3g} mm")
    return words


class Instruments:
    """The figures of a training, on held-out people of its data set."""

    def __init__(self, state: TrainState, dataset: Dataset) -> None:
        self._held_out = hold_out(dataset, state.problem)
        modes = {name: mode for name, mode in dataset.modes.items() if len(mode)}
        own = [factor.name for factor in state.problem.factors if factor.name in modes]
        self._parts: dict[str, Tensor] = {}
        if own:
            split = ModeSplit(modes)
            for name in own:
                operator = torch.from_numpy(split.operator(name)).float()
                self._parts[name] = operator.to(state.device)
        if self._held_out is not None:
            known, training = self._held_out.faces, self._held_out.training
            self._spread = _mean_distance(known.displacements, known.displacements)
            self._nearest = self._distance(training.displacements)

    def measure(self, state: TrainState) -> dict[str, float]:
        """Return every figure that is finite; the state and all random numbers stay as they are."""
        with undisturbed(state) as own:
            model = own.face_model()
            figures = self._gradients(own)
            with torch.no_grad():
                figures |= self._compare(own, model)
                figures |= self._modes(model)
        return {name: value for name, value in figures.items() if math.isfinite(value)}

    def _compare(self, own: TrainState, model: FaceGenerator) -> dict[str, float]:
        """Compare generated, held-out and training faces: scores, distances, labels."""
        if self._held_out is None:
            return {}
        held_out = self._held_out
        generated = _decode(model, model.sample_codes(MAX_FACES, rng=_generator()))
        scores = {
            "training": _score(held_out.training.images, own),
            "held_out": _score(held_out.faces.images, own),
            "generated": _score(images_of(generated, own.problem), own),
        }
        figures = {f"critic/{name}": score for name, score in scores.items()}
        gap = scores["training"] - scores["generated"]
        if gap > 0:
            figures["critic/memorised"] = (scores["training"] - scores["held_out"]) / gap
        figures["distance/generated"] = self._distance(generated)
        figures["distance/training"] = self._nearest
        right = []
        for factor in own.problem.factors:
            figures |= self._labels(own, model, factor)
            right.append(figures[f"codes/{factor.name}"])
        wrong = 1 - sum(right) / len(right)
        figures[SCORE] = figures["distance/generated"] / max(self._nearest, 1e-12) + wrong
        return figures

    def _distance(self, faces: Float[Tensor, "N n"]) -> float:
        """Return the energy distance to the held-out faces, a length in mm; at least 0.

        References
        ----------
        Székely, Rizzo, Energy statistics, Journal of Statistical Planning and Inference 2013.
        """
        assert self._held_out is not None
        across = _mean_distance(faces, self._held_out.faces.displacements)
        return max(2 * across - _mean_distance(faces, faces) - self._spread, 0.0)

    def _labels(self, own: TrainState, model: FaceGenerator, factor: Factor) -> dict[str, float]:
        """Generate every class with the same other codes; see whose mean each one's is nearest to.

        Only what differs between the classes counts, in the generated faces as in the means.
        """
        assert self._held_out is not None
        held_out, C = self._held_out, len(factor.classes)
        classes = torch.linspace(0, C - 1, min(C, MAX_CLASSES)).long()
        several = max(4, min(32, FACES // len(classes)))
        drawn = model.sample_codes(several, rng=_generator())
        codes = {name: z.repeat(len(classes), 1) for name, z in drawn.items()}
        fixed = model.codes[factor.name][classes.to(model.template.device)]
        codes[factor.name] = fixed.repeat_interleave(several, dim=0)
        faces = _decode(model, codes)
        effects = faces.view(len(classes), several, -1).mean(dim=1) @ held_out.basis.T
        truth = held_out.means[factor.name].effects
        own_truth = truth[classes.to(truth.device)]
        offset = effects.mean(dim=0) - own_truth.mean(dim=0)
        nearest = torch.cdist(effects - offset, truth).argmin(dim=1).cpu()
        figures = {f"codes/{factor.name}": _share(nearest == classes)}
        chosen = next(f for f in own.config.factors if f.name == factor.name)
        if "classification" not in chosen.losses:
            return figures
        name, images = f"classifier/{factor.name}", images_of(faces, own.problem)
        figures[name] = _accuracy(own, factor, images, classes.repeat_interleave(several))
        if held_out.labelled is not None:
            labels = held_out.labelled.labels[factor.name]
            known = held_out.labelled.images[labels >= 0]
            if len(known):
                figures[f"{name}_held_out"] = _accuracy(own, factor, known, labels[labels >= 0])
        return figures

    def _modes(self, model: FaceGenerator) -> dict[str, float]:
        """Return for every factor with modes what its own code, and what all others explain."""
        figures = dict[str, float]()
        for factor, operator in self._parts.items():
            drawn = model.sample_codes(GRID, rng=_generator())
            codes = {name: z.repeat(GRID, 1) for name, z in drawn.items()}
            codes[factor] = drawn[factor].repeat_interleave(GRID, dim=0)
            part = (_decode(model, codes) @ operator.T).double().view(GRID, GRID, -1)
            of_own, of_others = crossed_shares(part)
            figures |= {f"modes/{factor}_own": of_own, f"modes/{factor}_leak": of_others}
        return figures

    def _gradients(self, own: TrainState) -> dict[str, float]:
        """Return the norm of every weighted term's gradient at the image, by the term's name.

        A regularizer looks at the mesh: its norm there is put into the image's units by the
        adversarial term's two norms, so that all can be compared.
        """
        norms = defaultdict[str, list[float]](list)
        for factor in own.problem.factors:
            made = generator_terms(own, factor.name)
            both = [made.images, made.displacements]
            at_image, at_mesh = torch.autograd.grad(
                made.terms["adversarial"], both, retain_graph=True
            )
            rate = float(_norm(at_image, 0) / _norm(at_mesh, -1).clamp(min=1e-30))
            for name, term in made.terms.items():
                image, mesh = torch.autograd.grad(term, both, retain_graph=True, allow_unused=True)
                if image is not None:
                    norms[name].append(made.weights[name] * float(_norm(image, 0)))
                elif mesh is not None:
                    norms[name].append(made.weights[name] * rate * float(_norm(mesh, -1)))
        return {f"gradient/{name}": sum(of) / len(of) for name, of in norms.items()}


@contextmanager
def undisturbed(state: TrainState) -> Iterator[TrainState]:
    """Yield the state with random numbers of its own and its layers in evaluation mode."""
    parts = [part for part in state.parts().values() if isinstance(part, nn.Module)]
    training = [module for part in parts for module in part.modules() if module.training]
    rng = torch.Generator(device=state.device).manual_seed(SEED)
    with seeded(SEED), uncompiled(), products(state.config.precision, state.device):
        for module in training:  # one by one: `eval` of a plug-in may do more
            module.training = False
        try:
            yield replace(state, rng=rng)
        finally:
            for module in training:
                module.training = True


def crossed_shares(part: Float[Tensor, "n n k"]) -> tuple[float, float]:
    """Return which shares of a variance go away with a fixed row, and with a fixed column.

    Of the variance of two samples that share neither, without bias: what rows and columns do only
    together is in neither share.
    """
    n = len(part)
    of_row, of_column = (part.var(dim=dim).sum(dim=-1).mean() for dim in (1, 0))
    whole = part.flatten(0, 1).var(dim=0).sum()
    # Of the n²(n² − 1) / 2 pairs, n²(n − 1) / 2 share a row, and as many a column.
    neither = ((n + 1) * whole - of_row - of_column) / (n - 1)
    return float(1 - of_row / neither), float(1 - of_column / neither)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def _decode(model: FaceGenerator, codes: dict[str, Tensor]) -> Float[Tensor, "N n"]:
    """Return faces about the template, in mm, flattened; in blocks, which bound the memory."""
    n = len(next(iter(codes.values())))
    blocks = [
        model.decode({name: z[start : start + BLOCK] for name, z in codes.items()})
        for start in range(0, n, BLOCK)
    ]
    return torch.cat([(block - model.template).flatten(1) for block in blocks])


def _score(images: Float[Tensor, "N 3 s s"], own: TrainState) -> float:
    """Return the critic's mean score of images, changed as in training."""
    noisy = seen(images, own)
    D = own.discriminator
    return float(torch.cat([D.score(D.shared(block)) for block in noisy.split(BLOCK)]).mean())


def _accuracy(
    own: TrainState, factor: Factor, images: Float[Tensor, "N 3 s s"], labels: Tensor
) -> float:
    D = own.discriminator
    logits = [D.logits(factor.name, D.shared(block)) for block in images.split(BLOCK)]
    return _share(torch.cat(logits).argmax(dim=1).cpu() == labels.cpu())


def _share(right: Tensor) -> float:
    return float(right.double().mean())


def _mean_distance(X: Float[Tensor, "N n"], Y: Float[Tensor, "M n"]) -> float:
    """Return the mean over all pairs of the root mean square distance of vertices."""
    # In double precision: squares of distances are differences of large numbers.
    A, B = X.double(), Y.double()
    squares = A.square().sum(dim=1)[:, None] + B.square().sum(dim=1) - 2 * A @ B.T
    return float((squares.clamp(min=0) / (X.shape[1] / 3)).sqrt().mean())


def _norm(gradient: Tensor, batch: int) -> Tensor:
    """Return the mean norm of samples' gradients, of a term that is a mean over the batch."""
    of_samples = gradient.movedim(batch, 0).flatten(1).norm(dim=1)
    norm: Tensor = of_samples.mean() * len(of_samples)
    return norm
