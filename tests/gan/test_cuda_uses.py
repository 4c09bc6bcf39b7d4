"""What is done with a model on a GPU: sampling, fitting, pulling, measuring, and the baselines."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from gan.baselines.train import train_baseline
from gan.editing import path_of_codes, transfer_codes
from gan.evaluation.embedding.judge import obtain_judge
from gan.evaluation.metric import silent
from gan.evaluation.suite import evaluate
from gan.fitting import FitOptions, fit_landmarks, fit_scan, fit_whole_scan
from gan.runs.checkpoints import load_model
from gan.sections import MetricConfig
from gan.viewing.dragging import Pull
from meshkit.registration.target import Target
from tests.gan.baselines.conftest import fast
from tests.gan.face import smooth_model
from tests.gan.test_embedding import SMALL


def use(model):
    """Sample, encode, transfer and fit."""
    factor = model.factors[1].name
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(0), labels={factor: 1})
    X = model.decode(codes).detach()
    model.decode(model.encode(X))
    model.transfer(X[:1], X[1:2], factor)
    n = len(model.template)
    pick = sp.csr_array(sp.eye_array(n, format="csr")[:: max(1, n // 20)])
    assert model.point_decoder(pick)(codes).device.type == "cuda"
    points = np.einsum("kn,bnc->bkc", pick.toarray(), X.cpu().double().numpy())
    for pose in ("fixed", "similarity"):
        fit_landmarks(model, pick, points, FitOptions(steps=4, starts=2, pose=pose))
    one = fit_landmarks(model, pick, points[:1], FitOptions(steps=4))
    target = Target(X[0].cpu().double().numpy(), model.faces.cpu().numpy())
    fit_scan(model, target, one, FitOptions(steps=4), landmarks=(pick, points[0]))
    fit_whole_scan(model, target, FitOptions(steps=4, pose="fixed"))
    halves = [{k: c[i : i + 1] for k, c in codes.items()} for i in range(2)]
    transfer_codes(model, *halves, factor)
    for path in ("linear", "spherical"):
        path_of_codes(model, *halves, np.linspace(0, 1, 3), path=path)


def test_a_generator_serves_every_use_on_a_gpu(cuda, tmp_path):
    model = smooth_model().to(cuda)
    use(model)
    model.save(tmp_path / "one.safetensors")
    load_model(tmp_path / "one.safetensors")


def test_a_face_is_pulled_on_a_gpu(cuda):
    here, there = smooth_model(), smooth_model().to(cuda)
    pulled = []
    for model in (here, there):
        pull = Pull(model, np.array([0, 5, 9]), model.split(model.template.new_zeros(1, 7)))
        pulled.append(pull.to({0: (pull.handles[0] + 1).tolist()}))
    there_on_cpu = {name: z.cpu() for name, z in pulled[1].items()}
    torch.testing.assert_close(there_on_cpu, pulled[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["3dmm", "coma", "mae"])
def test_a_baseline_trains_resumes_and_serves_on_a_gpu(kind, cuda, dataset, tmp_path):
    run, short = tmp_path / "run", [] if kind == "3dmm" else ["max_minutes=1e-9"]
    train_baseline(fast(kind, *short), dataset, run, device="cuda")
    if short:
        train_baseline(fast(kind), dataset, run, resume=True, device="cuda")
    model = load_model(run).to(cuda)
    codes = model.sample_codes(2, rng=torch.Generator().manual_seed(0))
    model.encode(model.decode(codes).detach())
    metrics = [MetricConfig(name=name) for name in ("specificity", "generalisation")]
    evaluate(model, dataset, n_samples=20, n_pairs=10, metrics=metrics)


def test_a_judge_learns_on_a_gpu(cuda, dataset, tmp_path):
    judge = obtain_judge(
        dataset, "expression", SMALL, tmp_path / "judges", device=cuda, progress=silent
    )
    assert np.isfinite(judge.embed(np.zeros((2, 16, 16, 3), np.uint8))).all()
