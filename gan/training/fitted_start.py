"""The start "fitted": a quadratic model of person and state, learned before the first step.

What a mesh shows is known as coordinates w of what is left when its person is taken off. A person's
shape u changes how far and where the same state e moves the face, `w ≈ M(u) e`, and e itself is
never seen. It is found by what the method demands of its codes: e says nothing about the person.
Among M near 1 it is a likely one, when the density of e is the same for all people: a mixture of
one cluster for each label and a wide one, Student's t all; the volume of M counts. (Labelled meshes
weigh more in the density than in the volume, so that it is not quite maximum likelihood.) Then

    w = L (e, e e, u e) + a        by ridge regression,
    e = couplings(z), u = marginals(z)    by maximum likelihood and by quantiles,

so that codes N(0, I) give faces distributed nearly as the data's. The fixed codes are those of the
classes' means. The constants were chosen on transfers of one source of the benchmark, which
docs/appendix/training_notes.md names: they are not tuned to other data.
"""

import hashlib
import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as nnf
from jaxtyping import Float, Int
from torch import Tensor, nn

from gan.cache import cache_folder
from gan.errors import ConfigError
from gan.models.generators.quadratic import Couplings, QuadraticGenerator, knots
from gan.training.problem import Problem
from meshkit.sealed import kept_arrays

LAYOUT = 1  # of the stored fit: raise it when a constant below changes
FREEDOM = 4.0  # degrees of, of Student's t: heavy tails, since some performances are odd
STIFFNESS = 0.1  # nats a mesh, for every squared entry by which M leaves 1 per unit of u
LABELLED = 4.0  # weight of a mesh whose label is known, against 1: few are
TIGHTNESS = 1.5  # by how much a label's cluster is narrower than the wide one at first
ALIGNMENT_STEPS, ALIGNMENT_RATE = 250, 1e-2  # of Adam on all meshes; the rate falls to 0
RIDGE, RIDGE_OF_PRODUCTS = 1e-5, 0.01  # times a feature's mean square; people are few: products
BLUR = 0.25  # noise on e while its density is learned, in e's deviations: people are few
DENSITY_STEPS, DENSITY_RATE, DENSITY_BATCH = 1200, 2e-3, 256  # of Adam; the rate falls to 0
MAX_GRADIENT = 5.0  # norm, at most: an odd batch must not throw the couplings
GAUSSIAN_SHARE = 0.15  # of N(0, 1) in a marginal: quantiles of few people are ragged
MIN_VARIANCE, MIN_DEVIATION = 1e-6, 1e-2  # in squared deviations, in deviations: no division by 0


class _States(NamedTuple):
    """What every mesh of a known person shows."""

    w: Float[Tensor, "N K"]  # in components' deviations, 0 at rest
    person: Int[Tensor, " N"]
    label: Int[Tensor, " N"]  # −1: unknown
    u: Float[Tensor, "C P"]  # coordinates of the people, in components' deviations


def fit_start(
    generator: nn.Module, problem: Problem, codes: dict[str, Tensor], rng: torch.Generator
) -> None:
    """Fit the generator to the training meshes and set the fixed codes, in place.

    Half a minute of one core; kept in the cache, for the runs and resumptions that come after.

    Raises
    ------
    ConfigError
        The generator is another than `quadratic`, or there is one factor only: nobody acts.
    """
    if not isinstance(generator, QuadraticGenerator):
        raise ConfigError('generator.start = "fitted" needs generator.name = "quadratic"')
    if len(problem.factors) < 2:
        raise ConfigError('generator.start = "fitted" needs a second factor, which people show')
    path = cache_folder() / problem.fingerprint[:16] / f"fitted-{_key(generator, problem, rng)}.npz"
    path.parent.mkdir(exist_ok=True)

    def fitted() -> dict[str, np.ndarray]:
        _fit(generator, problem, codes, rng)
        given = ("basis", "mean", "pairs")
        kept = {name: w for name, w in generator.state_dict().items() if name not in given}
        kept |= {f"codes.{factor.name}": codes[factor.name] for factor in problem.factors[:2]}
        return {name: tensor.numpy() for name, tensor in (kept | {"rng": rng.get_state()}).items()}

    stored = {name: torch.from_numpy(a) for name, a in kept_arrays(path, fitted).items()}
    rng.set_state(stored.pop("rng"))
    for factor in problem.factors[:2]:
        codes[factor.name] = stored.pop(f"codes.{factor.name}")
    generator.load_state_dict(stored, strict=False)


def _key(generator: QuadraticGenerator, problem: Problem, rng: torch.Generator) -> str:
    """Return a name for all that the fit depends on."""
    key = hashlib.sha256(f"{LAYOUT} {generator.people} {generator.states}".encode())
    statistics = problem.statistics
    tensors = [rng.get_state(), *(problem.labels[f.name].labels for f in problem.factors[:2])]
    arrays = [tensor.cpu().numpy() for tensor in tensors]
    for array in (statistics.states, statistics.class_codes, generator.A.detach().numpy(), *arrays):
        key.update(repr(array.shape).encode() + array.tobytes())
    return key.hexdigest()[:16]


def _fit(
    generator: QuadraticGenerator,
    problem: Problem,
    codes: dict[str, Tensor],
    rng: torch.Generator,
) -> None:
    """Fit states, marginals, layer and couplings in turn, and set the fixed codes; all in place."""
    statistics, (first, second) = problem.statistics, problem.factors[:2]
    n_between = len(statistics.between)
    label = problem.labels[second.name].labels.cpu()
    person = problem.labels[first.name].labels.cpu()
    K = min(len(statistics.within), generator.A.shape[0] - n_between)
    w = torch.from_numpy(statistics.states[:, :K]).float()
    rest = _rest(w, label)
    u = torch.zeros(len(first.classes), first.code_size)
    count = min(u.shape[1], statistics.class_codes.shape[1])
    u[:, :count] = torch.from_numpy(statistics.class_codes[:, :count])
    known = person >= 0
    data = _States(w[known] - rest, person[known], label[known], u)
    e = _states_of_nobody(data, generator.people, generator.states, second.code_size)
    with torch.no_grad():
        _fit_marginals(generator, u)
        _fit_layer(generator, data, e, slice(n_between, n_between + K), rest)
    _fit_couplings(generator.couplings, e, rng)
    with torch.no_grad():
        seen = u.abs().sum(dim=1) > 0
        inverse = generator.marginals.inverse(u)
        codes[first.name][seen, :count] = inverse[seen, :count]
        for k in range(len(codes[second.name])):
            if bool((data.label == k).any()):
                mean = e[data.label == k].mean(dim=0, keepdim=True)
                codes[second.name][k] = generator.couplings.inverse(mean)[0][0]


def _rest(w: Float[Tensor, "N K"], label: Int[Tensor, " N"]) -> Float[Tensor, " K"]:
    """Return the mean of the label that varies least, 0 without labels: people at rest."""
    groups = [w[label == k] for k in range(int(label.max()) + 1) if (label == k).sum() > 1]
    if not groups:
        return w.new_zeros(w.shape[1])
    return min(groups, key=lambda g: float(g.var(dim=0).sum())).mean(dim=0)


def _states_of_nobody(
    data: _States, people: int, states: int, size: int
) -> Float[Tensor, "N size"]:
    """Return e of every mesh, in components' deviations, so that who shows it cannot be told.

    `people` and `states` leading entries of u and e take part; entries beyond w's are 0.
    """
    w, u = data.w[:, :size], data.u[:, :people]
    d, known = w.shape[1], data.label >= 0
    turn = w.new_zeros(u.shape[1], d, min(states, d)).requires_grad_()
    mixture = _Mixture(w, data.label)
    optimizer = torch.optim.Adam([turn, *mixture.parameters()], lr=ALIGNMENT_RATE)

    def unturned() -> tuple[Tensor, Tensor]:
        M = torch.eye(d).expand(len(u), d, d).clone()
        M[:, :, : turn.shape[2]] += torch.einsum("ck,kij->cij", u, turn)
        e = torch.einsum("nij,nj->ni", torch.linalg.inv(M)[data.person], w)
        return e, torch.linalg.slogdet(M)[1][data.person]

    for step in range(ALIGNMENT_STEPS):
        optimizer.param_groups[0]["lr"] = ALIGNMENT_RATE * (1 - step / ALIGNMENT_STEPS)
        e, volume = unturned()
        likely = mixture(e, data.label)
        surprise = -(torch.where(known, LABELLED, 1.0) * likely).mean()
        optimizer.zero_grad()
        (surprise + volume.mean() + STIFFNESS * turn.square().sum()).backward()
        optimizer.step()
    return nnf.pad(unturned()[0].detach(), (0, size - d))


class _Mixture(nn.Module):
    """The density of states: one cluster for each label, and one that is wide.

    A mesh without a label may belong to any; one with a label belongs to its own.
    """

    def __init__(self, w: Float[Tensor, "N d"], label: Int[Tensor, " N"]) -> None:
        super().__init__()
        d, rows = w.shape[1], [label == k for k in range(int(label.max()) + 1)]
        means = [w[row].mean(dim=0) if row.any() else w.new_zeros(d) for row in rows]
        self.centre = nn.Parameter(torch.stack([*means, w.new_zeros(d)]))
        tightness = torch.tensor([TIGHTNESS] * len(rows) + [1.0])
        self.root = nn.Parameter(tightness[:, None, None] * torch.eye(d))  # of the precision
        self.share = nn.Parameter(torch.zeros(len(rows) + 1))

    def forward(self, e: Float[Tensor, "N d"], label: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Return the logarithm of the density at each state."""
        d = e.shape[1]
        off = torch.einsum("nkd,kfd->nkf", e[:, None] - self.centre, self.root).square().sum(dim=2)
        heavy = 0.5 * (FREEDOM + d) * torch.log1p(off / FREEDOM)
        each = torch.linalg.slogdet(self.root)[1] - heavy
        of_own = each.gather(1, label.clamp(min=0)[:, None])[:, 0]
        of_any = torch.logsumexp(each + torch.log_softmax(self.share, dim=0), dim=1)
        return torch.where(label >= 0, of_own, of_any)


def _fit_marginals(generator: QuadraticGenerator, u: Float[Tensor, "C P"]) -> None:
    """Let the quantiles of a code be those of the people, a little smoothed, in place."""
    at = knots().to(u)
    share = 0.5 * (1 + torch.erf(at / math.sqrt(2)))
    quantiles = torch.quantile(u[u.abs().sum(dim=1) > 0], share, dim=0).T  # (P, knots)
    driven = (u.abs().sum(dim=0) > 0)[:, None]
    smooth = (1 - GAUSSIAN_SHARE) * quantiles + GAUSSIAN_SHARE * at
    generator.marginals.values.copy_(torch.where(driven, smooth, at))


def _fit_layer(
    generator: QuadraticGenerator, data: _States, e: Tensor, rows: slice, rest: Tensor
) -> None:
    """Regress w on states and products, in place; `rows` of A and a are those of w."""
    u = data.u[data.person]
    further = e.new_zeros(len(e), generator.further.stop - generator.further.start)
    h = generator.features(u, e, further).double()
    P = u.shape[1]
    products = P + e.shape[1] + further.shape[1]
    used = torch.cat([torch.arange(P, P + e.shape[1]), torch.arange(products, h.shape[1])])
    h = h[:, used]
    square = h.square().mean(dim=0)
    ridge = torch.where(used < products, RIDGE, RIDGE_OF_PRODUCTS) * square.clamp(min=MIN_VARIANCE)
    gram = h.T @ h / len(h) + torch.diag(ridge)
    L = torch.linalg.solve(gram, h.T @ data.w.double() / len(h))
    layer = generator.A.new_zeros(rows.stop - rows.start, generator.A.shape[1])
    layer[:, used] = L.T.float()
    generator.A[rows] = layer
    generator.a[rows] = rest


def _fit_couplings(couplings: Couplings, e: Float[Tensor, "N d"], rng: torch.Generator) -> None:
    """Learn the density of the states, in place: maximum likelihood of blurred ones."""
    with torch.no_grad():
        couplings.shift.copy_(e.mean(dim=0))
        scale = e.std(dim=0).clamp(min=MIN_DEVIATION)  # entries without a component are 0
        couplings.log_scale.copy_(scale.log())
    blur = BLUR * scale
    optimizer = torch.optim.Adam(couplings.parameters(), lr=DENSITY_RATE)
    for step in range(DENSITY_STEPS):
        half = 0.5 * (1 + math.cos(math.pi * step / DENSITY_STEPS))
        optimizer.param_groups[0]["lr"] = DENSITY_RATE * half
        seen = e[torch.randint(len(e), (DENSITY_BATCH,), generator=rng)]
        z, lost = couplings.inverse(seen + blur * torch.randn(seen.shape, generator=rng))
        optimizer.zero_grad()
        (0.5 * z.square().sum(dim=1) - lost).mean().backward()
        torch.nn.utils.clip_grad_norm_(couplings.parameters(), MAX_GRADIENT)
        optimizer.step()
