"""The pointer over answer spans.

Each row has up to M alternative token sequences with weights. A *walk* is where a row is in them: which alternatives still agree
with what was emitted, and how many tokens were emitted since the anchor (the end of the prompt). At each position

    p = (1 - s) p_LM + s * sum_m w_m onehot(x_m[j]) / sum_m w_m          over the alternatives alive at step j

(the kNN-LM interpolation, arXiv 1911.00172 eq. 2, with the softmax over neighbours replaced by the weights of the spans that are
still alive). A span that has just ended points at p_LM restricted to tokens that begin a word, where those are known: its last
word then ends there. A row whose alternatives have all ended or been left keeps its logits bit for bit.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Alternatives(NamedTuple):
    """What a row may say.

    tokens: `[B, M, L]` token ids, padded with -1. weights: `[B, M]` >= 0, zero for unused alternatives.
    strength: `[B]` in [0, 1), the share s of the pointer. anchor: `[B]` number of the row's prompt tokens.
    """

    tokens: Tensor
    weights: Tensor
    strength: Tensor
    anchor: Tensor


class Walk(NamedTuple):
    """Where each row is. seen: `[B]` real tokens so far; alive: `[B, M]` alternatives that agree with what was emitted."""

    seen: Tensor
    alive: Tensor


def start_walk(alternatives: Alternatives) -> Walk:
    """Return the walk before the first token."""
    return Walk(torch.zeros_like(alternatives.anchor), alternatives.weights > 0)


def _token_at(alternatives: Alternatives, step: Tensor) -> Tensor:
    """Return the token `[B, M]` of each alternative at `step` `[B]`; -1 before its start and after its end."""
    length = alternatives.tokens.shape[2]
    inside = (step >= 0) & (step < length)
    index = step.clamp(0, length - 1)[:, None, None].expand(-1, alternatives.tokens.shape[1], 1)
    token = alternatives.tokens.gather(2, index)[:, :, 0]
    return torch.where(inside[:, None], token, -1)


def advance(alternatives: Alternatives, walk: Walk, token_ids: Tensor, mask: Tensor) -> Walk:
    """Return the walk after one more token `[B]`; rows where `mask` `[B]` is false stay where they are."""
    step = walk.seen - alternatives.anchor
    agrees = (step < 0)[:, None] | (_token_at(alternatives, step) == token_ids[:, None])
    return Walk(
        torch.where(mask, walk.seen + 1, walk.seen),
        torch.where(mask[:, None], walk.alive & agrees, walk.alive),
    )


def mix_logits(alternatives: Alternatives, walk: Walk, logits: Tensor, word_starts: Tensor | None = None) -> Tensor:
    """Return next-token logits `[B, V]` with the pointer mixed in where it has something to say.

    Computed in fp32 (fp64 stays fp64) and returned in the dtype of `logits`; rows without a live alternative are returned as they
    came, bit for bit. `word_starts`: `[V]` bool, tokens that may follow a span's last word; None if any may.
    """
    step = walk.seen - alternatives.anchor
    token = _token_at(alternatives, step)
    weight = torch.where(walk.alive & (token >= 0), alternatives.weights, 0.0)
    ended = walk.alive & (step[:, None] == (alternatives.tokens >= 0).sum(dim=2))
    ending = torch.where(ended, alternatives.weights, 0.0).sum(dim=1) * (0.0 if word_starts is None else 1.0)
    total = weight.sum(dim=1) + ending
    speaks = total > 0
    compute = torch.promote_types(logits.dtype, torch.float32)
    share = (alternatives.strength / torch.where(speaks, total, 1.0)).to(compute)[:, None]
    plain = torch.log_softmax(logits.to(compute), dim=-1)
    pointer = torch.zeros_like(plain).scatter_add_(1, token.clamp(min=0), weight.to(compute) * share)
    if word_starts is not None:
        allowed = plain.masked_fill(~word_starts, -torch.inf).softmax(dim=-1)
        pointer = pointer + allowed * (ending.to(compute)[:, None] * share)
    mixed = torch.logaddexp(plain + torch.log1p(-alternatives.strength.to(compute))[:, None], pointer.log())
    return torch.where(speaks[:, None], mixed.to(logits.dtype), logits)
