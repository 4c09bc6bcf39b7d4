"""A checkpoint holds everything, is whole or absent, and fits its run or is refused by name."""

import json
import os
import random
import shutil
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gan.config import dump_config, parse_config
from gan.datasets.store import load_dataset
from gan.errors import CheckpointError, TrainingDiverged
from gan.runs.checkpoints import STATE, list_checkpoints, newest_good_checkpoint, step_of
from gan.runs.directory import read_run
from gan.runs.lock import one_writer
from gan.runs.randomness import capture, seeded, set_back
from gan.runs.snapshot import pack, unpack
from gan.training.checkpoint import GanTraining, restore, save_checkpoint
from gan.training.loop import start, train
from gan.training.step import iterate
from meshkit.files import ASIDE, atomic_path
from tests.gan.conftest import blobs, tiny
from tests.gan.runs import DAMAGE, assert_same_run, flip, logged, newest, rewrite, weights

CPU = torch.device("cpu")


def no_picture(state, dataset, run):
    return np.zeros((2, 2, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Train six iterations; checkpoints of 4 and 6. Tests copy it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        patch.setattr("gan.training.loop.draw_progress", no_picture)  # a second each
        data = blobs(folder / "blobs.h5")
        train(tiny(), data, folder / "run", device="cpu")
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """Return a copy of the finished run."""
    return shutil.copytree(finished / "run", tmp_path / "copy")


@pytest.fixture
def data(finished):
    return finished / "blobs.h5"


@pytest.fixture(autouse=True)
def shared_cache(finished, monkeypatch):
    monkeypatch.setattr("gan.training.loop.draw_progress", no_picture)
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(finished / "cache"))


class Memory:
    """A plug-in that remembers tensors, arrays, numbers, and draws from every generator."""

    def __init__(self):
        self.rng, self.draws, self.seen = np.random.default_rng(7), [], torch.zeros(3)

    def step(self, state):
        drawn = [torch.rand(()).item(), np.random.rand()]  # noqa: NPY002
        self.draws = [*self.draws[-4:], (state.step, *drawn, self.rng.normal())]
        self.seen += drawn[0]
        state.discriminator.spectral.mul_(drawn[1])

    def state_dict(self):
        return {"rng": self.rng.bit_generator.state, "draws": self.draws, "seen": self.seen}

    def load_state_dict(self, state):
        self.rng.bit_generator.state = state["rng"]
        self.draws = list(state["draws"])
        self.seen.copy_(state["seen"])


def with_memory(data):
    state = start(tiny(), load_dataset(data), CPU)
    state.components["memory"] = Memory()
    state.discriminator.register_buffer("spectral", torch.ones(2))
    return state


def steps(state, n):
    for _ in range(n):
        iterate(state)
        state.components["memory"].step(state)


def whole(state):
    """Everything in a state, as a checkpoint would hold it."""
    tensors: dict[str, torch.Tensor] = {}
    random = capture()
    del random["python"]  # the type checker of the tests draws from it
    contents = {**GanTraining(state).contents(), "random": random, "step": state.step}
    plain = pack(contents, "", tensors)
    return plain, {name: tensor.clone() for name, tensor in tensors.items()}


def test_everything_that_a_state_holds_comes_back(data, tmp_path):
    """Bit for bit: weights, buffers, moments, averages, plug-ins, every random generator."""
    with seeded(3):
        state = with_memory(data)
        steps(state, 2)
        saved = save_checkpoint(state, tmp_path / "run")
        steps(state, 3)
        ours = whole(state)
    with seeded(99):
        other = with_memory(data)
        steps(other, 1)
        restore(other, saved)
        steps(other, 3)
        theirs = whole(other)
    assert theirs[0] == ours[0]
    torch.testing.assert_close(theirs[1], ours[1], rtol=0, atol=0)


def test_a_checkpoint_names_what_it_holds(run):
    names = set(load_file(newest(run) / STATE))
    parts = {f"parts.{name}" for name in ("mapping.values", "mapping.crow_T", "generator.W2")}
    ours = {"rng", "order", "random.torch", "frozen.offset", "codes.identity", "average.W1"}
    moments = {"moments.discriminator.critic.last.weight.exp_avg_sq"}
    assert parts | ours | moments <= names
    assert any(name.startswith("parts.regularizers.") for name in names)


def test_the_model_of_a_checkpoint_is_the_averaged_generator(run):
    state, model = load_file(newest(run) / STATE), weights(run)
    for name in ("W1", "b1", "W2", "b2"):
        torch.testing.assert_close(model[name], state[f"average.{name}"], rtol=0, atol=0)
        assert (model[name] != state[f"parts.generator.{name}"]).any()


def test_a_component_that_is_missing_is_named(data, tmp_path):
    state = with_memory(data)
    steps(state, 1)
    saved = save_checkpoint(state, tmp_path / "run")
    with pytest.raises(CheckpointError, match="this configuration has no memory"):
        restore(start(tiny(), load_dataset(data), CPU), saved)


def test_a_part_whose_state_has_another_shape_is_named(data, tmp_path):
    state = with_memory(data)
    saved = save_checkpoint(state, tmp_path / "run")
    other = with_memory(data)
    other.discriminator.spectral = torch.ones(5)
    with pytest.raises(CheckpointError, match="discriminator does not fit: size mismatch"):
        restore(other, saved)


def test_the_checkpoints_matrix_is_used_where_rounding_differs(run, data):
    """Another machine's solver rounds the map differently: the run goes on, and says so."""
    tensors = load_file(newest(run) / STATE)
    tensors["parts.mapping.values"] *= 1 + 1e-6
    save_file(tensors, newest(run) / STATE)
    rewrite(newest(run))
    state = start(tiny(), load_dataset(data), CPU)
    with pytest.warns(UserWarning, match="not bit for bit"):
        restore(state, newest(run))
    torch.testing.assert_close(
        state.problem.mapping.values, tensors["parts.mapping.values"], rtol=0, atol=0
    )
    tensors["parts.mapping.values"] *= 1.1
    save_file(tensors, newest(run) / STATE)
    rewrite(newest(run))
    with pytest.raises(CheckpointError, match="mapping belongs to another template, UV map"):
        restore(state, newest(run))


def test_a_checkpoint_of_another_device_gets_new_random_numbers(run, data):
    """A CUDA generator's state has another size; it must not be asked to fit."""
    tensors = load_file(newest(run) / STATE)
    tensors["rng"] = torch.zeros(16, dtype=torch.uint8)
    save_file(tensors, newest(run) / STATE)
    rewrite(newest(run), device="cuda")
    state = start(tiny(iterations=8), load_dataset(data), CPU)
    with pytest.warns(UserWarning, match="was made on cuda: new random numbers"):
        restore(state, newest(run))
    assert state.step == 6


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["model.safetensors", "state.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_passed_over(run, damage, name):
    *_, old, new = list_checkpoints(run)
    damage(new / name)
    with pytest.warns(UserWarning, match=f"step-00000006: {name} .*; going back to step-00000004"):
        assert newest_good_checkpoint(run) == old


def test_a_run_goes_on_from_before_the_damage_and_ends_the_same(run, data, finished):
    flip(newest(run) / "state.safetensors")
    told = []
    with pytest.warns(UserWarning, match="going back to step-00000004"):
        outcome = train(tiny(), data, run, resume=True, device="cpu", tell=told.append)
    assert outcome.reason == "done"
    assert_same_run(run, finished / "run")
    assert "damaged-step-00000006" in told[0]
    assert "going on from iteration 4 of 6 (step-00000004)" in told[1]
    newest_good_checkpoint(run)  # the newest is whole again: no warning


def test_when_all_are_damaged_one_line_names_them_all(run, data):
    *_, old, new = list_checkpoints(run)
    flip(old / "model.safetensors")
    (new / "state.json").unlink()
    before = sorted(run.rglob("*"))
    with pytest.raises(CheckpointError) as caught:
        train(tiny(), data, run, resume=True, device="cpu")
    message = str(caught.value)
    assert "every checkpoint is damaged" in message
    assert "step-00000006: state.json is damaged (No such file or directory)" in message
    assert "step-00000004: model.safetensors is damaged (its checksum differs)" in message
    assert "\n" not in message
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize("value", [{"format": "x"}, {"state": 3}, {"config": "a ="}, {"step": []}])
def test_a_record_of_another_version_is_one_error(run, data, value):
    """The checksums are right, the contents are not ours."""
    rewrite(newest(run), **value)
    state = start(tiny(), load_dataset(data), CPU)
    if "step" in value:  # the step that counts is in the state
        restore(state, newest(run))
        return
    with pytest.raises(CheckpointError, match="step-00000006") as caught:
        restore(state, newest(run))
    assert "\n" not in str(caught.value)


def test_another_data_set_and_another_template_are_refused_by_name(run, data, tmp_path):
    labels = {"identity": np.arange(72) // 12, "expression": np.arange(72) % 3}
    other = blobs(tmp_path / "labels.h5", labels=labels)
    with pytest.raises(CheckpointError, match="trained on another data set: its fingerprint is"):
        train(tiny(), other, run, resume=True, device="cpu")
    other = blobs(tmp_path / "rings.h5", rings=9)
    with pytest.raises(CheckpointError, match=r"on another template: 217 vertices.* has 271"):
        train(tiny(), other, run, resume=True, device="cpu")


def changed(key, value):
    tree = tiny().model_dump(mode="json", exclude_none=True)
    *path, last = key.split(".")
    node = tree
    for part in path:
        node = node[int(part)] if part.isdigit() else node[part]
    node[last] = value
    return parse_config(tree, "the test")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("generator.hidden", 8, "generator.hidden: 16 -> 8"),
        ("factors.0.code_size", 5, "factors.identity.code_size: 4 -> 5"),
        ("factors.1.name", "mood", "factors.order: .* -> "),
        ("training.seed", 1, "training.seed: 0 -> 1"),
        ("training.batch", 16, "training.batch: 8 -> 16"),
        ("optimizer.rate_d", 1.0, "optimizer.rate_d: 0.0001 -> 1.0"),
        ("mapping.size", 32, "mapping.size: 16 -> 32"),
    ],
)
def test_a_key_that_may_not_change_is_refused_by_name(run, data, key, value, message):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path != run}
    with load_dataset(data) as opened:
        opened.labels["mood"], opened.names["mood"] = opened.labels["expression"], ("a", "b", "c")
        with pytest.raises(CheckpointError, match=f"step-00000006: {message}.* may change train"):
            train(changed(key, value), opened, run, resume=True, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path != run} == before


def test_keys_that_may_change_are_taken_over_and_told(run, data, monkeypatch):
    monkeypatch.setattr("torch.set_num_threads", lambda n: None)
    tree = tiny(iterations=7, max_minutes=9.0, on_divergence="rollback", threads=2)
    output = tree.output.model_copy(update={"log_every": 7, "keep": 3})
    told = []
    config = tree.model_copy(update={"output": output})
    outcome = train(config, data, run, resume=True, device="cpu", tell=told.append)
    assert outcome.step == 7
    for line in (
        "training.iterations: 6 -> 7",
        "training.max_minutes: nothing -> 9.0",
        "training.on_divergence: stop -> rollback",
        "output.log_every: 1 -> 7",
    ):
        assert f"{run}: {line}" in told
    assert dump_config(config) == (run / "config.toml").read_text()


def test_a_run_beyond_its_length_is_refused(run, data):
    with pytest.raises(CheckpointError, match="at iteration 6 already, beyond the 5"):
        train(tiny(iterations=5), data, run, resume=True, device="cpu")


def test_a_run_without_a_checkpoint_starts_from_the_beginning(run, data, finished):
    shutil.rmtree(run / "checkpoints")
    told = []
    train(tiny(), data, run, resume=True, device="cpu", tell=told.append)
    assert told == [f"{run}: no checkpoint yet: starting from iteration 0"]
    assert_same_run(run, finished / "run")


def test_the_newest_of_the_regular_kind_is_kept_besides(data, tmp_path):
    """A rollback needs it, however often the run was interrupted since."""
    state = start(tiny(), load_dataset(data), CPU)
    output = state.config.output.model_copy(update={"checkpoint_every": 4, "keep": 2})
    state.config = state.config.model_copy(update={"output": output})
    kept = {}
    for step in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        state.step = step
        save_checkpoint(state, tmp_path)
        kept[step] = [step_of(path) for path in list_checkpoints(tmp_path)]
    assert kept[3] == [0, 2, 3]
    assert kept[4] == [3, 4]
    assert kept[7] == [4, 6, 7]
    assert kept[8] == [7, 8]


def test_weights_that_are_not_finite_are_never_saved(data, tmp_path):
    state = start(tiny(), load_dataset(data), CPU)
    with torch.no_grad():
        state.discriminator.critic.last.bias[0] = torch.nan
    with pytest.raises(TrainingDiverged, match=r"iteration 0: discriminator.critic.last.bias"):
        save_checkpoint(state, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_is_swept_up(run, data):
    for name in (".step-00000007.partial", ".step-00000002.dropped"):
        (run / "checkpoints" / name).mkdir()
        (run / "checkpoints" / name / "model.safetensors").write_bytes(b"half")
    (run / "pictures").mkdir()
    for folder in (run, run / "pictures"):
        with atomic_path(folder / "x.png") as aside:
            aside.write_bytes(b"half")
            os.link(aside, aside.with_name(aside.name.replace(f"-{os.getpid()}-", "-1-")))
    (run / ".mine").write_text("the user's own")
    train(tiny(), data, run, resume=True, device="cpu")
    hidden = [path.name for path in run.rglob(".*")]
    assert hidden == [".mine"]
    assert not [path for path in run.rglob("*") if ASIDE.fullmatch(path.name)]


def test_two_writers_are_refused(data, tmp_path):
    run = tmp_path / "run"
    with (
        one_writer(run),
        pytest.raises(CheckpointError, match=rf"is being trained by process {os.getpid()} on \S+"),
    ):
        train(tiny(), data, run, device="cpu")
    assert not list(run.iterdir())


def test_a_writer_may_wait_for_the_other(tmp_path):
    entered = threading.Event()

    def write():
        with one_writer(tmp_path / "run", wait=True):
            entered.set()

    waiting = threading.Thread(target=write)
    with one_writer(tmp_path / "run"):
        waiting.start()
        assert not entered.wait(0.2)
    waiting.join(timeout=30)
    assert entered.is_set()


def test_the_lock_of_a_dead_process_is_no_lock(data, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").write_text(f"process {os.getppid()} on here\n")  # its number was given again
    assert train(tiny(iterations=1), data, run, device="cpu").reason == "done"


@pytest.mark.parametrize(
    "text", ["", "[]", '"x"', '{"dataset": 5}', '{"dataset": "x"}', "[" * 9999, "\xff\xfe"]
)
def test_a_damaged_record_of_a_run_is_one_line(tmp_path, text):
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        read_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_of_runs_names_them(tmp_path):
    (tmp_path / "faces" / "checkpoints" / "step-00000001").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"is no run, but holds some: .*faces\)$"):
        newest_good_checkpoint(tmp_path)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_lock_that_is_a_link_is_not_followed(tmp_path, link):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    getattr(tmp_path / ".lock", link)(precious)
    with pytest.raises(CheckpointError, match="remove it"), one_writer(tmp_path):
        pass
    assert precious.read_text() == "mine"


def test_a_file_system_without_locks_is_warned_of(data, tmp_path, monkeypatch):
    def refuse(handle, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.warns(UserWarning, match="has no locks.*no other process"), one_writer(tmp_path):
        pass


def test_the_log_is_cut_at_the_checkpoint_and_damaged_lines_are_counted(run, data):
    log = run / "metrics.jsonl"
    lines = log.read_text().splitlines()
    more = [lines[0], "\x00" * 9, *lines[1:], json.dumps({"step": 7}), '{"step": 8, "d/cri']
    log.write_text("\n".join(more))
    with pytest.warns(UserWarning, match="metrics.jsonl: 1 damaged lines dropped"):
        train(tiny(), data, run, resume=True, device="cpu")
    assert [row["step"] for row in logged(run)] == [1, 2, 3, 4, 5, 6]


def test_training_leaves_the_callers_random_numbers_alone(data, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    train(tiny(iterations=1), data, tmp_path / "run", device="cpu")
    after = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    torch.testing.assert_close(after[0], before[0])
    assert after[1] == before[1]


def test_every_global_generator_goes_on_where_it_stood():
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(pack(capture(), "", tensors))
    drawn = random.random(), np.random.standard_normal(3).tolist(), torch.rand(3).tolist()  # noqa: NPY002
    random.seed(1)
    torch.manual_seed(1)
    set_back(unpack(json.loads(text), tensors))
    again = random.random(), np.random.standard_normal(3).tolist(), torch.rand(3).tolist()  # noqa: NPY002
    assert again == drawn


def test_deterministic_is_on_while_it_trains_and_off_again(data, tmp_path):
    seen = []

    def look(stage, done, total):
        workspace = os.environ["CUBLAS_WORKSPACE_CONFIG"]
        seen.append((torch.are_deterministic_algorithms_enabled(), workspace))

    config = tiny(deterministic=True)
    done = train(config, data, tmp_path / "run", device="cpu", progress=look)
    assert seen == [(True, ":4096:8")] * 6
    assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    assert "deterministic = true" in (done.run / "config.toml").read_text()
