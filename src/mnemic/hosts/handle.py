"""`attach()` and what it returns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn
from transformers.cache_utils import Cache

from ..arguments import check_count, check_path, check_several
from ..errors import ConfigError, HostNotSupported, rule_got_do
from ..memories.base import HostSpec, Memory, State
from .attention import heads_of
from .engine import Engine
from .families import HostParts, Located, locate, reference_weight
from .fingerprint import fingerprint
from .saving import save_memories
from .track import copied, track_of


class Handle:
    """Memories attached to a model. The model's own `forward` and `generate` are used as ever."""

    def __init__(self, engine: Engine, host: HostSpec) -> None:
        self._engine: Engine | None = engine
        self._host = host
        self._memories = engine.memories

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The attached memories, in the order they are called at a shared site."""
        return self._memories

    @property
    def host(self) -> HostSpec:
        """What the memories know of their host; device and dtype as they are now."""
        if self._engine is None:
            return self._host
        return replace(self._host, device=self._engine.device, dtype=self._engine.dtype)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Run the base model alone inside the block, for this thread or asynchronous task.

        Re-entrant, and safe under exceptions. A cache that is continued inside can't be continued with memory afterwards.
        """
        if self._engine is None:
            yield
            return
        with self._engine.disabled():
            yield

    def reset(self, batch_size: int | None = None) -> None:
        """Let every memory forget what it keeps between sequences. Conversations ride on their caches: drop those.

        Raises:
            ConfigError: if `batch_size` isn't positive.
        """
        if batch_size is not None:
            check_count("batch_size", batch_size, 1)
        for memory in self._memories:
            memory.reset(batch_size)

    def states(self, cache: Cache, *, gradients: bool = False) -> tuple[State | None, ...]:
        """Return copies of the states that ride on `cache`, one per memory; None for a memory that takes no part.

        Args:
            cache: as the model returned it.
            gradients: keep the way back to what the states were made of, for training across conversations.
        """
        track = track_of(cache)
        states: Mapping[int, State] = {} if track is None else copied(track.states, gradients=gradients)
        return tuple(states.get(index) for index in range(len(self._memories)))

    def detach(self) -> None:
        """Take the memories off: the model is as before `attach`. A second call does nothing."""
        if self._engine is not None:
            self._host = self.host
            self._engine.remove()
            self._engine = None

    def save_pretrained(self, path: str | Path) -> None:
        """Write the memories to the folder `path`: safetensors and JSON, all or nothing.

        Raises:
            ConfigError: if `path` is something else than a checkpoint of Mnemic.
        """
        save_memories(Path(check_path("path", path)), self.host, self._memories)


def attach(model: nn.Module, memories: Memory | Sequence[Memory], *, parts: HostParts | None = None) -> Handle:
    """Attach memories to a transformers causal language model.

    Nothing of the model is replaced: native hooks call the memories at their sites, and their state rides on
    the cache. Attach all memories of a model in one call; they are called in that order at a shared site.

    Args:
        model: any decoder-only causal language model; ten families are in the table, others are searched for the usual names.
        memories: one or several. They move to the model's device, and follow it.
        parts: where the model's parts are, for one that isn't recognised.

    Raises:
        HostNotSupported: if the model is compiled, spread over devices, has memories already, isn't decoder-only, or its parts
            can't be found.
        ConfigError: if `memories` is empty, holds something else, or a memory that belongs to another host.
    """
    chosen = _checked_memories(memories)
    _check_model(model)
    located = locate(model, parts)
    host = _describe(model, located)
    for memory in chosen:
        _bind(memory, host)
    engine = Engine(model, located, chosen)
    engine.install()
    return Handle(engine, host)


def host_spec(model: nn.Module, *, parts: HostParts | None = None) -> HostSpec:
    """Return what a memory may know of `model`, without attaching anything.

    Raises:
        HostNotSupported: as `attach`.
    """
    return _describe(model, locate(model, parts))


def _describe(model: nn.Module, located: Located) -> HostSpec:
    config: Any = model.config
    weight = reference_weight(located.decoder)
    return HostSpec(
        family=located.family,
        hidden_size=config.hidden_size,
        num_layers=len(located.blocks),
        vocab_size=config.vocab_size,
        device=weight.device,
        dtype=weight.dtype,
        fingerprint=fingerprint(model),
        heads=heads_of(located.decoder.config, located),
    )


def engine_of(model: nn.Module) -> Engine | None:
    """Return the engine attached to `model`, found by its hooks, so that it is right for a copied model too."""
    for hook in model._forward_pre_hooks.values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, Engine):
            return owner
    return None


def _checked_memories(memories: Memory | Sequence[Memory]) -> tuple[Memory, ...]:
    chosen = check_several("memories", memories, Memory)
    if not chosen:
        raise ConfigError(rule_got_do("attach takes one or more memories.", "none", "Pass instances of mnemic memories."))
    if len({id(memory) for memory in chosen}) < len(chosen):
        raise ConfigError(rule_got_do("A memory is attached once.", "the same memory twice", "Make two of them."))
    return chosen


def _check_model(model: nn.Module) -> None:
    if hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None:
        raise HostNotSupported(
            rule_got_do(
                "A host is attached to uncompiled: torch.compile ignores hooks that come later.",
                f"a compiled {type(model).__name__}",
                "Attach to the original model.",
            )
        )
    if isinstance(model, nn.Module) and engine_of(model) is not None:
        raise HostNotSupported(
            rule_got_do(
                "A model has one attach at a time.",
                f"a {type(model).__name__} that has memories",
                "Pass all memories to one attach call, or detach() the others first.",
            )
        )
    devices = set(getattr(model, "hf_device_map", {}).values())
    if len(devices) > 1:
        raise HostNotSupported(
            rule_got_do("A host is on one device.", f"a device map over {len(devices)} devices", "Load it on one device.")
        )


def _bind(memory: Memory, host: HostSpec) -> None:
    """Bind once: attached again to the same host, a memory keeps what it has learned."""
    known = memory.bound_to
    if known is None:
        memory.bind(host)
        memory.bound_to = host.fingerprint
    elif known != host.fingerprint:
        raise ConfigError(
            rule_got_do(
                "A memory belongs to the host it was first attached to.",
                f"a {memory.name!r} memory of host {known}, attached to {host.fingerprint}",
                "Make a new memory for this model.",
            )
        )
