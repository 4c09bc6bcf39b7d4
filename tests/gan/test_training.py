"""Training as a whole: it learns, it resumes bit for bit, it stops well, it damages nothing."""

import json
import math
import os
import signal
import time

import numpy as np
import pytest
import torch

from gan.datasets.store import load_dataset
from gan.errors import CheckpointError, DatasetError, TrainingDiverged
from gan.evaluation.embedding.learning import JudgeSettings, build_network
from gan.runs.checkpoints import list_checkpoints, newest_good_checkpoint, step_of
from gan.training.checkpoint import GanTraining
from gan.training.codes import draw_codes
from gan.training.loop import pick_device, start, train
from gan.training.state import TrainState, planned_iterations
from gan.training.step import image_decoder, iterate
from meshkit.io import load_mesh
from tests.gan.conftest import blobs, tiny
from tests.gan.runs import assert_same_run, logged

CPU = torch.device("cpu")
SUBJECT = np.arange(72) // 12


def test_three_and_three_equal_six(tiny_dataset, tmp_path):
    whole = train(tiny(), tiny_dataset, tmp_path / "whole", device="cpu")
    stop = tiny(iterations=3)
    train(stop, tiny_dataset, tmp_path / "parts", device="cpu")
    parts = train(tiny(), tiny_dataset, tmp_path / "parts", resume=True, device="cpu")
    assert (whole.step, parts.step, whole.reason) == (6, 6, "done")
    assert [row["step"] for row in logged(parts.run)] == [1, 2, 3, 4, 5, 6]
    assert_same_run(whole.run, parts.run)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_polite_signal_saves_first(tiny_dataset, tmp_path, number):
    def interrupt(stage, done, total):
        if done == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    outcome = train(tiny(), tiny_dataset, tmp_path / "run", device="cpu", progress=interrupt)
    assert (outcome.reason, outcome.step) == ("interrupted", 3)
    assert newest_good_checkpoint(outcome.run).name == "step-00000003"
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_stops_at_once_and_loses_nothing(tiny_dataset, tmp_path):
    def interrupt(stage, done, total):
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), tiny_dataset, run, device="cpu", progress=interrupt)
    assert newest_good_checkpoint(run).name == "step-00000002"
    train(tiny(), tiny_dataset, run, resume=True, device="cpu")
    assert_same_run(run, train(tiny(), tiny_dataset, tmp_path / "whole", device="cpu").run)


def test_a_hang_up_that_is_ignored_stays_ignored(tiny_dataset, tmp_path):
    """As nohup wants it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        outcome = train(
            tiny(iterations=2),
            tiny_dataset,
            tmp_path / "run",
            device="cpu",
            progress=lambda stage, done, total: os.kill(os.getpid(), signal.SIGHUP),
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert outcome.reason == "done"


def test_out_of_time_stops_cleanly(tiny_dataset, tmp_path):
    outcome = train(tiny(max_minutes=1e-9), tiny_dataset, tmp_path / "run", device="cpu")
    assert (outcome.reason, outcome.step) == ("out of time", 1)


def test_a_run_is_not_overwritten_unasked(tiny_dataset, tmp_path):
    train(tiny(iterations=2), tiny_dataset, tmp_path / "run", device="cpu")
    with pytest.raises(CheckpointError, match="holds a run already"):
        train(tiny(), tiny_dataset, tmp_path / "run", device="cpu")


def test_a_loss_that_is_not_finite_stops_before_the_step(tiny_dataset):
    state = start(tiny(), load_dataset(tiny_dataset), CPU)
    iterate(state)
    with torch.no_grad():
        state.discriminator.critic.last.weight[0, 0] = torch.inf
    before = [w.clone() for w in state.generator.parameters()]
    with pytest.raises(TrainingDiverged, match=r"iteration 1: (critic|penalty) is"):
        iterate(state)
    torch.testing.assert_close(list(state.generator.parameters()), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"labels": {"mood": SUBJECT % 2}, "names": {"mood": ["calm", "wild"]}},
            "no labels for 'identity'; it has mood",
        ),
        ({"split": np.full(72, 2)}, "0 training meshes, fewer than a batch of 8"),
        ({"labels": {"identity": SUBJECT, "expression": SUBJECT * 0}}, "has 1 class in"),
        (
            {"labels": {"identity": SUBJECT, "expression": np.where(SUBJECT == 5, 1, -1)}},
            "'expression' has no labelled mesh in the training split",
        ),
    ],
)
def test_data_that_cannot_be_trained_on(tmp_path, changes, message):
    with pytest.raises(DatasetError, match=message):
        start(tiny(), load_dataset(blobs(tmp_path / "x.h5", **changes)), CPU)


def test_fixed_codes_come_to_be_classified_as_their_labels(tiny_dataset):
    config = tiny(iterations=300, batch=16)
    faster = config.optimizer.model_copy(update={"rate_g": 1e-3, "rate_d": 1e-3})
    state = start(config.model_copy(update={"optimizer": faster}), load_dataset(tiny_dataset), CPU)
    before = expression_accuracy(state)
    for _ in range(300):
        iterate(state)
    assert before < 0.6
    assert expression_accuracy(state) > 0.85


def expression_accuracy(state: TrainState) -> float:
    """Share of generated faces that the discriminator's own branch gives their code's label."""
    rng = torch.Generator().manual_seed(0)
    batch = draw_codes(state.problem.factors, state.codes, 2, "expression", 96, rng=rng)
    with torch.no_grad():
        images = image_decoder(state)(batch.z)
        logits = state.discriminator.logits("expression", state.discriminator.shared(images))
    return (logits.argmax(dim=1) == batch.labels).double().mean().item()


@pytest.mark.parametrize("name", ["mlp", "mlp-components"])
def test_factored_start_gives_every_expression_its_bulge(tiny_dataset, name):
    config = tiny()
    update = {"name": name, "start": "factored-components", "hidden": 32}
    config = config.model_copy(update={"generator": config.generator.model_copy(update=update)})
    model, faces = start(config, load_dataset(tiny_dataset), CPU).face_model(), {}
    for expression in ("neutral", "left", "up"):
        rng = torch.Generator().manual_seed(0)
        codes = model.sample_codes(64, rng=rng, labels={"expression": expression})
        faces[expression] = model.decode(codes).mean(dim=0)
    for expression, axis in (("left", 0), ("up", 1)):
        moved = (faces[expression] - faces["neutral"]).flatten()
        bulge = model.template * (model.template[:, axis : axis + 1] > 0)
        assert torch.cosine_similarity(moved, bulge.flatten(), dim=0) > 0.95


def test_a_run_says_what_it_is(tiny_dataset, tmp_path):
    run = train(tiny(), tiny_dataset, tmp_path / "run", device="cpu").run
    template = load_mesh(run / "template.obj")
    assert template.UV is not None
    assert json.loads((run / "run.json").read_text())["training_meshes"] == 60
    assert sorted(p.name for p in (run / "pictures").iterdir()) == [
        "step-000003.png",
        "step-000006.png",
    ]
    assert {4, 6} <= {step_of(path) for path in list_checkpoints(run)} <= {2, 4, 6}
    assert not list(run.rglob("*.partial"))


def test_an_epoch_is_a_pass_of_the_discriminator():
    """Of 60 meshes seven batches of eight, two an iteration; what is begun is finished."""
    length = {"iterations": None, "critic_steps": 2, "batch": 8}
    assert planned_iterations(tiny(**length, epochs=2.5), 60) == math.ceil(2.5 * 7 / 2)
    assert planned_iterations(tiny(**length, epochs=0.01), 60) == 1
    assert planned_iterations(tiny(iterations=6), 60) == 6


def test_minutes_count_what_the_host_waits_for(tiny_dataset, tmp_path, monkeypatch):
    """On a GPU steps are only launched; reading the terms waits until they are done."""
    confirm = GanTraining.confirm
    monkeypatch.setattr(GanTraining, "confirm", lambda self: (time.sleep(0.1), confirm(self)))
    outcome = train(tiny(), tiny_dataset, tmp_path / "run", device="cpu")
    assert 60 * outcome.minutes > 0.6


def test_a_numbered_gpu_is_the_current_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    current = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    assert [pick_device("cuda:1")] == current


def test_training_on_a_cpu_leaves_cuda_alone(tiny_dataset, tmp_path, monkeypatch):
    """Neither started, which takes memory of every GPU, nor seeded for good."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: pytest.fail("CUDA was started"))
    train(tiny(iterations=1), tiny_dataset, tmp_path / "run", device="cpu")
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("CUDA was seeded"))
    section = tiny().discriminator.model_copy(update={"spectral_norm": True})
    normed = tiny().model_copy(update={"discriminator": section})
    start(normed, load_dataset(tiny_dataset), CPU)
    build_network(JudgeSettings(width=2, blocks=(1,)), "expression")


def test_devices():
    assert pick_device("cpu") == CPU
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        pick_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="finds no GPU"):
            pick_device("cuda")
