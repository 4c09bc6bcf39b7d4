"""A CUDA device that is not there: CUDA's paths run on a CPU, and fail where a GPU would.

A tensor on it wraps one of the CPU: real numbers, real autograd, so that whole trainings run and
equal those on the CPU. Raised, as by a GPU: operations on tensors of two devices, a generator of
another device, `.numpy()`, a wait where `no_waits` forbids them. Not simulated: how kernels round,
their speed, streams, memory, Triton, NCCL. (torch's FakeTensorMode does not do: its backward pass
aborts without a GPU, and it has no numbers.)
"""

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _foreach_utils as foreach
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
WAITS = {
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
    aten.repeat_interleave.Tensor,
}
COPIES = {aten.copy_.default, aten._to_copy.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}
LISTS = {aten.cat.default, aten.stack.default}  # these refuse scalars of the CPU, too
_mode: dict[str, Any] = {"sync": "default"}


class OnCuda(Tensor):
    """A tensor on the device. In C++ it is one on the CPU: autograd needs no thread of CUDA's."""

    @staticmethod
    def __new__(cls, inner):
        return Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=CPU,
        )

    def __init__(self, inner):
        self.inner = inner

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)

    def __repr__(self):
        return f"OnCuda({tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        _check(func, args, kwargs)
        out = func(*tree_map(_unwrap, args), **tree_map(_unwrap, kwargs))
        if func is aten.copy_.default and not isinstance(args[0], OnCuda):
            return args[0]  # a CPU tensor, filled
        return return_and_correct_aliasing(func, args, kwargs, tree_map(_wrap, out))


def _wrap(x):
    return OnCuda(x) if isinstance(x, Tensor) and not isinstance(x, OnCuda) else x


def _unwrap(x):
    return x.inner if isinstance(x, OnCuda) else x


def _wait(what: str) -> None:
    if _mode["sync"] == "error":
        raise RuntimeError(f"called a synchronizing CUDA operation: {what}")


def _check(func, args, kwargs) -> None:
    """Refuse tensors of two devices, but for what torch allows; notice what waits."""
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    host = [t for t in tensors if not isinstance(t, OnCuda)]
    if func in COPIES and host:
        _wait("a copy between the devices")
    elif func in INDEXING and host:
        values = args[2] if func is not aten.index.Tensor else args[0]
        if not isinstance(args[0], OnCuda) or any(t is values and t.ndim for t in host):
            raise RuntimeError(f"{func} of a tensor and indices or values on two devices")
        _wait("indices copied to the device")
    elif func is aten.cat.default and torch._C._current_graph_task_id() >= 0:
        pass  # zeros for parts without a gradient, which C++ makes where it believes the rest to be
    elif host and (func in LISTS or any(t.ndim for t in host)):
        shapes = [(type(t).__name__, tuple(t.shape)) for t in tensors]
        raise RuntimeError(f"{func} of tensors on cuda and on the CPU: {shapes}")
    masks = func in INDEXING and any(i is not None and i.dtype == torch.bool for i in args[1])
    if func in WAITS or masks:
        _wait("an index by a mask" if masks else str(func))


class _Move(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        _wait("a copy between host and device")
        return x.inner.clone() if isinstance(x, OnCuda) else _wrap(x.detach().clone())

    @staticmethod
    def backward(ctx, grad):
        return _Move.apply(grad)


def _named_cuda(device) -> bool:
    return device is not None and torch.device(device).type == "cuda"


class _Factories(TorchDispatchMode):
    """New tensors on the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if not _named_cuda(kwargs.get("device")):
            return func(*args, **kwargs)
        return tree_map(_wrap, func(*tree_map(_unwrap, args), **kwargs | {"device": CPU}))


class _Device(TorchFunctionMode):
    """What is above autograd: moves, generators, conversions to numpy."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in (Tensor.to, Tensor.cpu, Tensor.cuda):
            return self._move(func, *args, **kwargs)
        name, on_gpu = getattr(func, "__name__", ""), args and isinstance(args[0], OnCuda)
        if on_gpu and name in ("numpy", "__array__"):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if on_gpu and name == "tolist":
            _wait("tolist")
            return args[0].detach().inner.tolist()
        if on_gpu and name == "__deepcopy__":
            return args[0].detach().clone()
        new_on_gpu = _named_cuda(kwargs.get("device"))
        if (generator := kwargs.get("generator")) is not None:
            target = CUDA if new_on_gpu or (on_gpu and "device" not in kwargs) else CPU
            if generator.device.type != target.type:
                raise RuntimeError(f"{name} on {target} with a generator on {generator.device}")
        if new_on_gpu and name in ("tensor", "as_tensor"):
            return _Move.apply(func(*args, **kwargs | {"device": CPU}))
        return func(*args, **kwargs)

    def _move(self, func, x, *args, **kwargs):
        dtype = None
        if func is not Tensor.to:
            device = CPU if func is Tensor.cpu else CUDA
        elif args and isinstance(args[0], Tensor):
            device, dtype = args[0].device, args[0].dtype
        else:
            device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
        if dtype is not None and dtype != x.dtype:
            x = Tensor.to(x, dtype)
        if device is None or device.type == x.device.type:
            return Tensor.clone(x) if kwargs.get("copy") else x
        return _Move.apply(x)


class _Generator(torch.Generator):
    """A generator that says where it would be."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, device="cpu")
        made._where = torch.device(device)
        return made

    def __init__(self, device="cpu"):
        pass

    device = property(lambda self: self._where)

    def set_state(self, state):
        if isinstance(state, OnCuda):
            raise TypeError("RNG state must be a torch.ByteTensor on the CPU")
        return super().set_state(state)


class _Event:
    """A time stamp; real events are stamped by the device."""

    def __init__(self, enable_timing=False):
        self.at = 0.0

    def record(self, stream=None):
        self.at = time.perf_counter()

    def elapsed_time(self, other):
        return 1e3 * (other.at - self.at)


def _grouped(group):
    """Let foreach kernels group by what tensors say; C++ looks at its own idea of the device."""

    def by_device(lists, *args, **kwargs):
        return {
            (next(t for t in parts[0][0] if t is not None).device, dtype): parts
            for (_, dtype), parts in group(lists, *args, **kwargs).items()
        }

    return by_device


@contextlib.contextmanager
def simulated_cuda() -> Iterator[None]:
    """Within the block there is one GPU, which is simulated."""
    import gan.runs.checkpoints
    import gan.runs.resuming

    autocast = torch.autocast.__init__

    def cast(self, device_type, *args, **kwargs):
        autocast(self, "cpu" if device_type == "cuda" else device_type, *args, **kwargs)

    def load_file(path, device="cpu"):
        tensors = safetensors.torch.load_file(path)  # past torch's modes
        return {k: t.to(CUDA) for k, t in tensors.items()} if _named_cuda(device) else tensors

    def save_file(tensors, path, *rest):
        safetensors.torch.save_file({k: t.cpu() for k, t in tensors.items()}, path, *rest)

    cuda = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "_lazy_init": lambda: None,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "get_device_name": lambda *_: "simulated",
        "synchronize": lambda *_: None,
        "is_current_stream_capturing": lambda: False,
        "manual_seed_all": lambda seed: None,
        "get_rng_state_all": lambda: [torch.zeros(16, dtype=torch.uint8)],
        "set_rng_state_all": lambda states: None,
        "reset_peak_memory_stats": lambda *_: None,
        "max_memory_allocated": lambda *_: 1,
        "Event": _Event,
        "set_sync_debug_mode": lambda mode: _mode.update(sync=mode),
    }
    by_device = _grouped(foreach._group_tensors_by_device_and_dtype)
    changes = [
        *((torch.cuda, name, value) for name, value in cuda.items()),
        (torch, "Generator", _Generator),
        (torch.autocast, "__init__", cast),
        (foreach, "_group_tensors_by_device_and_dtype", by_device),
        (sys.modules["torch.optim.optimizer"], "_group_tensors_by_device_and_dtype", by_device),
        (gan.runs.resuming, "load_file", load_file),
        (gan.runs.checkpoints, "save_file", save_file),
    ]
    before = [(where, name, getattr(where, name)) for where, name, _ in changes]
    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # else `to` keeps the CPU's
    try:
        for where, name, value in changes:
            setattr(where, name, value)
        with _Factories(), _Device():
            yield
    finally:
        for where, name, value in before:
            setattr(where, name, value)
        torch.__future__.set_overwrite_module_params_on_conversion(overwrites)
        _mode["sync"] = "default"


@contextlib.contextmanager
def no_waits() -> Iterator[None]:
    """Raise where the host would wait for the device, real or simulated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's detector calls itself a prototype
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
