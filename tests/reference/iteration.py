"""One iteration of training written out in float64: no layer, loss, optimizer or draw of `gan`'s.

Only derivatives are left to torch, of functions that are written out here. A generated face is
always a whole mesh that is mapped to an image; nothing is folded, fused or shared.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from gan.config import Config, FactorConfig
from tests.reference.networks import (
    Adam,
    Weights,
    contrast,
    convolution,
    energy,
    leaky,
    log_softmax,
    softplus,
)


class Faces:
    """The training meshes (N, V, 3) in mm, the template, and the matrix S from vertices to pixels.

    `labels` are classes 0, 1, … or -1 by factor; `scale` is one coordinate's deviation, in mm.
    `components` are those between the classes of the first factor and those within, in its units.
    """

    def __init__(
        self,
        V: np.ndarray,
        template: np.ndarray,
        F: np.ndarray,
        labels: dict[str, np.ndarray],
        S: np.ndarray,
        components: list[np.ndarray],
    ) -> None:
        self.V, self.template, self.F, self.labels, self.S = V, template, F, labels, S
        n = math.isqrt(len(S))
        self.raw = np.einsum("pv,bvc->bcp", S, V).reshape(-1, 3, n, n)
        mean = self.raw.mean(axis=0)
        self.mean_image = mean.astype(np.float32).astype(np.float64)  # as the trainer keeps it
        self.deviation = math.sqrt(((self.raw - mean) ** 2).mean())
        self.scale = math.sqrt(((V - V.mean(axis=0)) ** 2).mean())
        self.half_height = (template[:, 1].max() - template[:, 1].min()) / 2
        self.shapes: list[list[np.ndarray]] = []  # their images, up to 99 % of the variance
        for group in components:
            self.shapes.append([])
            kept, variance = 0.0, (group.astype(np.float64) ** 2).sum()
            for component in group.astype(np.float64):
                if kept < 0.99 * variance:
                    image = S @ component.reshape(-1, 3) * self.scale / self.deviation
                    self.shapes[-1].append(image.T.reshape(3, n, n))
                kept += (component**2).sum()

    def class_weights(self, factor: str) -> np.ndarray:
        """Return the uniform share of every class over its share of the labelled meshes."""
        label = self.labels[factor]
        share = np.bincount(label[label >= 0]) / (label >= 0).sum()
        return 1 / len(share) / share


@dataclass
class Batch:
    """Codes of one batch; `pair[name]` lists the pairs (i, j) that share the code of a factor."""

    z: Tensor
    code: dict[str, Tensor]
    label: dict[str, Tensor]  # of the labelled factor alone
    pair: dict[str, list[tuple[int, int]]]


class TrainerByHand:
    """Both players, and everything that changes while they train.

    `G` and `D` are the weights by name, `fixed` what is not trained: bases of the generator and
    vectors of the spectral norm.
    """

    def __init__(
        self, config: Config, faces: Faces, G: Weights, D: Weights, fixed: Weights, halvings: int
    ) -> None:
        self.config, self.faces, self.G, self.D, self.fixed = config, faces, G, D, fixed
        self.rate_factor = 0.5**halvings
        self.average = dict(G)
        self.adam_g, self.adam_d = Adam(config.optimizer.betas), Adam(config.optimizer.betas)
        self.p, self.signs, self.rate = config.augmentation.p, 0.0, 0.0
        self.step = self.update = self.cursor = 0
        seed = config.training.seed
        first = torch.Generator().manual_seed(seed)
        self.codes = {
            f.name: torch.randn(
                faces.labels[f.name].max() + 1, f.code_size, generator=first, dtype=torch.float32
            ).double()
            for f in config.factors
        }
        self.rng = torch.Generator().manual_seed(seed + 1)
        self.order = torch.randperm(len(faces.V), generator=self.rng)

    def iterate(self) -> dict[str, Tensor]:
        """Train the discriminator several times, the generator once; return all terms."""
        config = self.config
        t = self.step / config.training.iterations
        factor = {"none": 1, "linear": 1 - t, "cosine": (1 + math.cos(math.pi * t)) / 2}
        rate = self.rate_factor * factor[config.optimizer.decay]
        labelled = config.factors[self.step % len(config.factors)].name
        for _ in range(config.training.critic_steps):
            terms = self.train_discriminator(labelled, rate * config.optimizer.rate_d)
        terms = {f"d/{name}": term for name, term in terms.items()}
        of_generator = self.train_generator(labelled, rate * config.optimizer.rate_g)
        terms |= {f"g/{name}": term for name, term in of_generator.items()}
        decay = min(config.generator.ema, (1 + self.step) / (10 + self.step))
        self.average = {
            name: decay * old + (1 - decay) * self.G[name] for name, old in self.average.items()
        }
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}

    def train_discriminator(self, labelled: str, rate: float) -> dict[str, Tensor]:
        self.D = {name: w.requires_grad_(True) for name, w in self.D.items()}
        chosen = self.next_meshes()
        further = self.labelled_meshes()
        prior = self.config.adversarial.prior_codes
        batch = Batch(self.prior_codes(), {}, {}, {}) if prior else self.draw_codes(labelled)
        real = self.normalised(torch.from_numpy(self.faces.raw[chosen]))
        made = self.image(self.displacement(batch.z)).detach()
        real, fake = self.augment(real), self.augment(made)
        real, fake = self.noisy(real), self.noisy(fake)
        extra = {name: self.labelled_image(name, meshes) for name, meshes in further.items()}
        B = len(real)
        shared = self.trunk(torch.cat([real, fake]))
        score = self.score(shared)
        terms, weights = self.game(real, fake, score[:B], score[B:]), {}
        if self.paired:
            terms |= self.judge_pairs(made)
        for factor in self.config.factors:
            own, made = self.features(f"branches.{factor.name}", shared).split(B)
            for loss, setting in factor.losses.items():
                if loss == "code-regression" and setting.d:
                    term = self.generator_term(factor, loss, made, batch)
                elif factor.name in further:
                    f = self.features(f"branches.{factor.name}", self.trunk(extra[factor.name]))
                    term = self.discriminator_term(factor, loss, f, further[factor.name])
                else:
                    term = self.discriminator_term(factor, loss, own, chosen)
                if term is not None and setting.d:
                    terms[f"{loss}_{factor.name}"] = term
                    weights[f"{loss}_{factor.name}"] = setting.d
        total = sum(weights.get(name, 1) * term for name, term in terms.items())
        self.D = self.adam_d.descend(self.D, total, rate)
        shown = self.adapt(score[:B].detach(), score[B:].detach())
        self.update += 1
        return terms | shown

    def train_generator(self, labelled: str, rate: float) -> dict[str, Tensor]:
        self.G = {name: w.requires_grad_(True) for name, w in self.G.items()}
        batch, config, faces = self.draw_codes(labelled), self.config, self.faces
        prior = config.adversarial.prior_codes
        d = self.displacement(torch.cat([batch.z, self.prior_codes()]) if prior else batch.z)
        made = self.image(d)
        image = self.noisy(self.augment(made))
        shared, judged = self.trunk(image).split(len(batch.z)) if prior else 2 * [self.trunk(image)]
        score = self.score(judged)
        r1 = config.adversarial.name == "r1"
        terms, weights = {"adversarial": softplus(-score).mean() if r1 else -score.mean()}, {}
        weights["adversarial"] = config.adversarial.weight
        for factor in config.factors:
            if factor.name == self.paired:
                score = self.score_of_pairs(self.half_differences(made[len(batch.z) :]))
                name = f"pair_{factor.name}"
                terms[name] = softplus(-score).mean() if r1 else -score.mean()
                weights[name] = factor.pair_critic
        further = {f"regularizer_{s.name}": s for s in config.regularizers}
        V, size = faces.template / faces.half_height, faces.scale / faces.half_height
        for term, section in ({"regularizer": config.regularizer} | further).items():
            if section.weight:
                terms[term] = energy(section.name, V, faces.F, size * d)
                weights[term] = section.weight
        for factor in config.factors:
            plain = config.discriminator.clean_features and factor.name != labelled
            looked_at = self.trunk(made[: len(batch.z)]) if plain else shared
            f = self.features(f"branches.{factor.name}", looked_at)
            for loss, setting in factor.losses.items():
                term = self.generator_term(factor, loss, f, batch) if setting.g else None
                if term is not None:
                    terms[f"{loss}_{factor.name}"] = term
                    weights[f"{loss}_{factor.name}"] = setting.g
        total = sum(weights.get(name, 1) * term for name, term in terms.items())
        self.G = self.adam_g.descend(self.G, total, rate)
        return terms

    def faces_of(self, z: Tensor) -> Tensor:
        """Return the meshes (B, V, 3) of the model that a run yields: of the averaged weights."""
        averaged = self.config.generator.ema > 0
        d = self.displacement(z, self.average if averaged else self.G)
        return torch.from_numpy(self.faces.template) + self.faces.scale * d.permute(2, 0, 1)

    # What is drawn

    def next_meshes(self) -> np.ndarray:
        batch = self.config.training.batch
        if self.cursor + batch > len(self.order):
            self.order = torch.randperm(len(self.faces.V), generator=self.rng)
            self.cursor = 0
        self.cursor += batch
        return self.order[self.cursor - batch : self.cursor].numpy()

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.rng, dtype=torch.float64)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.rng, dtype=torch.float64)

    def draw_codes(self, labelled: str) -> Batch:
        B, config = self.config.training.batch, self.config
        batch = Batch(torch.empty(0), {}, {}, {})
        others = [f.name for f in config.factors if f.name != labelled]
        for factor in config.factors:
            name = factor.name
            if name == labelled:
                label = torch.randint(len(self.codes[name]), (B,), generator=self.rng)
                batch.label[name], batch.code[name] = label, self.codes[name][label]
                continue
            z, share = self.normal(B, factor.code_size), B // 2 // len(others)
            start = share * others.index(name)
            batch.pair[name] = [(i, i + B // 2) for i in range(start, start + share)]
            for i, j in batch.pair[name]:
                z[j] = z[i]
            batch.code[name] = z
        noise = self.normal(B, config.generator.noise_size)
        batch.z = torch.cat([*batch.code.values(), noise], dim=1)
        return batch

    def labelled_meshes(self) -> dict[str, np.ndarray]:
        """Draw a class, then a mesh of it, for every factor that some meshes have no label of."""
        n, drawn = self.config.training.labelled_batch, {}
        for name, labels in self.faces.labels.items():
            if n and (labels < 0).any():
                members = [np.flatnonzero(labels == c) for c in range(labels.max() + 1)]
                drawn[name] = np.array(
                    [
                        members[int(u * len(members))][int(v * len(members[int(u * len(members))]))]
                        for u, v in self.uniform(n, 2).tolist()
                    ]
                )
        return drawn

    def prior_codes(self) -> Tensor:
        B, start = self.config.training.batch, 0
        sizes = {f.name: f.code_size for f in self.config.factors}
        z = self.normal(B, sum(sizes.values()) + self.config.generator.noise_size)
        for name, size in sizes.items():
            if name == self.paired:
                for i in range(B // 2):
                    z[i + B // 2, start : start + size] = z[i, start : start + size]
            start += size
        return z

    # Pairs that share a label, or a code

    @property
    def paired(self) -> str:
        wanted = [f.name for f in self.config.factors if f.pair_critic]
        return wanted[self.step % len(wanted)] if wanted else ""

    def half_differences(self, images: Tensor) -> Tensor:
        """Subtract pair by pair; add white noise."""
        half = len(images) // 2
        apart = torch.stack([images[i] - images[i + half] for i in range(half)])
        return apart + self.config.discriminator.instance_noise * self.normal(*apart.shape)

    def score_of_pairs(self, x: Tensor) -> Tensor:
        of_pairs = f"pairs.{self.paired}."
        return self.score(self.trunk(x, of_pairs), of_pairs)

    def judge_pairs(self, made: Tensor) -> dict[str, Tensor]:
        labels = self.faces.labels[self.paired]
        count = np.bincount(labels[labels >= 0])
        usable, pairs = np.flatnonzero(count > 1), []
        for u, v, w in self.uniform(len(made) // 2, 3).tolist():
            members = np.flatnonzero(labels == usable[int(u * len(usable))])
            first = int(v * len(members))
            others = np.roll(members, -first)[1:]
            pairs.append((members[first], others[int(w * len(others))]))
        chosen = np.array(pairs).T.ravel()
        real = self.half_differences(self.normalised(torch.from_numpy(self.faces.raw[chosen])))
        fake = self.half_differences(made)
        high, low = self.score_of_pairs(torch.cat([real, fake])).split(len(real))
        terms = self.game(real, fake, high, low, f"pairs.{self.paired}.")
        return {f"pair_{name}_{self.paired}": term for name, term in terms.items()}

    def noisy(self, images: Tensor) -> Tensor:
        settings = self.config.discriminator
        sigma = settings.instance_noise
        if settings.anneal_noise:
            sigma *= 1 - self.step / self.config.training.iterations
        images = images + sigma * self.normal(*images.shape) if sigma else images
        if sigma and settings.shaped_noise:
            sigma *= settings.shaped_noise / settings.instance_noise
            images = self.shaped(self.shaped(images, 0, sigma), 1, sigma)
        return images

    def shaped(self, images: Tensor, group: int, sigma: float) -> Tensor:
        shapes = self.faces.shapes[group]
        for shape, weight in zip(shapes, self.normal(len(images), len(shapes)).T, strict=True):
            images = images + sigma * weight[:, None, None, None] * torch.from_numpy(shape)
        return images

    def labelled_image(self, factor: str, meshes: np.ndarray) -> Tensor:
        images, sigma = self.normalised(torch.from_numpy(self.faces.raw[meshes])), 0.0
        if factor != self.config.factors[0].name:
            sigma = self.config.discriminator.labelled_noise
        return self.noisy(self.augment(self.shaped(images, 0, sigma) if sigma else images))

    # Augmentation

    def augment(self, images: Tensor) -> Tensor:
        """Move, bend, slide and hide, image by image; the sizes are those of the documentation."""
        if self.config.augmentation.name == "none":
            return images
        B, n = len(images), images.shape[-1]
        strength, p = self.config.augmentation.strength, self.p

        def chosen() -> np.ndarray:
            return strength * (self.uniform(B).numpy() < p)

        whole = torch.from_numpy(self.faces.mean_image / self.faces.deviation)
        mean = whole - whole.mean(dim=(1, 2), keepdim=True)
        radius = mean.square().sum(dim=0).mean().sqrt().item()
        angle = 0.5 * math.sqrt(1.5) / radius * self.normal(B, 3).numpy() * chosen()[:, None]
        growth = np.exp(0.25 * math.sqrt(3) / radius * self.normal(B).numpy() * chosen())
        offset = 0.5 * chosen()[:, None] * self.normal(B, 3).numpy()
        bend = 0.25 / math.sqrt(8) * chosen()[:, None, None] * self.normal(B, 3, 8).numpy()
        slide = n / 32 * chosen()[:, None] * self.normal(B, 2).numpy()
        half = n / 8 * chosen()
        centre = n * self.uniform(B, 2).numpy()
        pixel, changed = np.arange(n), []
        waves = [np.cos(math.pi * k * (pixel + 0.5) / n) for k in range(3)]
        products = [np.outer(a, b) for a in waves for b in waves][1:]
        smooth = np.stack([w / np.sqrt((w**2).mean()) for w in products])
        for i, image in enumerate(images):
            A = torch.from_numpy(growth[i] * Rotation.from_euler("XYZ", angle[i]).as_matrix())
            moved = torch.einsum("ij,jyx->iyx", A, image + mean) - mean
            field = offset[i, :, None, None] + np.einsum("ck,kyx->cyx", bend[i], smooth)
            rows, columns = (
                np.stack([np.interp(pixel + s, pixel, hat) for hat in np.eye(n)], axis=1)
                for s in slide[i]
            )
            slid = torch.einsum(
                "ab,cbd,ed->cae",
                torch.from_numpy(rows),
                moved + torch.from_numpy(field),
                torch.from_numpy(columns),
            )
            near = [np.abs(pixel + 0.5 - c) < half[i] for c in centre[i]]
            changed.append(slid * torch.from_numpy(~np.outer(*near)))
        return torch.stack(changed)

    def adapt(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Every fourth update p moves by 4 batches over `images`, up if the mean sign is high."""
        settings = self.config.augmentation
        if settings.name != "adaptive":
            return {}
        wasserstein = self.config.adversarial.name == "wgan-gp"
        middle = (real.mean() + fake.mean()) / 2 if wasserstein else 0.0
        self.signs += torch.sign(real - middle).mean().item()
        if self.update % 4 == 3:
            self.rate, self.signs = self.signs / 4, 0.0
            step = 4 * len(real) / settings.images
            self.p = min(max(self.p + step * np.sign(self.rate - settings.target), 0.0), 1.0)
        return {"augmentation": torch.tensor(self.p), "sign": torch.tensor(self.rate)}

    # The networks

    def displacement(self, z: Tensor, weights: Weights | None = None) -> Tensor:
        """Return (V, 3, B), in units of the data's deviation."""
        w = (self.G if weights is None else weights) | self.fixed
        h = leaky(z @ w["W1"].T + w["b1"], self.config.generator.slope).T
        if "A" in w:
            d = w["basis"] @ (w["A"] @ h + w["a"][:, None]) + w["mean"][:, None]
        else:
            d = w["W2"] @ h + w["b2"][:, None]
        return d.reshape(-1, 3, len(z))

    def image(self, d: Tensor) -> Tensor:
        """Map the displaced template, mesh by mesh, and normalise."""
        faces, n = self.faces, self.config.mapping.size
        V = torch.from_numpy(faces.template)[:, :, None] + faces.scale * d
        raw = torch.einsum("pv,vcb->bcp", torch.from_numpy(faces.S), V)
        return self.normalised(raw.reshape(-1, 3, n, n))

    def normalised(self, raw: Tensor) -> Tensor:
        return (raw - torch.from_numpy(self.faces.mean_image)) / self.faces.deviation

    def weight(self, layer: str) -> Tensor:
        """Return a layer's weight; under a spectral norm, one step of power iteration on."""
        name = f"{layer}.parametrizations.weight"
        if f"{name}.original" not in self.D:
            return self.D[f"{layer}.weight"]
        W = self.D[f"{name}.original"]
        matrix, v = W.flatten(1), self.fixed[f"{name}.0._v"]
        u = matrix.detach() @ v
        u = u / u.norm()
        v = matrix.detach().T @ u
        self.fixed[f"{name}.0._v"] = v = v / v.norm()
        return W / (u @ matrix @ v)

    def block(self, layer: str, x: Tensor) -> Tensor:
        slope = self.config.discriminator.slope
        return leaky(convolution(x, self.weight(layer), self.D[f"{layer}.bias"]), slope)

    def linear(self, layer: str, x: Tensor) -> Tensor:
        return x @ self.weight(layer).T + self.D[f"{layer}.bias"]

    def trunk(self, images: Tensor, player: str = "") -> Tensor:
        return self.block(f"{player}trunk.1", self.block(f"{player}trunk.0", images))

    def score(self, shared: Tensor, player: str = "") -> Tensor:
        critic = f"{player}critic"
        return self.linear(f"{critic}.last", self.features(critic, shared))[:, 0]

    def features(self, branch: str, shared: Tensor) -> Tensor:
        hidden = self.block(f"{branch}.blocks.1", self.block(f"{branch}.blocks.0", shared))
        if f"{branch}.embed.weight" in self.D:
            f = self.linear(f"{branch}.embed", hidden.flatten(1))
            return f / f.square().sum(dim=1, keepdim=True).sqrt()
        return hidden.flatten(1)

    def logits(self, branch: str, f: Tensor) -> Tensor:
        """Return a linear map of the features, or cosines over a temperature."""
        if f"{branch}.embed.weight" not in self.D:
            return self.linear(f"{branch}.last", f)
        W = self.D[f"{branch}.last.weight"]
        temperature = self.config.discriminator.options.get("temperature", 0.2)
        return f @ (W / W.square().sum(dim=1, keepdim=True).sqrt()).T / temperature

    # The terms

    def game(
        self, real: Tensor, fake: Tensor, high: Tensor, low: Tensor, player: str = ""
    ) -> dict[str, Tensor]:
        settings = self.config.adversarial
        penalty = 10.0 if settings.penalty is None else settings.penalty
        if settings.name == "hinge":
            return {"critic": (1 - high).clamp(min=0).mean() + (1 + low).clamp(min=0).mean()}
        if settings.name == "wgan-gp":
            t = self.uniform(len(real), 1, 1, 1)
            squares = self.squared_slopes((1 - t) * real + t * fake, player)
            held = penalty * (squares.sqrt() - 1).square().mean()
            return {"critic": low.mean() - high.mean(), "penalty": held}
        terms = {"critic": softplus(-high).mean() + softplus(low).mean()}
        interval = settings.options.get("interval", 1)
        if self.update % interval == 0:
            terms["penalty"] = interval * penalty / 2 * self.squared_slopes(real, player).mean()
        return terms

    def squared_slopes(self, images: Tensor, player: str) -> Tensor:
        images = images.detach().requires_grad_(True)
        score = self.score(self.trunk(images, player), player).sum()
        (slope,) = torch.autograd.grad(score, images, create_graph=True)
        return slope.square().sum(dim=(1, 2, 3))

    def discriminator_term(
        self, factor: FactorConfig, loss: str, f: Tensor, chosen: np.ndarray
    ) -> Tensor | None:
        """Return what real faces with features f add, faces by their numbers `chosen`."""
        labels = self.faces.labels[factor.name]
        if loss == "supervised-contrastive":
            return self.contrast(factor, f, labels[chosen].tolist())
        if loss != "classification":
            return None
        even = factor.balance == "uniform"
        weights = self.faces.class_weights(factor.name) if even else np.ones(labels.max() + 1)
        logs = log_softmax(self.logits(f"branches.{factor.name}", f))
        if self.config.training.labelled_batch and (labels < 0).any():  # classes are drawn evenly
            weights = weights / self.faces.class_weights(factor.name)
            drawn = labels[chosen]
            return -sum(weights[c] * logs[i, c] for i, c in enumerate(drawn)) / len(f)
        shown = [(i, labels[k]) for i, k in enumerate(chosen) if labels[k] >= 0]
        total = -sum(weights[c] * logs[i, c] for i, c in shown)
        return total / ((labels >= 0).mean() * len(chosen))

    def generator_term(
        self, factor: FactorConfig, loss: str, f: Tensor, batch: Batch
    ) -> Tensor | None:
        """Return what generated faces with features f add."""
        name, label = factor.name, batch.label.get(factor.name)
        if loss == "code-regression":
            read = self.linear(f"heads.{name}.code-regression.read", f)
            return (read - batch.code[name]).square().mean()
        if loss == "classification":
            logs = log_softmax(self.logits(f"branches.{name}", f))
            return None if label is None else -logs[range(len(f)), label].mean()
        if loss == "feature":
            if label is not None:
                return None
            pairs = [(f[i], f[j]) for i, j in batch.pair[name]]
            if factor.losses[loss].options.get("distance", "cosine") == "l2":
                return sum((a - b).square().sum() for a, b in pairs) / len(pairs)
            return sum(1 - a @ b / (a.norm() * b.norm()) for a, b in pairs) / len(pairs)
        if label is None:
            label = torch.arange(len(f))
            for i, j in batch.pair[name]:
                label[j] = label[i]
        return self.contrast(factor, f, label.tolist())

    def contrast(self, factor: FactorConfig, f: Tensor, label: list[int]) -> Tensor:
        options = factor.losses["supervised-contrastive"].options
        if options.get("projection", 64):
            f = self.linear(f"heads.{factor.name}.supervised-contrastive.project", f)
        return contrast(f, label, options.get("temperature", 0.1))
