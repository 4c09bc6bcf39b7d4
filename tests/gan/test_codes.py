"""Which codes the generator gets: the laws of alternation and of pairs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.models.face_model import Factor
from gan.training.codes import draw_codes, draw_fixed_codes, labelled_factor

NAMES = ("identity", "expression", "viseme")


def factors(k: int) -> tuple[Factor, ...]:
    return tuple(Factor(NAMES[i], 3 + i, tuple("abcd"[: 2 + i])) for i in range(k))


@given(k=st.integers(1, 3), step=st.integers(0, 50), groups=st.integers(1, 4))
def test_laws_of_a_batch(k, step, groups):
    rng = torch.Generator().manual_seed(step)
    listed = factors(k)
    fixed = draw_fixed_codes(listed, rng)
    labelled = labelled_factor(listed, step)
    batch = draw_codes(listed, fixed, 5, labelled, 4 * groups, rng=rng)
    half, start = 2 * groups, 0
    shared_pairs = 0
    for factor in listed:
        z = batch.z[:, start : start + factor.code_size]
        start += factor.code_size
        if factor.name == labelled:
            torch.testing.assert_close(z, fixed[labelled][batch.labels], rtol=0, atol=0)
            continue
        same = (z[:half] == z[half:]).all(dim=1)
        first, last = batch.pairs[factor.name]
        assert same[first:last].all(), "a pair shares the code of its own factor"
        assert same.sum() == last - first, "and of no other"
        shared_pairs += last - first
    assert batch.z.shape == (4 * groups, start + 5)
    assert shared_pairs == (half if k > 1 else 0), "every pair serves one factor"


def test_each_factor_is_labelled_in_turn():
    assert [labelled_factor(factors(3), step) for step in range(4)] == [*NAMES, "identity"]


def test_fixed_codes_follow_the_seed():
    one, two = (draw_fixed_codes(factors(2), torch.Generator().manual_seed(7)) for _ in range(2))
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert one["expression"].shape == (3, 4)
    assert one["identity"].std() == pytest.approx(1, abs=0.6)
