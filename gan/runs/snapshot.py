"""Nested state into named tensors and JSON, and back, without loss: what a checkpoint is made of.

A tensor becomes `{"tensor": name}`, its name the path to it ("parts.generator.W1"); everything
else keeps its type, so that a plug-in gets back what its `state_dict` returned.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON; its tensors and arrays are added to `tensors`, on the CPU.

    Raises
    ------
    TypeError
        Something in it is none of tensor, array, number, text, None, list, tuple, mapping.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor):
        return {"tensor": _add(value, name, tensors)}
    if isinstance(value, np.ndarray):
        return {"array": _add(torch.from_numpy(np.array(value)), name, tensors)}
    if isinstance(value, list | tuple):
        items = [pack(item, _below(name, i), tensors) for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if isinstance(value, Mapping):
        pairs = []
        for key, item in value.items():
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise TypeError(f"{name}: the key {key!r} is neither text nor a whole number")
            pairs.append([key, pack(item, _below(name, key), tensors)])
        if all(isinstance(key, str) for key, _ in pairs):
            return {"map": dict(pairs)}
        return {"pairs": pairs}
    raise TypeError(
        f"{name} is a {type(value).__name__}: a checkpoint keeps tensors, arrays, numbers, text, "
        "lists, tuples and mappings"
    )


def unpack(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return what `pack` was given.

    Raises
    ------
    KeyError, TypeError, ValueError
        `plain` was not made by `pack`, or a tensor is missing.
    """
    if not isinstance(plain, dict):
        return plain
    ((kind, value),) = plain.items()
    match kind:
        case "tensor":
            return tensors[value]
        case "array":
            return tensors[value].cpu().numpy()
        case "list":
            return [unpack(item, tensors) for item in value]
        case "tuple":
            return tuple(unpack(item, tensors) for item in value)
        case "map":
            return {key: unpack(item, tensors) for key, item in value.items()}
        case "pairs":
            return {key: unpack(item, tensors) for key, item in value}
    raise ValueError(f"unknown kind {kind!r}")


def _below(name: str, key: str | int) -> str:
    return f"{name}.{key}" if name else str(key)


def _add(tensor: Tensor, name: str, tensors: dict[str, Tensor]) -> str:
    """Enter a tensor under a free name; one that shares memory with another is copied."""
    while name in tensors:  # {"a": {"b": …}, "a.b": …}
        name += "'"
    plain = tensor.detach().cpu().contiguous()
    memory = {one.untyped_storage().data_ptr() for one in tensors.values()}
    if plain.numel() and plain.untyped_storage().data_ptr() in memory:
        plain = plain.clone()
    tensors[name] = plain
    return name
