"""Tiny random models of every family, and where real ones are found."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from ..errors import ConfigError, rule_got_do
from ..hosts import FAMILIES, host_spec

VOCAB = 61
"""Odd, so that nothing fits by luck; the last two ids are the end token and the pad."""
END, PAD = VOCAB - 2, VOCAB - 1

_COMMON = {"vocab_size": VOCAB, "bos_token_id": None, "eos_token_id": END, "pad_token_id": PAD, "tie_word_embeddings": False}
_ROTARY: dict[str, object] = {
    "hidden_size": 20,
    "intermediate_size": 28,
    "num_hidden_layers": 3,
    "num_attention_heads": 5,
    "num_key_value_heads": 1,
    "max_position_embeddings": 128,
}
_SIZES: dict[str, dict[str, object]] = {
    "gpt2": {"n_embd": 20, "n_layer": 3, "n_head": 5, "n_positions": 128},
    "gpt_neo": {
        "hidden_size": 20,
        "num_layers": 3,
        "num_heads": 5,
        "attention_types": [[["global", "local", "global"], 1]],
        "window_size": 7,
        "max_position_embeddings": 128,
    },
    "gpt_neox": {**_ROTARY, "rotary_pct": 1.0},
    "opt": {
        "hidden_size": 20,
        "ffn_dim": 28,
        "num_hidden_layers": 3,
        "num_attention_heads": 5,
        "max_position_embeddings": 128,
        "word_embed_proj_dim": 12,
    },
    "llama": _ROTARY,
    "mistral": {**_ROTARY, "sliding_window": 7},
    "qwen2": _ROTARY,
    "qwen3": {**_ROTARY, "head_dim": 6},
    "gemma": {**_ROTARY, "head_dim": 6},
    "phi": {**_ROTARY, "num_key_value_heads": 5, "partial_rotary_factor": 0.5},
}


def tiny_model(family: str, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Return a random 3-block model of a family, with odd sizes, in evaluation mode.

    Weights are drawn wide, so that tokens matter to the logits about as much as in a trained model.

    Raises:
        ConfigError: for a family that isn't in the table.
    """
    if family not in _SIZES:
        raise ConfigError(rule_got_do(f"Families are {', '.join(FAMILIES)}.", family, "Choose one of them."))
    config = AutoConfig.for_model(family, **_COMMON, **_SIZES[family])
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, 0.3)
    torch.random.set_rng_state(state)
    model.generation_config.pad_token_id = PAD
    model.to(dtype)  # type: ignore[arg-type]
    model.train(False)
    return model


def probe(family: str = "llama") -> str:
    """Return in words what a memory finds on a tiny random model of a family: whether the installed transformers makes hosts.

    Raises:
        HostNotSupported: if its parts aren't found; the installed transformers has changed their names.
    """
    host = host_spec(tiny_model(family))
    return f"a tiny {host.family} is found: {host.num_layers} blocks of {host.hidden_size}"
