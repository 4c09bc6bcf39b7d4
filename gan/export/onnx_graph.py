"""ONNX graphs written node by node: what is in the file is what is here, and no tracer's names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import scipy.sparse as sp
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET, IR = 17, 8  # of 2022: read by onnxruntime since 1.12 and by the other run times of today
LARGEST = 2**31 - 2**20  # bytes: the container holds no more in one file


class Graph:
    """Collect the nodes and constants of a function from float32 matrices to one tensor."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, width: int) -> str:
        """Declare an input (batch, width)."""
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
        self._inputs.append(info)
        return name

    def constant(self, value: Tensor | np.ndarray, *, dtype: type = np.float32) -> str:
        """Store an array and return its name."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        name = f"/constant {len(self._constants)}"
        stored: np.ndarray = np.ascontiguousarray(array, dtype=dtype)
        self._constants.append(numpy_helper.from_array(stored, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        name = f"/{operator} {len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def affine(self, x: str, weight: Tensor, bias: Tensor) -> str:
        """Return `x weight + bias`, the weight (incoming, outgoing)."""
        # Stored as torch stores a layer: most weights come transposed, and stay without a copy.
        W, b = self.constant(weight.T), self.constant(bias)
        return self.node("Gemm", x, W, b, transB=1)

    def reshape(self, x: str, *shape: int) -> str:
        """Change the shape; one of the sizes may be −1, and 0 keeps a size."""
        return self.node("Reshape", x, self.constant(np.array(shape), dtype=np.int64))

    def sparse(self, A: sp.sparray, x: str) -> str:
        """Return `A x` over the first axis of x (n, batch, channels).

        Sparse tensors are supported by hardly any run time, so every row becomes as many gathered
        rows of x as the longest has, with weight 0 where it is shorter.
        """
        index, weight = padded_rows(sp.csr_array(A))
        gathered = self.node("Gather", x, self.constant(index, dtype=np.int64), axis=0)
        weighted = self.node("Mul", gathered, self.constant(weight[:, :, None, None]))
        axis = self.constant(np.array([1]), dtype=np.int64)
        return self.node("ReduceSum", weighted, axis, keepdims=0)

    def build(
        self,
        last: str,
        output: str,
        shape: Sequence[int],
        *,
        name: str,
        properties: Mapping[str, str],
    ) -> bytes:
        """Return the checked file; equal graphs give equal bytes.

        Raises
        ------
        ValueError
            The constants do not fit into one file.
        """
        self._nodes.append(helper.make_node("Identity", [last], [output], name="/output"))
        graph = helper.make_graph(
            self._nodes,
            name,
            self._inputs,
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", *shape])],
            self._constants,
        )
        size = sum(len(constant.raw_data) for constant in self._constants)
        if size > LARGEST:
            raise ValueError(f"the weights, {size / 2**30:.1f} GiB, do not fit into an ONNX file")
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="meshkit-gan",
        )
        helper.set_model_props(model, dict(properties))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def padded_rows(
    A: sp.csr_array,
) -> tuple[np.ndarray, Float[np.ndarray, "n k"]]:
    """Return the columns and values of every row, padded by column 0 with value 0."""
    length = np.diff(A.indptr)
    k = max(1, int(length.max(initial=0)))
    index, value = np.zeros((len(length), k), dtype=np.int64), np.zeros((len(length), k))
    filled = np.arange(k) < length[:, None]
    index[filled], value[filled] = A.indices, A.data
    return index, value
