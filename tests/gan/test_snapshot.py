"""Nested state to tensors and JSON and back: every type survives, and what cannot is named."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from gan.runs.snapshot import pack, unpack

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.text() | st.integers()


def nested(leaves):
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS, inner, max_size=3)
        ),
        max_leaves=12,
    )


def there_and_back(value):
    """Through the bytes of both files."""
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(pack(value, "x", tensors))
    return unpack(json.loads(text), load(save(tensors)))


@given(nested(PLAIN))
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    assert repr(there_and_back(value)) == repr(value)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_come_back_bit_for_bit(dtype):
    drawn = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * 3
    value = {"a": [drawn.to(dtype).T, torch.zeros((), dtype=dtype), torch.zeros(0, dtype=dtype)]}
    back = there_and_back(value)
    for ours, theirs in zip(value["a"], back["a"], strict=True):
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0)


def test_names_that_meet_and_memory_that_is_shared():
    shared = torch.arange(6.0)
    value = {"a": {"b": shared}, "a.b": shared[2:], 3: {"c": shared}, "n": np.arange(3, dtype="u1")}
    back = there_and_back(value)
    torch.testing.assert_close(back["a"]["b"], shared)
    torch.testing.assert_close(back["a.b"], shared[2:])
    torch.testing.assert_close(back[3]["c"], shared)
    np.testing.assert_array_equal(back["n"], value["n"])
    assert back["n"].dtype == np.uint8


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {1, 2}}, r"x\.a is a set: a checkpoint keeps tensors"),
        ([object()], r"x\.0 is a object"),
        ({(1, 2): 3}, r"x: the key \(1, 2\) is neither text nor a whole number"),
    ],
)
def test_what_cannot_be_kept_is_named(value, message):
    with pytest.raises(TypeError, match=message):
        pack(value, "x", {})
