"""Attention over further keys, merged into an attention that was computed already.

With `o` the output of softmax attention, `z` its log-sum-exp, and `o_m`, `z_m` those over further keys,

    o' = o + sigmoid(z_m - z) (o_m - o)

is the output over all keys together: both are weighted by their share of the sum of exponentials (the merge of blocks in
FlashAttention, arXiv 2205.14135 sec. 3.1).
"""

import torch
from torch import Tensor


def log_sums(queries: Tensor, keys: Tensor, *, mask: Tensor | None, causal: bool, scale: float) -> Tensor:
    """Return `[B, H, T]`: the log-sum-exp of each query's scores, in fp32 (fp64 stays fp64).

    Args:
        queries: `[B, H, T, K]`.
        keys: `[B, H', S, K]`, H a multiple of H'.
        mask: broadcastable to `[B, H, T, S]`: bool, true where a query sees a key, or added to the scores. None: all keys.
        causal: with no mask, query t sees keys 0..t.
        scale: factor of the scores.
    """
    scores = _scores(queries, keys, scale)
    if mask is not None:
        mask = mask[..., : scores.shape[-1]]
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask.to(scores.dtype)
    elif causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -torch.inf)
    return scores.logsumexp(dim=-1)


def join_attention(
    output: Tensor, sums: Tensor, queries: Tensor, keys: Tensor, values: Tensor, *, seen: Tensor, scale: float, bias: float
) -> Tensor:
    """Return attention over further keys merged into `output`; rows that see none are returned bit for bit.

    Args:
        output: `[B, T, H, K]` over the sequence's own keys.
        sums: `[B, H, T]` its log-sum-exp, see `log_sums`.
        queries: `[B, H, T, K]`.
        keys: `[B, H', M, K]` further keys.
        values: `[B, H', M, K]` their values.
        seen: `[B, M]` bool, which of them a row has.
        scale: factor of the scores.
        bias: added to the scores of further keys.
    """
    scores = _scores(queries, keys, scale) + bias
    # the lowest number instead of -inf: a row without keys has a softmax too, which is not used
    scores = scores.masked_fill(~seen[:, None, None, :], torch.finfo(scores.dtype).min)
    batch, heads, tokens, _ = scores.shape
    shares = scores.softmax(dim=-1).view(batch, keys.shape[1], -1, tokens, keys.shape[2])
    further = (shares @ values[:, :, None].to(shares.dtype)).reshape(batch, heads, tokens, -1).transpose(1, 2)
    weight = torch.sigmoid(scores.logsumexp(dim=-1) - sums).transpose(1, 2)[..., None]
    own = output.to(scores.dtype)
    joined = (own + weight * (further - own)).to(output.dtype)
    return torch.where(seen.any(dim=1)[:, None, None, None], joined, output)


def _scores(queries: Tensor, keys: Tensor, scale: float) -> Tensor:
    """Return `[B, H, T, S]`; key heads are shared by groups of query heads that follow each other."""
    compute = torch.promote_types(queries.dtype, torch.float32)
    batch, heads, tokens, size = queries.shape
    grouped = queries.to(compute).reshape(batch, keys.shape[1], -1, tokens, size)
    return (grouped @ keys.to(compute)[:, :, None].transpose(-1, -2)).reshape(batch, heads, tokens, -1) * scale
