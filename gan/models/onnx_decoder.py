"""An ONNX decoder of any make, with a small JSON of its codes, as a model from outside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import NOISE
from gan.models.outside import OutsideModel


def onnx_decoder(path: Path) -> OutsideModel:
    """Read a decoder: inputs (batch, d), one output (batch, V, 3) or (batch, 3V) in mm.

    Every input is the code of a factor, and one may be called "noise". `gan export` writes the
    factors into the file; for other files, NAME.json beside NAME.onnx holds, all optional,
    "factors": [{"name", "classes", "codes"}, …] with one code for each class, "noise": the name of
    the input that no factor has, "output": which one are the vertices, "scale": mm in its unit.

    Raises
    ------
    CheckpointError
        onnxruntime is missing, the file is no ONNX model, or the JSON does not fit it.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError:
        raise CheckpointError(
            f"{path} needs onnxruntime to be read: install it (pip install onnxruntime)"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} cannot be read as an ONNX model: {reason}") from None
    noise, output, scale, factors = _described(path, session)
    sizes, names = {}, {}
    for given in session.get_inputs():
        if len(given.shape) != 2 or not isinstance(given.shape[1], int):
            raise CheckpointError(
                f"{path}: input {given.name!r} has shape {given.shape}, expected (batch, d)"
            )
        name = NOISE if given.name == noise else given.name
        sizes[name], names[name] = given.shape[1], given.name
    codes = {}
    for factor in factors:
        if factor["name"] not in sizes:
            raise CheckpointError(
                f"{path}: the factor {factor['name']!r} is no input; it has {', '.join(sizes)}"
            )
        fixed = (torch.tensor(code, dtype=torch.float32) for code in factor.get("codes", ()))
        codes[factor["name"]] = dict(zip(factor.get("classes", ()), fixed, strict=False))

    def decode(given: Mapping[str, Tensor]) -> Tensor:
        feed = {
            names[name]: np.ascontiguousarray(given[name].detach().numpy(), dtype=np.float32)
            for name in sizes
        }
        (X,) = session.run([output], feed)
        return scale * torch.from_numpy(X).view(len(X), -1, 3)

    return OutsideModel(code_sizes=sizes, decode=decode, codes=codes)


def _described(path: Path, session: Any) -> tuple[str, str, float, list[dict[str, Any]]]:
    """Return the input of the noise, the output, mm in its unit, and the factors with codes."""
    beside, own = path.with_suffix(".json"), session.get_modelmeta().custom_metadata_map
    try:
        record: Any = {"factors": json.loads(own.get("factors", "[]"))}
        if beside.is_file():
            record |= json.loads(beside.read_text(encoding="utf-8"))
        output = record.get("output", session.get_outputs()[0].name)
        factors = [dict(factor) for factor in record["factors"]]
        if not all(isinstance(factor["name"], str) for factor in factors):
            raise ValueError("the name of a factor is no text")
        known = [out.name for out in session.get_outputs()]
        if output not in known:
            raise ValueError(f"no output {output!r}; it has {', '.join(known)}")
        return str(record.get("noise", NOISE)), output, float(record.get("scale", 1.0)), factors
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{beside} does not describe the codes of {path}: {error}") from None
