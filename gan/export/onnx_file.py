"""A model's decoder as ONNX: codes in, vertices out, any batch; for run times without torch."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gan.baselines.chebyshev import ChebyshevConvolution, scaled_laplacian
from gan.baselines.coma import ConvolutionalFaceModel
from gan.baselines.copula import CopulaFaceModel
from gan.baselines.linear import LinearFaceModel
from gan.baselines.mae import MultilinearFaceModel
from gan.baselines.mesh_network import Architecture, MeshAutoencoder
from gan.baselines.quantiles import QuantileMap
from gan.baselines.swap_vae import SwapVaeFaceModel
from gan.export.onnx_graph import Graph
from gan.models.contract import NOISE, FaceGenerator
from gan.models.face_model import FaceModel
from gan.models.generators.quadratic import (
    MAX_STRETCH,
    Couplings,
    Marginals,
    QuadraticGenerator,
    knots,
)
from gan.models.network_model import NetworkFaceModel
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
    known = isinstance(model, NetworkFaceModel) and isinstance(model.generator, QuadraticGenerator)
    if type(model) not in _DECODERS and not known:
        raise ValueError(f"no ONNX graph is known of {type(model).__name__}: {model.describe()}")
    model = model.to("cpu")
    graph = Graph()
    sizes = {f.name: f.code_size for f in model.factors} | {NOISE: model.noise_size}
    if OUTPUT in sizes:
        raise ValueError(f"a factor called {OUTPUT!r} cannot be exported: it is the output's name")
    inputs = {name: graph.input(name, size) for name, size in sizes.items() if size}
    with torch.no_grad():
        flat = _DECODERS.get(type(model), _quadratic)(graph, model, inputs)
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


def _quadratic(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, NetworkFaceModel)
    assert isinstance(model.generator, QuadraticGenerator)
    G, (first, second) = model.generator, list(inputs.values())[:2]
    u, e = _marginals(graph, G.marginals, first), _couplings(graph, G.couplings, second)

    def entries(x: str, k: Tensor) -> str:
        return graph.node("Gather", x, graph.constant(k.numpy(), dtype=np.int64), axis=1)

    i, j = G.pairs
    person, state = torch.arange(G.people), torch.arange(G.states)
    products = [
        graph.node("Mul", entries(e, i), entries(e, j)),
        graph.node(
            "Mul",
            entries(u, person.repeat_interleave(G.states)),
            entries(e, state.repeat(G.people)),
        ),
    ]
    h = graph.node("Concat", u, e, *list(inputs.values())[2:], *products, axis=1)
    coefficients = graph.affine(h, G.A.T, G.a)
    start = model.template.flatten() + model.scale * G.mean
    return graph.affine(coefficients, model.scale * G.basis.T, start)


def _marginals(graph: Graph, maps: Marginals, z: str) -> str:
    """Return the broken lines as a line and a hinge at each knot between the ends."""
    at = knots()
    slope = maps.values.diff(dim=1) / at.diff()
    bend = torch.cat([slope[:, :1], slope.diff(dim=1)], dim=1)  # (d, knots − 1)
    past = graph.node("Sub", graph.reshape(z, -1, len(slope), 1), graph.constant(at[:-1]))
    line, hinges = (
        graph.node("Slice", past, *(graph.constant(np.array([v]), dtype=np.int64) for v in part))
        for part in ((0, 1, 2), (1, len(at) - 1, 2))
    )
    shares = graph.node("Concat", line, graph.node("Relu", hinges), axis=2)
    axis = graph.constant(np.array([2]), dtype=np.int64)
    rise = graph.node(
        "ReduceSum", graph.node("Mul", shares, graph.constant(bend)), axis, keepdims=0
    )
    return graph.node("Add", rise, graph.constant(maps.values[:, 0]))


def _couplings(graph: Graph, flow: Couplings, z: str) -> str:
    none = torch.zeros(2 * flow.masks.shape[1])
    for k, mask in enumerate(flow.masks):
        a = graph.affine(z, (flow.first[k] * mask).T, flow.offset[k])
        a = graph.node("Mul", a, graph.node("Sigmoid", a))
        move, stretch = (
            graph.affine(a, (W * (1 - mask)[:, None] / unit).T, none[: len(W)])
            for W, unit in zip(flow.second[k].chunk(2), (1.0, MAX_STRETCH), strict=True)
        )
        stretch = graph.node("Tanh", stretch)
        stretch = graph.node(
            "Exp", graph.node("Mul", stretch, graph.constant(torch.tensor(MAX_STRETCH)))
        )
        z = graph.node("Add", graph.node("Mul", z, stretch), move)
    z = graph.node("Mul", z, graph.constant(flow.log_scale.exp()))
    return graph.node("Add", z, graph.constant(flow.shift))


def _linear(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, LinearFaceModel)
    B = torch.cat([model.bases[factor.name] for factor in model.factors])
    own = {factor.name: inputs[factor.name] for factor in model.factors}
    return graph.affine(_joined(graph, own), B, model.mean.flatten())


def _copula(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, CopulaFaceModel)
    coefficients = dict(inputs)
    for name, quantiles in model.quantiles.items():
        root = model.root[name].T
        u = graph.affine(inputs[name], root, torch.zeros(len(root)))
        coefficients[name] = _quantiles(graph, quantiles, u)
    return _linear(graph, model.linear, coefficients)


def _quantiles(graph: Graph, quantiles: QuantileMap, u: str) -> str:
    """Write `QuantileMap.__call__`: what a bin has is the first one's, and all changes up to it."""
    node, constant = graph.node, graph.constant
    d = len(quantiles.value)
    beyond = node("GreaterOrEqual", graph.reshape(u, -1, d, 1), constant(quantiles.score[1:-1]))
    beyond, axis = node("Cast", beyond, to=1), constant(np.array([2]), dtype=np.int64)

    def of_bin(table: Tensor) -> str:
        steps = node("ReduceSum", node("Mul", beyond, constant(table.diff())), axis, keepdims=0)
        return node("Add", steps, constant(table[:, 0]))

    tables = (quantiles.score.expand_as(quantiles.value), quantiles.value, quantiles.slope)
    (u0, u1), (x0, x1), (s0, s1) = ((of_bin(t[:, :-1]), of_bin(t[:, 1:])) for t in tables)
    zero, one = (constant(torch.tensor(value)) for value in (0.0, 1.0))
    width, height = node("Sub", u1, u0), node("Sub", x1, x0)
    chord, before, after = node("Div", height, width), node("Sub", u, u0), node("Sub", u, u1)
    t = node("Clip", node("Div", before, width), zero, one)
    mixed = node("Mul", t, node("Sub", one, t))
    rise = node("Add", node("Mul", chord, node("Mul", t, t)), node("Mul", s0, mixed))
    bend = node("Sub", node("Add", s0, s1), node("Add", chord, chord))
    share = node("Div", rise, node("Add", chord, node("Mul", bend, mixed)))
    inside = node("Add", x0, node("Mul", height, share))
    left = node("Mul", s0, node("Min", before, zero))
    return node("Sum", inside, left, node("Mul", s1, node("Max", after, zero)))


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
    fields = model.fields
    person = graph.affine(identity, fields["identity"], fields["mean"].flatten())
    w = graph.affine(expression, model.gaussian.spread.T, model.gaussian.mean)
    h = _decoder(graph, model.architecture, model.network, w)
    moved = graph.node("Mul", h, graph.constant(fields["unit"]))
    moved = graph.node("Add", moved, graph.constant(fields["rest"]))
    return graph.node("Add", person, graph.reshape(moved, -1, 3 * len(model.template)))


def _swap_vae(graph: Graph, model: FaceGenerator, inputs: Inputs) -> str:
    assert isinstance(model, SwapVaeFaceModel)
    codes = {
        factor.name: graph.affine(inputs[factor.name], gaussian.spread.T, gaussian.mean)
        for factor, gaussian in zip(model.factors, model.gaussians, strict=True)
    }
    h = _decoder(graph, model.architecture, model.network, _joined(graph, codes))
    moved = graph.node("Mul", h, graph.constant(model.unit))
    return graph.node("Add", moved, graph.constant(model.rest))


def _decoder(graph: Graph, architecture: Architecture, network: MeshAutoencoder, w: str) -> str:
    """Write `MeshAutoencoder.decode`: normalised meshes (batch, V, 3) of raw codes."""
    layer, levels = network.from_code, architecture.levels
    h = graph.node("Relu", graph.affine(w, layer.weight.T, layer.bias))
    h = graph.node("Transpose", graph.reshape(h, -1, *network.coarsest), perm=[1, 0, 2])
    finest = (architecture.faces, architecture.n_vertices)
    meshes = [finest, *((level.F, len(level.kept)) for level in levels)]
    laplacians = [scaled_laplacian(F, n) for F, n in meshes]
    last = len(levels) - 1
    for k, convolution in enumerate(network.decoder):
        assert isinstance(convolution, ChebyshevConvolution)
        h = graph.sparse(levels[last - k].up, h)
        h = graph.node("Relu", _convolve(graph, convolution, laplacians[last - k], h))
    return graph.node("Transpose", _convolve(graph, network.last, laplacians[0], h), perm=[1, 0, 2])


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
    CopulaFaceModel: _copula,
    SwapVaeFaceModel: _swap_vae,
}
