"""A fixed text before every text that is read: run through the model once, then taken from its cache."""

import copy
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import DynamicCache, DynamicLayer

from ..errors import HostNotSupported, rule_got_do
from .calls import returned_cache

KEPT = 4
"""Prefixes whose caches are kept: a fact memory reads with two."""


class PrefixCaches:
    """Caches of the prefixes that were read last. They are made anew when a weight was replaced, moved or written in place.

    A write through `weight.data` leaves no trace that could be seen here, nor does a switched adapter: call `forget` then.
    """

    def __init__(self, model: nn.Module) -> None:
        """Keep caches for a model."""
        self._model = model
        self._weights = Weights(model)
        self._made: dict[tuple[int, ...], tuple[tuple[object, ...], Any]] = {}

    def rows(self, prefix: Sequence[int], count: int, forward: Callable[..., Any]) -> Any:
        """Return a cache of `count` rows that hold the prefix, to be continued once.

        Args:
            prefix: its tokens.
            count: rows.
            forward: the model's decoder; called with `input_ids`, `attention_mask`, `use_cache`.

        Raises:
            HostNotSupported: if the model returns no cache.
        """
        state = self._weights.state()
        key = tuple(prefix)
        known = self._made.get(key)
        if known is None or known[0] != state:
            tokens = torch.tensor([key], device=next(self._model.parameters()).device)
            made = returned_cache(forward(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=True))
            if made is None:
                raise HostNotSupported(
                    rule_got_do("Reading after a prefix needs a model with a cache.", "none returned", "Read without a prefix.")
                )
            self._made.pop(key, None)
            while len(self._made) >= KEPT:
                del self._made[next(iter(self._made))]
            known = self._made[key] = (state, made)
        return _rows(known[1], count)

    def forget(self) -> None:
        """Drop everything that is kept."""
        self._made.clear()


class Weights:
    """The weights of a model, seen fast: walking its modules takes longer than reading a short text needs."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._weights: list[nn.Parameter] = []
        self._counting: list[nn.Parameter] = []
        self._walk()

    def state(self) -> tuple[object, ...]:
        """Return what changes whenever a weight is replaced, moved, converted or written in place."""
        # modules compare by identity: a list of others means that one was put in or taken out since the walk
        if [child for children in self._children for child in children.values() if child is not None] != self._modules[1:]:
            self._walk()
        weights = [weight for table in self._tables for weight in table.values() if weight is not None]
        if len(weights) != len(self._weights) or not all(map(operator.is_, weights, self._weights)):
            self._weights = weights
            # tensors made in inference mode count no versions
            self._counting = [w for w in weights if not w.is_inference()]
        return tuple([w.data_ptr() for w in weights]), tuple([w._version for w in self._counting])

    def _walk(self) -> None:
        """List the modules breadth first, so that children stand in the order of their parents' tables."""
        self._modules: list[nn.Module] = [self._model]
        for module in self._modules:
            self._modules += [child for child in module._modules.values() if child is not None]
        self._children: list[dict[str, nn.Module | None]] = [module._modules for module in self._modules]
        self._tables: list[dict[str, nn.Parameter | None]] = [module._parameters for module in self._modules]


def _rows(made: Any, count: int) -> Any:
    """Return a cache of `count` rows like the single row of `made`, which stays as it is."""
    layers: list[Any] = made.layers
    if type(made) is DynamicCache and all(type(layer) is DynamicLayer for layer in layers):
        # such layers grow by concatenation and never write into what they hold: views will do
        cache: Any = DynamicCache()
        for layer in layers:
            keys, values = layer.keys, layer.values
            view: Any = DynamicLayer()  # type: ignore[no-untyped-call]
            view.lazy_initialization(keys, values)
            view.keys, view.values = keys.expand(count, -1, -1, -1), values.expand(count, -1, -1, -1)
            cache.layers.append(view)
        return cache
    cache = copy.deepcopy(made)
    if count > 1:
        cache.batch_repeat_interleave(count)
    return cache
