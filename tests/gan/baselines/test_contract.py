"""One contract for every baseline: what a run yields, resumption, seeds, files."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

import gan
from gan.baselines.config import dump_baseline, read_baseline
from gan.baselines.train import train_baseline
from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator
from gan.models.face_model import FaceModel
from gan.runs.checkpoints import load_model, newest_good_checkpoint
from gan.runs.snapshot import unpack
from tests.gan.baselines.conftest import NAMES, fast
from tests.gan.runs import rewrite


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


def trained(name: str, dataset_path, run, *more: str, **options) -> FaceGenerator:
    train_baseline(fast(name, *more), dataset_path, run, device="cpu", **options)
    return gan.load_model(run)


@pytest.fixture
def model(name, dataset_path, tmp_path) -> FaceGenerator:
    return trained(name, dataset_path, tmp_path / "run")


def codes_of(model: FaceGenerator, n: int = 3) -> dict[str, torch.Tensor]:
    return model.sample_codes(n, rng=torch.Generator().manual_seed(0))


def test_codes_make_meshes_that_can_be_differentiated(model):
    codes = {n: code.requires_grad_() for n, code in codes_of(model).items()}
    X = model.decode(codes)
    assert X.shape == (3, len(model.template), 3)
    X.square().sum().backward()
    for factor in model.factors:
        assert codes[factor.name].grad.abs().max() > 0


def test_points_are_those_of_the_whole_mesh(model):
    """Vertices, and a point within a face, whose rows a model may fold into its last layer."""
    V = len(model.template)
    rows = sp.csr_array(sp.eye_array(V, format="csr")[[0, V // 2, V - 1]])
    inside = sp.csr_array(([0.2, 0.3, 0.5], ([0, 0, 0], [1, 5, 7])), shape=(1, V))
    operator = sp.csr_array(sp.vstack([rows, inside], format="csr"))
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(0))
    whole = model.decode(codes).numpy()
    wanted = np.stack([operator @ face for face in whole])
    np.testing.assert_allclose(model.point_decoder(operator)(codes), wanted, atol=1e-3)


def test_moving_one_code_of_a_batch_moves_one_mesh(model):
    codes = codes_of(model)
    other = {n: code.clone() for n, code in codes.items()}
    other["expression"][1] += 1
    moved = (model.decode(other) - model.decode(codes)).abs().amax(dim=(1, 2))
    assert moved[1] > 1e-3
    assert max(moved[0], moved[2]) < 1e-4


def test_transfer_changes_one_factor_alone(model, dataset_path):
    dataset = gan.load_dataset(dataset_path)
    source, target = (torch.from_numpy(dataset.vertices([k])) for k in (1, 14))
    moved = model.transfer(source, target, "expression")
    codes = model.encode(target) | {"expression": model.encode(source)["expression"]}
    torch.testing.assert_close(moved, model.decode(codes))
    for factor in model.factors:
        np.testing.assert_allclose(
            model.decode(model.encode(target)),
            model.transfer(target, target, factor.name),
            atol=1e-4,
        )


def test_labels_are_the_classes_of_the_data(model, dataset_path):
    dataset = gan.load_dataset(dataset_path)
    assert model.factor("expression").classes == dataset.names["expression"]
    assert (
        model.factor("identity").classes == dataset.names["identity"][:5]
    )  # of the training split
    for factor in model.factors:
        assert model.codes[factor.name].shape == (len(factor.classes), factor.code_size)
        assert torch.isfinite(model.codes[factor.name]).all()
    assert model.noise_size == 0
    assert model.provenance["dataset"] == dataset.fingerprint


def test_a_file_reads_back_whole_and_damage_is_refused(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = type(model).load(path)
    torch.testing.assert_close(again.decode(codes_of(model)), model.decode(codes_of(model)))
    X = model.sample(2, rng=torch.Generator().manual_seed(1))
    for code, other in zip(again.encode(X).values(), model.encode(X).values(), strict=True):
        torch.testing.assert_close(code, other)
    assert again.describe() == model.describe()
    tensors, header = load_file(path), _metadata(path)
    for gone in (set(tensors) - {"template", "faces", "UV", "landmarks"}) - set(_codes(tensors)):
        save_file({n: t for n, t in tensors.items() if n != gone}, path, header)
        with pytest.raises(CheckpointError, match=str(path)):
            type(model).load(path)
    with pytest.raises(CheckpointError, match="is not a 'meshkit-gan face model 1' file"):
        FaceModel.load(path)


def _codes(tensors) -> list[str]:
    return [name for name in tensors if name.startswith("codes.")]


def _metadata(path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def test_equal_seeds_make_equal_models(name, dataset_path, tmp_path):
    first = trained(name, dataset_path, tmp_path / "a")
    again = trained(name, dataset_path, tmp_path / "b")
    codes = codes_of(first)
    torch.testing.assert_close(first.decode(codes), again.decode(codes), rtol=0, atol=0)
    if name not in ("3dmm", "copula"):
        other = trained(name, dataset_path, tmp_path / "c", "seed=1")
        assert (other.decode(codes) - first.decode(codes)).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["coma", "swap-vae", "mae"])
def test_an_interrupted_run_ends_as_if_it_had_never_stopped(name, dataset_path, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trained(name, dataset_path, whole)
    trained(name, dataset_path, parts, "max_minutes=1e-9")
    assert json.loads((newest_good_checkpoint(parts) / "state.json").read_text())["step"] == 1
    with pytest.raises(CheckpointError, match="holds a run already"):
        trained(name, dataset_path, parts)
    trained(name, dataset_path, parts, resume=True)
    states = [
        load_file(newest_good_checkpoint(run) / "state.safetensors") for run in (whole, parts)
    ]
    assert states[0].keys() == states[1].keys()
    for key, tensor in states[0].items():
        torch.testing.assert_close(states[1][key], tensor, rtol=0, atol=0)
    steps = [
        json.loads(line)["step"] for line in (parts / "metrics.jsonl").read_text().splitlines()
    ]
    assert sorted(set(steps)) == list(range(1, max(steps) + 1))


@pytest.mark.parametrize("name", ["coma", "mae"])
def test_a_checkpoint_of_the_older_layout_goes_on_bit_for_bit(name, dataset_path, tmp_path):
    """Weights and moments side by side, the minutes in the record, no global random numbers."""
    whole, old = tmp_path / "whole", tmp_path / "old"
    trained(name, dataset_path, whole)
    trained(name, dataset_path, old, "max_minutes=1e-9")
    checkpoint = newest_good_checkpoint(old)
    record = json.loads((checkpoint / "state.json").read_text())
    tensors = load_file(checkpoint / "state.safetensors")
    saved = unpack(record.pop("state"), tensors)
    flat = dict(saved["weights"])
    for weight, memory in saved["moments"].items():
        flat |= {f"{weight}.{moment}": tensor for moment, tensor in memory.items()}
    save_file(flat, checkpoint / "state.safetensors")
    (checkpoint / "state.json").write_text(json.dumps(record))
    rewrite(checkpoint)
    trained(name, dataset_path, old, resume=True)
    assert_close(load_model(old).tensors, load_model(whole).tensors, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["coma", "swap-vae", "mae"])
def test_training_lowers_the_loss_and_is_proved_by_reconstruction(name, dataset_path, tmp_path):
    more = {
        "coma": ("epochs=40",),
        "swap-vae": ("epochs=80",),
        "mae": ("epochs=100", "mixed=0"),
    }[name]
    trained(name, dataset_path, tmp_path / "run", "rate=0.005", "decay=0.98", *more)
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    key = {"mae": "reconstruction_mm2"}.get(name, "l1")
    values = [row[key] for row in rows if key in row]
    assert np.mean(values[-5:]) < 0.5 * values[0]
    found = json.loads((tmp_path / "run" / "reconstruction.json").read_text())
    assert found["train"]["error"] < 0.5 * found["train"]["reference"]
    assert set(found["test"]) == {"error", "reference", "meshes"}


def test_another_data_set_is_refused(dataset_path, tmp_path):
    from tests.gan.conftest import blobs

    trained("mae", dataset_path, tmp_path / "run", "max_minutes=1e-9")
    other = blobs(tmp_path / "other.h5", rings=5)
    with pytest.raises(CheckpointError, match="trained on another data set"):
        trained("mae", other, tmp_path / "run", resume=True)


def test_a_configuration_reads_back(name, tmp_path):
    config, path = fast(name, "seed=5"), tmp_path / "config.toml"
    path.write_text(dump_baseline(config))
    assert read_baseline(path) == config
