"""Training the multilinear autoencoder, from the HOSVD of the labelled faces on."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gan.baselines.components import class_means, exact_components, fit_gaussian, pad_rows
from gan.baselines.config import MultilinearConfig
from gan.baselines.depth import cached_depth, depth_camera
from gan.baselines.faces import LabelledFaces
from gan.baselines.hosvd import decompose, fill_missing
from gan.baselines.learner import Advance, Learner
from gan.baselines.multilinear import DepthEncoder, MultilinearFaceModel, multiply
from gan.cache import cache_folder
from gan.errors import DatasetError

_BLOCK = 128
_SOME = 1024  # meshes from which the span, and the Gaussians of a checkpoint, are computed
_HELD_OUT = 128  # validation meshes
_MIXED = 4  # faces in a mixture


class MultilinearLearner(Learner):
    """Encoder and tensor, which descend together on the reconstruction of all faces.

    The tensor starts from the HOSVD of persons × expressions: the mean face of each labelled cell,
    unknown cells filled additively. There are fewer labelled expressions than entries of the
    expression code; the other entries start as the components of what the HOSVD leaves of the
    unlabelled faces, the same for all persons. Everything happens in the coordinates of the first
    components Φ of the data: a gradient never points out of the span of the faces.

    Terms: the mean squared vertex distance over the variance of the data; the same for mixtures of
    four faces, whose depth images are mixed alike (nearly those of the mixed meshes, since faces
    lie upon each other), without which the encoder learns the people by heart; and, for every
    labelled factor, the squared distance of a code from the code of its class over the classes'
    variance (weak supervision: equal labels, equal codes).
    """

    def __init__(
        self,
        config: MultilinearConfig,
        faces: LabelledFaces,
        advance: Advance,
        validation: LabelledFaces | None = None,
    ) -> None:
        super().__init__()
        self.config, self.faces = config, faces
        self.samples = len(faces)
        some = faces.vertices(faces.spread(_SOME))
        span = exact_components(some.reshape(len(some), -1), config.components)
        self.mean, self.basis = span.mean, span.basis
        advance(len(some))
        Y = self._coordinates(faces)
        self.variance = float(Y.var(axis=0, ddof=1).sum())
        self.register_buffer("Y", torch.from_numpy(Y).float())
        self._start(Y)
        self._see(faces, validation, advance)
        self.encoder = DepthEncoder(
            size=config.image,
            widths=config.widths,
            hidden=config.hidden,
            codes=config.identity_size + config.expression_size,
            rng=torch.Generator().manual_seed(config.seed),
        )
        with torch.no_grad():
            first = torch.cat([self.persons.mean(dim=0), self.expressions.mean(dim=0)])
            self.encoder.last.bias.copy_(first)

    config: MultilinearConfig
    Y: Tensor
    images: Tensor
    image_mean: Tensor
    person: Tensor
    expression: Tensor

    def loss(self, which: Int[Tensor, " B"], step: int) -> dict[str, Float[Tensor, ""]]:
        """Return the sum, the reconstruction alone (in mm²), and the distances from the classes."""
        images, Y, n_plain = self.images[which], self.Y[which], len(which)
        if self.config.mixed:
            images, Y = _with_mixtures(images, Y, seed=hash((self.config.seed, step)))
        w_id, w_exp = self._codes(images)
        y = multiply(self.core_tensor, w_id, w_exp) * self.unit
        errors = (y - Y).square().sum(dim=1)
        error = errors[:n_plain].mean()
        w_id, w_exp = w_id[:n_plain], w_exp[:n_plain]
        person, expression = self.person[which], self.expression[which]
        known = expression >= 0
        identity = _apart(w_id, self.persons, person)
        shown = _apart(w_exp[known], self.expressions, expression[known])
        total = error / self.variance + self.config.label * (identity + shown)
        if self.config.mixed:
            total = total + self.config.mixed * errors[n_plain:].mean() / self.variance
        n = self.basis.shape[1] / 3
        return {
            "loss": total,
            "reconstruction_mm2": error.detach() / n,
            "label_identity": identity.detach(),
            "label_expression": shown.detach(),
        }

    def groups(self) -> Sequence[dict[str, Any]]:
        """Return the encoder's weights, and the tensor with its classes at a rate of their own."""
        config = self.config
        tensor = [self.core_tensor, self.persons, self.expressions]
        return [
            {"params": list(self.encoder.parameters()), "lr": config.rate},
            {"params": tensor, "lr": config.rate * config.tensor_rate},
        ]

    def face_model(self, step: int, *, thorough: bool) -> MultilinearFaceModel:
        """Return the model as it is now, with Gaussians fitted to its codes."""
        config, faces = self.config, self.faces
        which = np.arange(len(faces)) if thorough else faces.spread(_SOME)
        w_id, w_exp = self._encoded(which)
        gaussians = [fit_gaussian(w).to(w.device) for w in (w_id, w_exp)]
        _, shown = self._encoded(np.flatnonzero(faces.expression >= 0))
        people = class_means(w_id, faces.person[which], len(faces.people))
        labels = faces.expression[faces.expression >= 0]
        classes = class_means(shown, labels, len(faces.expressions))
        codes = {
            config.identity: gaussians[0].whiten(people),
            config.expression: gaussians[1].whiten(classes),
        }
        encoder = DepthEncoder(
            size=config.image,
            widths=config.widths,
            hidden=config.hidden,
            codes=config.identity_size + config.expression_size,
            rng=torch.Generator(),
        )
        encoder.load_state_dict(self.encoder.state_dict())
        device = self.Y.device
        tensors = {
            "mean": torch.from_numpy(self.mean.reshape(-1, 3)).float().to(device),
            "basis": torch.from_numpy(self.basis).float().to(device),
            "core_tensor": (self.core_tensor * self.unit).detach().clone(),
            "image_mean": self.image_mean.clone(),
        }
        return MultilinearFaceModel(
            faces.core(config, codes, step).to(device),
            tensors=tensors,
            gaussians=gaussians,
            encoder=encoder.to(device),
            widths=config.widths,
            camera=self.camera,
            image_unit=self.image_unit,
        )

    def held_out(self) -> dict[str, float]:
        """Return the mean vertex distance of validation faces from what their codes make."""
        if self.unseen is None:
            return {}
        images, X = self.unseen
        with torch.no_grad():
            y = multiply(self.core_tensor, *self._codes(images.to(self.Y.device))) * self.unit
        found = self.mean + y.double().cpu().numpy() @ self.basis
        distance = np.linalg.norm((found - X).reshape(len(X), -1, 3), axis=2)
        return {"validation/reconstruction_mm": float(distance.mean())}

    def _coordinates(self, faces: LabelledFaces) -> Float[np.ndarray, "N K"]:
        parts = [
            (faces.vertices(block).reshape(len(block), -1) - self.mean) @ self.basis.T
            for block in _blocks(np.arange(len(faces)))
        ]
        return np.concatenate(parts)

    def _start(self, Y: np.ndarray) -> None:
        """Set the tensor and the classes' codes to the HOSVD, and add what it leaves."""
        config, faces = self.config, self.faces
        P, E = len(faces.people), len(faces.expressions)
        T, known = np.zeros((Y.shape[1], P, E)), np.zeros((P, E), dtype=bool)
        for p, e in {*zip(faces.person.tolist(), faces.expression.tolist(), strict=True)}:
            if e >= 0:
                T[:, p, e] = Y[(faces.person == p) & (faces.expression == e)].mean(axis=0)
                known[p, e] = True
        try:
            T = fill_missing(T, known)
        except ValueError as error:
            raise DatasetError(f"{faces.dataset.path}: {error}") from None
        found = decompose(T, config.identity_size, config.expression_size)
        i, j = found.core.shape[1:]
        core = np.zeros((Y.shape[1], config.identity_size, config.expression_size))
        core[:, :i, :j] = found.core
        spare = config.expression_size - j
        if spare:
            extra = _left_over(Y, found.core, found.persons[faces.person], spare)
            # The direction of persons' codes in which everyone is 1: these entries are additive.
            everyone = np.linalg.lstsq(found.persons, np.ones(P), rcond=None)[0]
            core[:, :i, j:] = extra[:, None, :] * everyone[:, None]
        self.unit = float(np.sqrt(self.variance / Y.shape[1]))
        persons = np.ascontiguousarray(pad_rows(found.persons.T, config.identity_size).T)
        expressions = np.ascontiguousarray(pad_rows(found.expressions.T, config.expression_size).T)
        self.core_tensor = nn.Parameter(torch.from_numpy(core / self.unit).float())
        self.persons = nn.Parameter(torch.from_numpy(persons).float())
        self.expressions = nn.Parameter(torch.from_numpy(expressions).float())
        self.register_buffer("person", torch.from_numpy(faces.person))
        self.register_buffer("expression", torch.from_numpy(faces.expression))

    def _see(
        self, faces: LabelledFaces, validation: LabelledFaces | None, advance: Advance
    ) -> None:
        """Draw the depth images of all faces, and normalise them."""
        self.camera = depth_camera(faces.dataset.template, self.config.image)
        folder = cache_folder() / faces.dataset.fingerprint[:16]
        folder.mkdir(exist_ok=True)
        images = np.array(cached_depth(faces.dataset, faces.rows, self.camera, folder, advance))
        mean = images.mean(axis=0, dtype=np.float64)
        self.image_unit = float(np.sqrt(np.square(images - mean).mean()))
        self.register_buffer("image_mean", torch.from_numpy(mean).float())
        normalised = (images - mean.astype(np.float32)) / self.image_unit
        self.register_buffer("images", torch.from_numpy(normalised.astype(np.float32)))
        self.unseen: tuple[Tensor, np.ndarray] | None = None
        if validation is not None:
            X = validation.vertices(validation.spread(_HELD_OUT))
            depth = self.camera.see(X, faces.dataset.faces)
            shown = torch.from_numpy(((depth - mean) / self.image_unit).astype(np.float32))
            self.unseen = (shown, X.reshape(len(X), -1))

    def _codes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        w_id, w_exp = self.encoder(images).split(
            [self.config.identity_size, self.config.expression_size], dim=1
        )
        return w_id, w_exp

    def _encoded(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            parts = [
                torch.cat(self._codes(self.images[torch.from_numpy(block)]), dim=1)
                for block in _blocks(which)
            ]
        w_id, w_exp = torch.cat(parts).split(
            [self.config.identity_size, self.config.expression_size], dim=1
        )
        return w_id, w_exp


def _with_mixtures(images: Tensor, Y: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """Append as many mixtures of faces: weights of mean 1/4 that sum to 1, some negative.

    Their deviation, 1/2, makes mixtures of independent faces vary as much as the faces.
    """
    rng = torch.Generator().manual_seed(seed % 2**63)
    k = min(_MIXED, len(Y))
    g = torch.randn(len(Y), k, generator=rng) / k**0.5
    weights = 1 / k + g - g.mean(dim=1, keepdim=True)
    chosen = torch.rand(len(Y), len(Y), generator=rng).argsort(dim=1)[:, :k]
    W = torch.zeros(len(Y), len(Y)).scatter_(1, chosen, weights).to(Y.device)
    mixed = torch.tensordot(W, images, dims=1)
    return torch.cat([images, mixed]), torch.cat([Y, W @ Y])


def _apart(w: Tensor, classes: Tensor, label: Tensor) -> Tensor:
    """Return the mean squared distance from the classes' codes, over the classes' variance."""
    if len(w) == 0:
        return classes.sum() * 0
    spread = classes.detach().var(dim=0, correction=0).sum()
    return (w - classes[label]).square().sum(dim=1).mean() / spread


def _left_over(
    Y: np.ndarray, core: np.ndarray, persons: np.ndarray, k: int
) -> Float[np.ndarray, "K k"]:
    """Return the components of faces less their best approximation, person given."""
    rest = np.empty_like(Y)
    for n, (y, a) in enumerate(zip(Y, persons, strict=True)):
        basis = np.einsum("kij,i->kj", core, a)  # (K, j): what expressions do to this person
        rest[n] = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    found = exact_components(rest[np.linspace(0, len(rest) - 1, _SOME).astype(int)], k)
    return pad_rows(found.deviation[:, None] * found.basis, k).T


def _blocks(which: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(which), _BLOCK):
        yield which[start : start + _BLOCK]
