"""Merged attention against one softmax over all keys, in float64."""

import pytest
import torch
from torch import Tensor

from mnemic.ops.attention import join_attention, log_sums
from mnemic.ops.fusion import fuse_states

B, H, G, T, S, M, K = 3, 2, 2, 4, 6, 3, 5
SCALE = 0.4


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def softmax_over(queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor, extra: Tensor) -> Tensor:
    """Plain attention, heads repeated, `[B, T, H, K]`."""
    keys, values = keys.repeat_interleave(G, dim=1), values.repeat_interleave(G, dim=1)
    scores = queries @ keys.transpose(-1, -2) * SCALE + extra
    return (scores.masked_fill(~visible, -torch.inf).softmax(-1) @ values).transpose(1, 2)


@pytest.mark.parametrize("kind", ["bool", "added", "causal", "none"])
@pytest.mark.parametrize("bias", [0.0, 2.5])
def test_merged_is_one_softmax_over_all_keys(kind: str, bias: float) -> None:
    length = T if kind == "causal" else S
    queries, keys, values = numbers(B, H * G, T, K), numbers(B, H, length, K, seed=1), numbers(B, H, length, K, seed=2)
    more, theirs = numbers(B, H, M, K, seed=3), numbers(B, H, M, K, seed=4)
    seen = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
    own = torch.ones(B, 1, T, length, dtype=torch.bool)
    if kind == "causal":
        own = own.tril()
    elif kind != "none":
        own[:, :, :, 0] = False
        own[1, :, 2, 3:] = False
    mask = {"bool": own, "added": torch.zeros(own.shape, dtype=torch.float64).masked_fill(~own, -torch.inf)}.get(kind)
    output = softmax_over(queries, keys, values, own, torch.zeros(length))
    sums = log_sums(queries, keys, mask=mask, causal=kind == "causal", scale=SCALE)
    merged = join_attention(output, sums, queries, more, theirs, seen=seen, scale=SCALE, bias=bias)
    everything = softmax_over(
        queries,
        torch.cat([keys, more], dim=2),
        torch.cat([values, theirs], dim=2),
        torch.cat([own, seen[:, None, None].expand(-1, 1, T, -1)], dim=3),
        torch.cat([torch.zeros(length), torch.full((M,), bias)]),
    )
    assert torch.allclose(merged, everything, rtol=0, atol=64 * torch.finfo(torch.float64).eps)
    assert torch.equal(merged[2], output[2]), "a row that sees no further key is returned as it came"
    assert not torch.equal(merged[1], output[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_types_are_kept(dtype: torch.dtype) -> None:
    queries, keys = numbers(B, H * G, T, K, dtype=dtype), numbers(B, H, S, K, dtype=dtype)
    sums = log_sums(queries, keys, mask=None, causal=False, scale=SCALE)
    assert sums.dtype == torch.float32
    output = numbers(B, T, H * G, K, dtype=dtype)
    seen = torch.ones(B, S, dtype=torch.bool)
    assert join_attention(output, sums, queries, keys, keys, seen=seen, scale=SCALE, bias=0.0).dtype == dtype


def fused(hidden: Tensor, keys: Tensor, values: Tensor, **changes: object) -> Tensor:
    settings = {
        "seen": torch.ones(keys.shape[:2], dtype=torch.bool),
        "places": torch.ones(hidden.shape[:2], dtype=torch.bool),
        "strength": 0.2,
        "temperature": 0.1,
    }
    return fuse_states(hidden, keys, values, **{**settings, **changes})  # type: ignore[arg-type]


def test_a_change_of_states_stays_within_its_bound() -> None:
    hidden, keys, values = numbers(B, T, K), numbers(B, M, K, seed=1), 1000 * numbers(B, M, K, seed=2)
    for strength in (0.01, 0.2, 1.0):
        share = (fused(hidden, keys, values, strength=strength) - hidden).norm(dim=-1) / hidden.norm(dim=-1)
        assert float(share.min()) > 0
        assert float(share.max()) <= strength * (1 + 8 * torch.finfo(torch.float64).eps)


def test_a_state_goes_the_way_of_the_key_it_resembles() -> None:
    keys, values = numbers(1, M, K, seed=1), numbers(1, M, K, seed=2)
    for m in range(M):
        change = fused(keys[:, m : m + 1], keys, values, temperature=0.001) - keys[:, m : m + 1]
        assert torch.cosine_similarity(change[0, 0], values[0, m], dim=0) > 0.999


def test_other_places_and_rows_are_returned_as_they_came() -> None:
    hidden, keys, values = numbers(B, T, K), numbers(B, M, K, seed=1), numbers(B, M, K, seed=2)
    seen = torch.tensor([[True, True, True], [True, True, False], [False, False, False]])
    places = torch.zeros(B, T, dtype=torch.bool)
    places[:, 2:] = True
    changed = fused(hidden, keys, values, seen=seen, places=places)
    assert torch.equal(changed[:, :2], hidden[:, :2])
    assert torch.equal(changed[2], hidden[2])
    assert not torch.equal(changed[:2, 2:], hidden[:2, 2:])
    short = fused(hidden[1:2], keys[1:2, :2], values[1:2, :2], places=places[1:2])
    assert torch.allclose(changed[1:2], short, rtol=0, atol=64 * torch.finfo(torch.float64).eps), "padding changes nothing"
