"""The generator in which who acts changes what is done, and its start fitted to the data."""

import scipy.sparse as sp
import torch

from gan.models.generator import composed
from gan.models.generators.quadratic import Couplings, Marginals
from gan.models.network_model import NetworkFaceModel
from gan.training.fitted_start import _rest, _States, _states_of_nobody
from meshkit.nn import SparseOperator
from tests.gan.quadratic import P, S, V, groups, quadratic_generator, quadratic_model, shaken

rng = torch.Generator().manual_seed(0)


def test_couplings_are_inverted_and_know_their_volume():
    flow = shaken(Couplings(S, rng)).double()
    z = torch.randn(5, S, generator=rng, dtype=torch.float64)
    back, lost = flow.inverse(flow(z))
    torch.testing.assert_close(back, z)
    for k in range(5):
        J = torch.autograd.functional.jacobian(lambda x: flow(x[None])[0], z[k])
        torch.testing.assert_close(lost[k], -torch.linalg.slogdet(J)[1])


def test_marginals_are_inverted_within_and_beyond_their_knots():
    maps = Marginals(3)
    maps.values = torch.sort(torch.randn(maps.values.shape, generator=rng), dim=1)[0]
    z = torch.tensor([[-4.0, -2.5, -0.1], [0.0, 2.5, 5.0], [1.01, 0.25, -1.0]])
    torch.testing.assert_close(maps.inverse(maps(z)), z, atol=1e-4, rtol=1e-4)


def test_it_folds_and_is_linear_in_its_products():
    G = quadratic_generator(groups(), noise=2)
    operator = SparseOperator(sp.eye_array(V, format="csr")[:4])
    z = torch.randn(3, P + S + 2, generator=rng)
    expected = torch.stack([operator(d) for d in G(z).permute(2, 0, 1)]).permute(1, 2, 0)
    torch.testing.assert_close(composed(G, operator)(z), expected, atol=1e-4, rtol=1e-4)
    u, e, rest = torch.randn(1, P), torch.randn(1, S), torch.zeros(1, 2)
    still = G.displacement(G.features(u, 0 * e, rest))
    once, twice = (G.displacement(G.features(u, k * e, rest)) - still for k in (1, 2))
    other = G.displacement(G.features(0 * u, e, rest)) - G.displacement(
        G.features(0 * u, 0 * e, rest)
    )
    assert (twice - 2 * once).norm() > 0.01 * once.norm()  # e e
    assert (once - other).norm() > 0.01 * once.norm()  # u e


def test_its_model_is_saved_and_finds_codes(tmp_path):
    model = quadratic_model()
    G = model.generator
    model.save(tmp_path / "m.safetensors")
    model = NetworkFaceModel.load(tmp_path / "m.safetensors")
    codes = model.split(0.5 * torch.randn(3, P + S, generator=rng))
    X = model.decode(codes)
    made = G(model.join(codes)).permute(2, 0, 1)
    torch.testing.assert_close(X, model.template + model.scale * made)
    again = model.decode(model.encode(X, prior=1e-6))
    assert (again - X).norm() < 0.05 * (X - model.template).norm()


def people_who_act_their_own_way(n_people: int = 60, n_meshes: int = 24):
    """Return states, and w = M(u) e for people of shape u; some meshes have a label."""
    draw = torch.Generator().manual_seed(0)
    u = torch.randn(n_people, 3, generator=draw)
    turn = 0.25 * torch.randn(3, S, S, generator=draw)
    apex = 2 * torch.eye(S)[:3]
    person = torch.arange(n_people).repeat_interleave(n_meshes)
    label = torch.arange(n_people * n_meshes) % 4 - 1  # -1: at rest, unlabelled below
    strength = torch.rand(len(person), 1, generator=draw)
    e = torch.where(label[:, None] >= 0, strength * apex[label.clamp(min=0)], torch.zeros(1, S))
    e = e + 0.05 * torch.randn(e.shape, generator=draw)
    M = torch.eye(S) + torch.einsum("ck,kij->cij", u, turn)
    w = torch.einsum("nij,nj->ni", M[person], e)
    known = torch.rand(len(person), generator=draw) < 0.25
    return e, _States(w, person, torch.where(known & (label >= 0), label, -1), u)


def test_states_are_found_whoever_shows_them():
    """The states that are found explain the true ones far better than what is seen does."""
    e, data = people_who_act_their_own_way()
    states = _states_of_nobody(data, people=3, states=S, size=S)

    def unexplained(x: torch.Tensor) -> float:
        x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
        return float((e - x @ torch.linalg.lstsq(x, e).solution).square().mean())

    assert unexplained(states) < 0.75 * unexplained(data.w)


def test_rest_is_the_label_that_varies_least():
    w = torch.cat([3 + 0.1 * torch.randn(9, S, generator=rng), torch.randn(9, S, generator=rng)])
    label = torch.tensor([1] * 9 + [0] * 9)
    torch.testing.assert_close(_rest(w, label), w[:9].mean(dim=0))
    assert not _rest(w, torch.full((18,), -1)).any()
