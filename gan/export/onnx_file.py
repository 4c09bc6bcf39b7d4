"""A model's decoder as ONNX: codes in, vertices out, any batch; for run times without torch."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import scipy.sparse as sp
import torch

from gan.baselines.chebyshev import ChebyshevConvolution, scaled_laplacian
from gan.baselines.coma import ConvolutionalFaceModel
from gan.baselines.linear import LinearFaceModel
from gan.baselines.mae import MultilinearFaceModel
from gan.export.onnx_graph import Graph
from gan.models.contract import NOISE, FaceGenerator
from gan.models.face_model import FaceModel
from meshkit.files import atomic_path

OUTPUT = "vertices"
FORMAT = "meshkit-gan decoder 1"


def save_onnx(path: Path, model: FaceGenerator) -> None:
    """Write the decoder: one input (batch, d) per factor, "noise" if there is some; V × 3 in mm.

    The file's properties hold "factors": names, classes and the code of every class, as JSON.

    Raises
    ------
    ValueError
        The model is of a kind whose graph is not known; the weights do not fit into one file; a
        factor has the name of the output.
    """
    if type(model) not in _DECODERS:
        raise ValueError(f"no ONNX graph is known of {type(model).__name__}: {model.describe()}")
    model = model.to("cpu")
    graph = Graph()
    sizes = {f.name: f.code_size for f in model.factors} | {NOISE: model.noise_size}
    if OUTPUT in sizes:
        raise ValueError(f"a factor called {OUTPUT!r} cannot be exported: it is the output's name")
    inputs = {name: graph.input(name, size) for name, size in sizes.items() if size}
    with torch.no_grad():
        flat = _DECODERS[type(model)](graph, model, inputs)
    V = len(model.template)
    factors = [
        {"name": f.name, "classes": f.classes, "codes": model.codes[f.name].tolist()}
        for f in model.factors
    ]
    data = graph.build(
        graph.reshape(flat, -1, V, 3),
        OUTPUT,
        (V, 3),
        name="decoder",
        properties={
            "format": FORMAT,
            "unit": "mm",
            "factors": json.dumps(factors, ensure_ascii=False),
            "provenance": json.dumps(model.provenance, ensure_ascii=False, sort_keys=True),
        },
    )
    with atomic_path(path) as aside:
        aside.write_bytes(data)


Inputs = Mapping[str, str]


def _joined(graph: Graph, inputs: Inputs) -> str:
    return graph.node("Concat", *inputs.values(), axis=1)


def _perceptron(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, FaceModel)
    w = {name: weight.double() for name, weight in model.weights.items()}
    h = graph.affine(_joined(graph, inputs), w["W1"].T, w["b1"])
    h = graph.node("LeakyRelu", h, alpha=model.slope)
    # The template and the unit of the output go into the last layer.
    b2 = model.template.double().flatten() + model.scale * w["b2"]
    return graph.affine(h, model.scale * w["W2"].T, b2)


def _linear(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, LinearFaceModel)
    B = torch.cat([model.bases[factor.name] for factor in model.factors])
    own = {factor.name: inputs[factor.name] for factor in model.factors}
    return graph.affine(_joined(graph, own), B, model.mean.flatten())


def _multilinear(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, MultilinearFaceModel)
    w_id, w_exp = (
        graph.affine(inputs[factor.name], gaussian.spread.T, gaussian.mean)
        for factor, gaussian in zip(model.factors, model.gaussians, strict=True)
    )
    C, basis = model.fields["core_tensor"], model.fields["basis"]
    _, i, j = C.shape
    outer = graph.node("Mul", graph.reshape(w_id, -1, i, 1), graph.reshape(w_exp, -1, 1, j))
    y = graph.affine(graph.reshape(outer, -1, i * j), C.flatten(1).T, torch.zeros(len(C)))
    return graph.affine(y, basis, model.fields["mean"].flatten())


def _convolutional(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, ConvolutionalFaceModel)
    identity, expression = (inputs[factor.name] for factor in model.factors)
    fields, network, levels = model.fields, model.network, model.architecture.levels
    person = graph.affine(identity, fields["identity"], fields["mean"].flatten())
    w = graph.affine(expression, model.gaussian.spread.T, model.gaussian.mean)
    layer = network.from_code
    h = graph.node("Relu", graph.affine(w, layer.weight.T, layer.bias))
    h = graph.node("Transpose", graph.reshape(h, -1, *network.coarsest), perm=[1, 0, 2])
    V = len(model.template)
    meshes = [(model.faces.numpy(), V), *((level.F, len(level.kept)) for level in levels)]
    laplacians = [scaled_laplacian(F, n) for F, n in meshes]
    last = len(levels) - 1
    for k, convolution in enumerate(network.decoder):
        assert isinstance(convolution, ChebyshevConvolution)
        h = graph.sparse(levels[last - k].up, h)
        h = graph.node("Relu", _convolve(graph, convolution, laplacians[last - k], h))
    h = graph.node("Transpose", _convolve(graph, network.last, laplacians[0], h), perm=[1, 0, 2])
    moved = graph.node("Mul", h, graph.constant(fields["unit"]))
    moved = graph.node("Add", moved, graph.constant(fields["rest"]))
    return graph.node("Add", person, graph.reshape(moved, -1, 3 * V))


def _convolve(graph: Graph, layer: ChebyshevConvolution, laplacian: sp.csr_array, x: str) -> str:
    """Write `ChebyshevConvolution`: T_0 x, T_1 x, … side by side, then one product."""
    parts = [x]
    two = graph.constant(torch.tensor(2.0))
    for k in range(1, len(layer.weight)):
        following = graph.sparse(laplacian, parts[-1])
        if k > 1:
            following = graph.node("Sub", graph.node("Mul", two, following), parts[-2])
        parts.append(following)
    y = graph.node("Concat", *parts, axis=2) if len(parts) > 1 else x
    y = graph.node("MatMul", y, graph.constant(layer.weight.flatten(0, 1)))
    return y if layer.bias is None else graph.node("Add", y, graph.constant(layer.bias))


_DECODERS: dict[type, Callable[[Graph, FaceGenerator, Inputs], str]] = {
    FaceModel: _perceptron,
    LinearFaceModel: _linear,
    MultilinearFaceModel: _multilinear,
    ConvolutionalFaceModel: _convolutional,
}
