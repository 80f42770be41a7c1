"""Where the parts of a host are: one declarative row per family, and a duck-typed search for the rest."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from transformers.cache_utils import DynamicCache

from ..errors import HostNotSupported, rule_got_do
from .calls import CACHE_NAMES, cache_name


@dataclass(frozen=True, kw_only=True)
class HostParts:
    """Dotted module names inside a causal language model.

    To attach to a model that isn't recognised, name its parts by hand:
    `attach(model, memory, parts=HostParts(decoder="model", blocks="model.layers", norm="model.norm", head="lm_head"))`.
    """

    decoder: str
    """The module whose forward takes `input_ids`, `attention_mask` and a cache, and returns the last hidden states."""
    blocks: str
    """A `ModuleList` of blocks; each takes the hidden states as its first argument and returns them (alone or first)."""
    norm: str | None
    """The final norm; None for a host that has none ("top" is then the last block's output)."""
    head: str
    """The module that maps hidden states to logits."""
    entry: str | None = None
    """A module whose output is what the first block is given; None: the first block's own input is taken. Needed only where the
    decoder notes its `hidden_states` itself, before it calls a block."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One row of the host table. `name` is the config's `model_type`."""

    name: str
    parts: HostParts
    learned_positions: bool = False
    """Positions come from a table that ends; otherwise they are rotary."""
    notes: str = ""


_LLAMA_LIKE = HostParts(decoder="model", blocks="model.layers", norm="model.norm", head="lm_head")
_GPT_LIKE = HostParts(decoder="transformer", blocks="transformer.h", norm="transformer.ln_f", head="lm_head")
_GPT_NEO = replace(_GPT_LIKE, entry="transformer.drop")

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(name="gpt2", parts=_GPT_LIKE, learned_positions=True, notes="GPT-2, DistilGPT-2"),
        Family(name="gpt_neo", parts=_GPT_NEO, learned_positions=True, notes="GPT-Neo, TinyStories"),
        Family(
            name="gpt_neox",
            parts=HostParts(decoder="gpt_neox", blocks="gpt_neox.layers", norm="gpt_neox.final_layer_norm", head="lm_head"),
            notes="GPT-NeoX, Pythia",
        ),
        Family(
            name="opt",
            parts=HostParts(
                decoder="model.decoder",
                blocks="model.decoder.layers",
                norm="model.decoder.final_layer_norm",
                head="lm_head",
            ),
            learned_positions=True,
            notes="OPT; OPT-350m has no final norm, its top is the last block's output",
        ),
        Family(name="llama", parts=_LLAMA_LIKE, notes="LLaMA, SmolLM, TinyLlama"),
        Family(name="mistral", parts=_LLAMA_LIKE, notes="Mistral, sliding window"),
        Family(name="qwen2", parts=_LLAMA_LIKE, notes="Qwen2, Qwen2.5"),
        Family(name="qwen3", parts=_LLAMA_LIKE, notes="Qwen3"),
        Family(
            name="gemma",
            parts=_LLAMA_LIKE,
            notes="Gemma; Gemma 2 and 3 (text) are found by search, their soft cap comes after the logits site",
        ),
        Family(
            name="phi",
            parts=HostParts(decoder="model", blocks="model.layers", norm="model.final_layernorm", head="lm_head"),
            notes="Phi-1, Phi-1.5, Phi-2",
        ),
    )
}

_BLOCK_NAMES = ("layers", "h", "blocks")
_NORM_NAMES = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f")
_BY_HAND = (
    'Name the parts by hand: attach(model, memory, parts=HostParts(decoder="model", blocks="model.layers", '
    'norm="model.norm", head="lm_head")).'
)


@dataclass(frozen=True, kw_only=True)
class Located:
    """The modules of one host, found."""

    family: str
    decoder: nn.Module
    blocks: tuple[nn.Module, ...]
    norm: nn.Module | None
    head: nn.Module
    entry: nn.Module | None
    cache_name: str
    """The name under which the decoder's forward takes its cache."""
    model_cache_name: str
    """The name under which the model's own forward takes it."""
    attention: bool
    """Whether its attention functions are looked up by name, so that they can be sites."""
    rotary: bool
    """Whether positions are rotary: any whole number is one, also a negative one."""


def locate(model: nn.Module, parts: HostParts | None = None) -> Located:
    """Return the parts of `model`: those named by hand, else by its family's row, else by search.

    Raises:
        HostNotSupported: if the model isn't a decoder-only causal language model, or its parts can't be found.
    """
    config = getattr(model, "config", None)
    model_type = getattr(config, "model_type", None)
    if not isinstance(model, nn.Module) or not isinstance(model_type, str):
        raise HostNotSupported(
            rule_got_do(
                "A host is a transformers causal language model with a config.",
                type(model).__name__,
                "Load it with AutoModelForCausalLM.",
            )
        )
    if getattr(config, "is_encoder_decoder", False) or getattr(config, "add_cross_attention", False):
        raise HostNotSupported(
            rule_got_do("A host is decoder-only.", f"{type(model).__name__} with cross-attention", "Use a causal language model.")
        )
    if parts is None:
        row = FAMILIES.get(model_type)
        parts = row.parts if row is not None else _search(model, model_type)
    blocks = _module(model, parts.blocks, model_type)
    if not isinstance(blocks, nn.ModuleList) or len(blocks) == 0:
        raise _not_found(model, model_type, f"{parts.blocks} is a {type(blocks).__name__}, not a list of blocks")
    decoder = _module(model, parts.decoder, model_type)
    decoder_cache_name = _cache_name(model, decoder, parts.decoder, model_type)
    head = _module(model, parts.head, model_type)
    norm = _optional(model, parts.norm, model_type)
    entry = None if parts.entry is None else _module(model, parts.entry, model_type)
    return Located(
        family=model_type,
        decoder=decoder,
        blocks=tuple(blocks),
        norm=norm,
        head=head,
        entry=entry,
        cache_name=decoder_cache_name,
        # a wrapper's forward that names no cache hands it on
        model_cache_name=cache_name(model) or decoder_cache_name,
        attention=bool(getattr(decoder, "_supports_attention_backend", False)),
        rotary=any(name.rpartition(".")[2].startswith("rotary") for name, _ in decoder.named_modules()),
    )


def reference_weight(decoder: nn.Module) -> nn.Parameter:
    """Return the weight whose device and type are the host's: the first with a floating point (quantised ones have none)."""
    return next(weight for weight in decoder.parameters() if weight.is_floating_point())


def _search(model: nn.Module, model_type: str) -> HostParts:
    """Look for the usual names. The base is what `base_model_prefix` names, or its `decoder`."""
    prefix = getattr(model, "base_model_prefix", "")
    heads = [name for name, module in model.named_children() if module is _output_embeddings(model)]
    for base in (prefix, f"{prefix}.decoder", "model", "transformer"):
        module = _get(model, base)
        if module is None:
            continue
        blocks = next((name for name in _BLOCK_NAMES if isinstance(getattr(module, name, None), nn.ModuleList)), None)
        norm = next((name for name in _NORM_NAMES if isinstance(getattr(module, name, None), nn.Module)), None)
        if blocks and norm and heads:
            return HostParts(decoder=base, blocks=f"{base}.{blocks}", norm=f"{base}.{norm}", head=heads[0])
    raise _not_found(model, model_type, "no list of blocks with a final norm and a head under the usual names")


def _cache_name(model: nn.Module, decoder: nn.Module, name: str, model_type: str) -> str:
    """Return what the decoder calls its cache, which must be one of keys and values."""
    found = cache_name(decoder)
    missing = [] if "attention_mask" in inspect.signature(decoder.forward).parameters else ["attention_mask"]
    if found is None:
        missing.append(f"cache ({' or '.join(CACHE_NAMES)})")
    if found is None or missing:
        raise _not_found(model, model_type, f"{name} ({type(decoder).__name__}) takes no {' and no '.join(missing)}")
    # the argument's name doesn't tell: recurrent states come as `cache` too
    recurrent = _recurrent_layers(getattr(decoder, "config", model.config))
    if recurrent and all(recurrent):
        raise _not_found(model, model_type, f"{name} ({type(decoder).__name__}) keeps no keys and values in its cache")
    return found


def _recurrent_layers(config: Any) -> list[bool]:
    """Return, by layer, whether a decoder's cache holds recurrent states alone; nothing where transformers doesn't say."""
    return list(getattr(DynamicCache(config=config), "is_linear", ()))


def _output_embeddings(model: nn.Module) -> nn.Module | None:
    getter = getattr(model, "get_output_embeddings", None)
    found = getter() if callable(getter) else None
    return found if isinstance(found, nn.Module) else None


def _get(model: nn.Module, name: str) -> nn.Module | None:
    module: object = model
    for piece in name.split("."):
        module = getattr(module, piece, None)
    return module if isinstance(module, nn.Module) and module is not model else None


def _module(model: nn.Module, name: str, model_type: str) -> nn.Module:
    module = _get(model, name)
    if module is None:
        raise _not_found(model, model_type, f"no module named {name}")
    return module


def _optional(model: nn.Module, name: str | None, model_type: str) -> nn.Module | None:
    """Return the final norm; an attribute that is there and None (OPT-350m) means that the host has none."""
    if name is None:
        return None
    owner, _, leaf = name.rpartition(".")
    holder = _get(model, owner) if owner else model
    if holder is not None and hasattr(holder, leaf) and getattr(holder, leaf) is None:
        return None
    return _module(model, name, model_type)


def _not_found(model: nn.Module, model_type: str, why: str) -> HostNotSupported:
    return HostNotSupported(
        rule_got_do(
            f"The parts of a host must be known; families in the table: {', '.join(FAMILIES)}.",
            f"{type(model).__name__} (model_type {model_type!r}): {why}",
            _BY_HAND,
        )
    )
