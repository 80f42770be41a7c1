"""A stable digest of a host: saved state is refused on another one."""

import hashlib
import json
from typing import Any

import torch
from torch import nn

_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "intermediate_size")
_SAMPLES = 32


def fingerprint(model: nn.Module) -> str:
    """Return a hex digest of architecture, sizes and a sample of every weight.

    Weights are sampled in bfloat16, so that the same checkpoint loaded in float32, bfloat16 or (outside its subnormal range)
    float16 has the same digest; the device doesn't matter either.
    """
    config: Any = model.config
    sizes = {name: getattr(config, name, None) for name in _SIZES}
    digest = hashlib.sha256(json.dumps([config.model_type, sizes], sort_keys=True).encode())
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            flat = weight.detach().reshape(-1)
            sample = flat[:: max(1, flat.numel() // _SAMPLES)][:_SAMPLES]
            digest.update(f"{name}{tuple(weight.shape)}".encode())
            digest.update(sample.to(device="cpu", dtype=torch.bfloat16).view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:32]
