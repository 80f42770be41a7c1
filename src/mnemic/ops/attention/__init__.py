"""Attention over two sets of keys whose softmaxes are merged."""

from .api import join_attention, log_sums

__all__ = ["join_attention", "log_sums"]
