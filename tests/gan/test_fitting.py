"""Fits find what was generated, in any pose, with codes locked, through holes and outliers."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.fitting import FitOptions, fit_landmarks, fit_scan, fit_whole_scan
from meshkit.registration.similarity import Similarity, identity
from meshkit.registration.target import Target
from tests.gan.face import smooth_model

MODEL = smooth_model()
N = len(MODEL.template)


def picks(every: int = 6) -> sp.csr_array:
    """Vertices, and the centres of two faces."""
    vertices = np.arange(0, N, every)
    rows = sp.csr_array(
        (np.ones(len(vertices)), (np.arange(len(vertices)), vertices)), shape=(len(vertices), N)
    )
    F = MODEL.faces.numpy()[[3, 40]]
    centres = sp.csr_array((np.full(6, 1 / 3), (np.repeat([0, 1], 3), F.ravel())), shape=(2, N))
    return sp.csr_array(sp.vstack([rows, centres]))


def faces(n: int, seed: int = 1) -> np.ndarray:
    return MODEL.sample(n, rng=torch.Generator().manual_seed(seed)).double().numpy()


def turned(seed: int, scale: float = 1.0) -> Similarity:
    R = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return Similarity(R * np.linalg.det(R), np.array([30.0, -5.0, 200.0]), scale)


def off(V: torch.Tensor, X: np.ndarray) -> float:
    return float(np.linalg.norm(V.double().numpy() - X, axis=-1).mean())


def test_points_are_decoded_as_the_mesh_is():
    codes = MODEL.sample_codes(5, rng=torch.Generator().manual_seed(0))
    expected = np.einsum("kn,bnc->bkc", picks().toarray(), MODEL.decode(codes).double().numpy())
    np.testing.assert_allclose(MODEL.point_decoder(picks())(codes), expected, atol=1e-4)
    plain = super(type(MODEL), MODEL).point_decoder(picks())
    np.testing.assert_allclose(plain(codes), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("pose", "motion"),
    [("fixed", identity()), ("rigid", turned(0)), ("similarity", turned(1, 0.001))],
)
def test_generated_faces_are_found_again(pose, motion):
    X = faces(3)
    points = motion.apply(np.einsum("kn,bnc->bkc", picks().toarray(), X))
    fit = fit_landmarks(MODEL, picks(), points, FitOptions(prior=0.0, pose=pose, steps=500))
    assert off(fit.vertices, X) < 0.1
    assert fit.error.max() < 0.1
    for k in range(3):
        placed = fit.motions[k].apply(fit.vertices[k].double().numpy()) / motion.scale
        np.testing.assert_allclose(placed, motion.apply(X[k]) / motion.scale, atol=1)
    assert (fit.objective.min(dim=1).values < 1).all()


def test_a_linear_model_with_a_prior_is_ridge_regression():
    """Eq. 13 then has one minimum, in closed form: (AᵀA + λ I)⁻¹ Aᵀ p."""
    model, P, prior = smooth_model(bend=False), picks(), 3.0
    W = model.weights["W2"].double() @ model.weights["W1"].double() * model.scale
    A = np.einsum("kn,ncz->kcz", P.toarray(), W.numpy().reshape(N, 3, 7)).reshape(-1, 7)
    p = np.random.default_rng(0).normal(size=(2, P.shape[0], 3)) * 5
    expected = np.linalg.solve(A.T @ A + prior * np.eye(7), A.T @ p.reshape(2, -1).T).T
    points = p + P @ model.template.double().numpy()
    fit = fit_landmarks(model, P, points, FitOptions(prior=prior, pose="fixed", steps=800))
    np.testing.assert_allclose(model.join(fit.codes), expected, atol=2e-3)


def test_locked_codes_stay_and_the_others_do_their_best():
    X = faces(1)
    known = {"identity": MODEL.codes["identity"][:1]}
    points = np.einsum("kn,bnc->bkc", picks().toarray(), X)
    locked = FitOptions(pose="fixed", locked=("identity",))
    fit = fit_landmarks(MODEL, picks(), points, locked, known=known)
    torch.testing.assert_close(fit.codes["identity"], known["identity"], rtol=0, atol=0)
    free = fit_landmarks(MODEL, picks(), points, FitOptions(pose="fixed"))
    assert fit.error.item() > free.error.item()
    scan = Target(X[0], MODEL.faces.numpy())
    more = fit_scan(MODEL, scan, fit, locked)
    torch.testing.assert_close(more.codes["identity"], known["identity"], rtol=0, atol=0)


def test_the_batch_fits_each_face_as_if_alone():
    X = faces(3)
    points = np.einsum("kn,bnc->bkc", picks().toarray(), X)
    options = FitOptions(starts=1, pose="fixed")
    together = fit_landmarks(MODEL, picks(), points, options)
    for k in range(3):
        alone = fit_landmarks(MODEL, picks(), points[k : k + 1], options)
        torch.testing.assert_close(together.vertices[k], alone.vertices[0], rtol=0, atol=1e-3)


def test_a_scan_with_holes_and_outliers_is_followed():
    X, F = faces(1, seed=4)[0], MODEL.faces.numpy()
    motion, rng = turned(2), np.random.default_rng(0)
    scan = X + rng.normal(size=X.shape) * 0.05
    scan[rng.choice(N, 4, replace=False)] *= 1.3  # spikes
    kept = F[np.linalg.norm(X[F].mean(axis=1) - X[80], axis=1) > 12]  # a hole
    target = Target(motion.apply(scan), kept)
    P = picks(40)
    points = motion.apply(P @ X + rng.normal(size=(P.shape[0], 3)))  # picked by hand
    options = FitOptions(prior=0.01)
    few = fit_landmarks(MODEL, P, points[None], options)
    fit = fit_scan(MODEL, target, few, options, landmarks=(P, points))
    assert off(fit.vertices[0], X) < 0.5 * off(few.vertices[0], X)
    np.testing.assert_allclose(
        fit.motions[0].apply(fit.vertices[0].double().numpy()), motion.apply(X), atol=2
    )


def test_a_scan_without_landmarks_is_found():
    X = faces(1, seed=6)[0]
    target = Target(X, MODEL.faces.numpy())
    fit = fit_whole_scan(MODEL, target, FitOptions(prior=0.01, pose="fixed"))
    assert fit.error.item() < 0.1
    assert off(fit.vertices[0], X) < 0.5


@settings(max_examples=5)
@given(st.integers(0, 99))
def test_more_prior_means_shorter_codes(seed):
    points = np.einsum("kn,bnc->bkc", picks().toarray(), faces(1, seed))
    length, error = [], []
    for prior in (0.0, 20.0, 2000.0):
        fit = fit_landmarks(MODEL, picks(), points, FitOptions(prior=prior, starts=2, pose="fixed"))
        length.append(MODEL.join(fit.codes).norm().item())
        error.append(fit.error.item())
    assert length[0] + 0.05 > length[1] > length[2] - 0.05
    assert error[0] - 0.05 < error[1] < error[2] + 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((1, 2, 3))}, "2 points and .* vertices need an operator"),
        ({"points": np.full((1, 3, 3), np.nan)}, "point 0 of face 0 is not finite"),
        ({"few": True}, "a pose needs three points or more, got 2"),
        ({"locked": ("identity",)}, "identity is locked, but its code is not given"),
        ({"known": {"identity": torch.zeros(1, 5)}}, r"expected codes \(1, 4\), got \(1, 5\)"),
        ({"known": {"mood": torch.zeros(1, 5)}}, "no factor 'mood'"),
    ],
)
def test_what_cannot_be_fitted_is_said(change, message):
    k = 2 if "few" in change else 3
    operator = sp.csr_array(picks()[:k])
    points = change.get("points", np.ones((1, k, 3)))
    options = FitOptions(locked=change.get("locked", ()))
    with pytest.raises(ValueError, match=message):
        fit_landmarks(MODEL, operator, points, options, known=change.get("known"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": -1.0}, "prior must not be negative"),
        ({"starts": 0}, "starts and steps must be positive"),
        ({"pose": "loose"}, "pose must be one of fixed, rigid, similarity"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        FitOptions(**options)
