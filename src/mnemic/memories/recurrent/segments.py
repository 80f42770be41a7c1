"""Segments: real tokens taken together, however the sequence is cut into forwards and wherever its padding is."""

from typing import NamedTuple

import torch
from torch import Tensor


class Segments(NamedTuple):
    """What one forward adds to a row's segments.

    means: `[B, N, D]`. complete: `[B, N]` bool, true for segments that were filled. seen: `[B, T]` how many were complete at each
    token, itself included. total: `[B, D]` and tokens: `[B]` of the segment that is still open.
    """

    means: Tensor
    complete: Tensor
    seen: Tensor
    total: Tensor
    tokens: Tensor


def split(x: Tensor, mask: Tensor, total: Tensor, tokens: Tensor, size: int) -> Segments:
    """Cut real tokens into segments of `size`, beginning with the open one.

    Args:
        x: `[B, T, D]`.
        mask: `[B, T]` bool, true for real tokens.
        total: `[B, D]`, sum over the open segment.
        tokens: `[B]` int, how many that holds; less than `size`.
        size: tokens of a segment.
    """
    rows, length, width = x.shape
    so_far = mask.cumsum(1) + tokens[:, None]
    segments = (length + size - 1) // size + 1
    index = torch.where(mask, (so_far - 1).clamp(min=0) // size, 0)
    sums = torch.zeros(rows, segments, width, dtype=x.dtype, device=x.device)
    sums = sums.scatter_add(1, index[..., None].expand(-1, -1, width), torch.where(mask[..., None], x, 0.0))
    sums = torch.cat([sums[:, :1] + total[:, None], sums[:, 1:]], dim=1)
    end = so_far[:, -1] if length else tokens
    first = torch.arange(segments, device=x.device)
    complete = end[:, None] >= (first + 1) * size
    open_total = sums.gather(1, (end // size)[:, None, None].expand(-1, 1, width))[:, 0]
    return Segments(sums / size, complete, so_far // size, open_total, end % size)
