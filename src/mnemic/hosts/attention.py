"""Attention as a site: a host's own attention function, with a listener behind it.

While somebody listens, the host's config names a function of ours, which calls the original one first. It is registered among the
mask functions too: an unknown name there would drop the padding.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, AttentionInterface

from ..errors import HostNotSupported, rule_got_do
from ..memories.base import Attention, Heads
from .families import Located

Listener = Callable[[nn.Module, Tensor, Tensor, Attention], Tensor]
"""Given an attention, its values `[B, H', S, K]`, its output `[B, T, H, K]` and what that came from: the output to be used."""

_ORIGINALS = ("sdpa", "eager")
_UNKNOWN = ("softcap", "s_aux", "position_bias")
"""Arguments that change scores in a way that a merged softmax would have to know of."""

_listener: ContextVar[Listener | None] = ContextVar("mnemic_attention", default=None)
_lock = threading.Lock()
_listening: dict[int, tuple[Any, str, int]] = {}
"""By the identity of a config: the config, the name that it had, and how many listen."""


def heads_of(config: Any, parts: Located) -> Heads | None:
    """Return the shape of keys and values, or None where attention can't be a site."""
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    upcast = bool(getattr(config, "reorder_and_upcast_attn", False))
    heads = getattr(config, "num_attention_heads", None)
    if not parts.attention or heads is None or capped or upcast or _plain(config._attn_implementation) is None:
        return None
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    # the module says it, as attention functions read it: a config may name a number that its family doesn't use
    modules: list[Any] = list(parts.blocks[0].modules())
    groups = [int(module.num_key_value_groups) for module in modules if hasattr(module, "num_key_value_groups")]
    return Heads(heads // (groups[0] if groups else 1), size)


@contextmanager
def listening(config: Any, listener: Listener) -> Iterator[None]:
    """Let a listener of this thread see every attention of the host with this config.

    Raises:
        HostNotSupported: as `listen`.
    """
    stop = listen(config, listener)
    try:
        yield
    finally:
        stop()


def listen(config: Any, listener: Listener) -> Callable[[], None]:
    """Begin to listen, and return what ends it. In the same thread or task, ends come in the reverse order of beginnings.

    Raises:
        HostNotSupported: for another implementation than "sdpa" and "eager".
    """
    original = _plain(config._attn_implementation)
    if original is None:
        raise HostNotSupported(
            rule_got_do(
                f"Attention is a site where it is computed by {' or '.join(_ORIGINALS)}.",
                config._attn_implementation,
                'Call model.set_attn_implementation("sdpa").',
            )
        )
    _register(original)
    with _lock:
        _, name, count = _listening.get(id(config), (config, config._attn_implementation, 0))
        _listening[id(config)] = (config, name, count + 1)
        config._attn_implementation = _ours(original)
    before = _listener.get()
    _listener.set(listener)

    def stop() -> None:
        _listener.set(before)
        with _lock:
            _, name, count = _listening.pop(id(config))
            if count > 1:
                _listening[id(config)] = (config, name, count - 1)
            else:
                config._attn_implementation = name

    return stop


def _ours(original: str) -> str:
    return f"mnemic-{original}"


def _plain(name: str | None) -> str | None:
    """Return the original implementation behind a name, None for one that can't be listened to."""
    plain = (name or "").removeprefix("mnemic-")
    return plain if plain in _ORIGINALS else None


def _register(original: str) -> None:
    if _ours(original) in ALL_ATTENTION_FUNCTIONS:
        return

    def attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **kwargs: Any) -> Any:
        # looked up at each call, as the host does: somebody may have put another function under the name
        output, weights = _function(original, module)(module, query, key, value, attention_mask, **kwargs)
        listener = _listener.get()
        if listener is None:
            return output, weights
        return listener(module, value, output, _described(module, query, key, attention_mask, kwargs)), weights

    AttentionInterface.register(_ours(original), attention)
    AttentionMaskInterface.register(_ours(original), ALL_MASK_ATTENTION_FUNCTIONS[original])


def _function(original: str, module: nn.Module) -> Callable[..., Any]:
    """Return the host's own function; "eager" is one of its own file."""
    own: Any = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    found: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get_interface(original, own)
    return found


def _described(module: nn.Module, query: Tensor, key: Tensor, mask: Any, kwargs: dict[str, Any]) -> Attention:
    unknown = [name for name in _UNKNOWN if kwargs.get(name) is not None]
    if unknown or not (mask is None or isinstance(mask, Tensor)):
        raise HostNotSupported(
            rule_got_do(
                "Attention is a site where scores are scaled products behind a mask.",
                f"{type(module).__name__} with {', '.join(unknown) or type(mask).__name__}",
                "Leave out the memory that reads attention.",
            )
        )
    scale = kwargs.get("scaling")
    causal = kwargs.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    return Attention(
        queries=query,
        keys=key,
        mask=mask,
        causal=bool(causal) and query.shape[2] > 1,
        scale=query.shape[-1] ** -0.5 if scale is None else float(scale),
    )
