"""Which of a forward's tokens are real, and for which positions there are logits."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import HostNotSupported, rule_got_do


def real_tokens(attention_mask: object, rows: int, width: int, past: int, device: torch.device) -> Tensor:
    """Return `[rows, width]` bool, true for the real ones of the `width` tokens that follow `past` cached ones.

    Reads every form a decoder is given: None (all real), 2-D over past and present, 4-D (boolean or additive, as a compilable
    cache gets it before the forward) and a dict of 4-D masks by layer type.

    Raises:
        HostNotSupported: for another form.
    """
    if isinstance(attention_mask, Mapping):
        attention_mask = attention_mask.get("full_attention", next(iter(attention_mask.values()), None))
    if attention_mask is None:
        return torch.ones(rows, width, dtype=torch.bool, device=device)
    if isinstance(attention_mask, Tensor) and attention_mask.ndim == 2:
        keys = attention_mask != 0
    elif isinstance(attention_mask, Tensor) and attention_mask.ndim == 4:
        # every real key is seen by its own query at least, a padded one by none
        seen = attention_mask if attention_mask.dtype == torch.bool else attention_mask == 0
        keys = seen[:, 0].any(dim=1)
    else:
        shape = tuple(attention_mask.shape) if isinstance(attention_mask, Tensor) else type(attention_mask).__name__
        raise HostNotSupported(
            rule_got_do("A memory needs an attention mask it can read.", shape, "Pass a 2-D or a 4-D attention_mask, or none.")
        )
    keys = keys.expand(rows, -1)
    # a mask that covers a preallocated cache is longer than what has been seen; a sliding one is shorter
    keys = keys[:, past : past + width] if keys.shape[1] >= past + width else keys[:, -width:]
    return keys.to(device)


def kept_positions(logits_to_keep: int | Tensor, width: int, device: torch.device) -> Tensor:
    """Return the positions whose logits a head computes: `[T']`, or `[B, T']` / boolean `[B, T]` where rows differ.

    Args:
        logits_to_keep: as transformers takes it: the last n (0 for all), a 1-D tensor, or a 2-D integer or boolean tensor.
        width: tokens of this forward.
        device: of the result.
    """
    positions = torch.arange(width, device=device)
    if isinstance(logits_to_keep, int):
        return positions[slice(-logits_to_keep, None)]
    if logits_to_keep.ndim == 2:
        return logits_to_keep.to(device)
    return positions[logits_to_keep.to(device)]
