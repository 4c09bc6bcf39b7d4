"""Every layer under autocast, compile, export, vmap and the transforms of torch.func."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from meshkit import eigenpairs, mesh_from_image
from meshkit.laplacian import cotangent_laplacian, lumped_mass
from meshkit.nn import (
    AntialiasedMapping,
    CotangentLaplacian,
    GeometryMapping,
    LaplacianEnergy,
    Smoothing,
    SparseOperator,
    SpectralTruncation,
    VertexSampling,
)
from meshkit.primitives import hemisphere
from meshkit.raster import rasterize_uv

# torch's own, of what compile, export and jvp go through.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

V, F = hemisphere(4)
UV = 0.5 + 0.45 * V[:, :2]
L, MASS = cotangent_laplacian(V, F), lumped_mass(V, F)
VERTICES = torch.from_numpy(V).float()[None] + 0.01 * torch.rand(
    2, *V.shape, generator=torch.Generator().manual_seed(0)
)
IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
LAYERS: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
    "GeometryMapping": (GeometryMapping(F, rasterize_uv(UV, F, 8), len(V)), (VERTICES,)),
    "AntialiasedMapping": (AntialiasedMapping(F, rasterize_uv(UV, F, 16), len(V), 2), (VERTICES,)),
    "LaplacianEnergy": (LaplacianEnergy(V, F), (VERTICES,)),
    "Smoothing": (Smoothing(L, MASS, time=0.01), (VERTICES,)),
    "SpectralTruncation": (SpectralTruncation(eigenpairs(L, MASS, 5)[1], MASS), (VERTICES,)),
    "SparseOperator": (SparseOperator(L), (VERTICES,)),
    "CotangentLaplacian": (CotangentLaplacian(F, len(V)), (VERTICES, VERTICES)),
    "VertexSampling": (VertexSampling(UV, (8, 8)), (IMAGES,)),
}


@pytest.fixture(params=LAYERS)
def layer(request) -> tuple[nn.Module, tuple[Tensor, ...]]:
    return LAYERS[request.param]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_autocast_changes_the_signal_not_the_layer(layer, kind):
    module, signals = layer
    rounded = [x.to(kind) for x in signals]
    with torch.autocast("cpu", kind):
        given = [x.clone().requires_grad_() for x in rounded]
        result = module(*given)
        result.float().sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in given)
    assert_close(result, module(*[x.float() for x in rounded]), rtol=0, atol=0)


def test_vmap_is_a_loop_over_members_with_gradients(layer):
    module, signals = layer
    assert_close(
        torch.vmap(module)(*signals),
        torch.stack([module(*(x[k] for x in signals)) for k in range(2)]),
    )

    def energy(*one: Tensor) -> Tensor:
        return module(*one).square().sum()

    loop = [torch.func.grad(energy)(*(x[k] for x in signals)) for k in range(2)]
    assert_close(torch.vmap(torch.func.grad(energy))(*signals), torch.stack(loop))


def test_directional_derivatives_are_those_of_the_gradient(layer):
    module, signals = layer
    along = [torch.ones_like(x) for x in signals]
    _, slope = torch.func.jvp(lambda *x: module(*x).sum(), signals, tuple(along))
    given = [x.clone().requires_grad_() for x in signals]
    module(*given).sum().backward()
    assert_close(slope, torch.stack([x.grad.sum() for x in given]).sum(), rtol=1e-3, atol=1e-3)


def test_functional_call_takes_buffers_of_another_type(layer):
    module, signals = layer
    buffers = {
        name: x.double() if x.is_floating_point() else x for name, x in module.named_buffers()
    }
    result = torch.func.functional_call(module, buffers, tuple(x.double() for x in signals))
    assert_close(result.float(), module(*signals), rtol=1e-3, atol=1e-4)


def test_an_exported_program_takes_batches_of_any_size(layer):
    module, signals = layer
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        module, signals, dynamic_shapes=tuple({0: batch} for _ in signals), strict=False
    )
    more = [torch.cat([x, x[:1]]) for x in signals]
    assert_close(program.module()(*more), module(*more))


@pytest.mark.slow
def test_one_graph_compiles_with_its_gradient(layer):
    module, signals = layer
    results = []
    for call in (module, torch.compile(module, fullgraph=True)):
        given = [x.clone().requires_grad_() for x in signals]
        call(*given).square().sum().backward()
        results.append([x.grad for x in given])
    assert_close(*results, rtol=1e-4, atol=1e-4)


def test_vertices_come_back_from_an_image_as_numpy_reads_them():
    raster = rasterize_uv(UV, F, 24)
    inside = raster.face_index >= 0
    image = GeometryMapping(F, raster, len(V), dtype=torch.float64)(torch.from_numpy(V)[None])
    back = VertexSampling(UV, (24, 24), inside=inside, dtype=torch.float64)
    expected = mesh_from_image(image[0].permute(1, 2, 0).numpy(), UV, inside=inside)
    np.testing.assert_allclose(back(image)[0].numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(back(image[0]).numpy(), expected, atol=1e-12)
    assert torch.autograd.gradcheck(back, (image[:, :1].requires_grad_(),))
    with pytest.raises(ValueError, match=r"expected \(B, c, 24, 24\) or \(c, 24, 24\)"):
        back(image[..., 1:])
