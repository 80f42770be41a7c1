"""Tokens per second with the recurrent memory and adaptive resonance attached and speaking, against the plain model, in turn."""

import time
from collections.abc import Callable
from typing import Any

import torch

from ... import hosts
from ...memories.recurrent import RecurrentMemory
from ...memories.resonance import ResonanceMemory
from .. import scoring
from ..scoring import Interval

_PROMPT = "The old lighthouse keeper had kept a diary for forty years, and on its first page he had written"


def measure(
    loads: Callable[[], tuple[Any, Any]],
    *,
    pairs: int,
    tokens: int,
    cell: str,
    size: int,
    prototypes: int,
    seed: int,
    tell: Callable[[], None],
) -> Interval:
    """Return plain seconds over seconds with both memories, greedy generation at batch 1; `loads` is called twice."""
    plain, tokenizer = loads()
    model, _ = loads()
    recurrent = RecurrentMemory(("middle",), size, cell=cell)  # type: ignore[arg-type]  # a Literal
    resonance = ResonanceMemory(("top",), capacity=prototypes, vigilance=1.0)
    handle = hosts.attach(model, [recurrent, resonance])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in recurrent.named_parameters():
            if name.endswith("weight_out"):
                torch.nn.init.normal_(weight, 0, 1e-3, generator=generator)
        resonance.observe(torch.randn(prototypes, handle.host.hidden_size, generator=generator))
        resonance.place("top").strength.fill_(1e-3)
    ids = tokenizer([_PROMPT], return_tensors="pt")
    options = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False}

    def seconds(which: Any) -> float:
        begun = time.perf_counter()
        which.generate(**ids, **options)
        return time.perf_counter() - begun

    ratios = []
    for number in range(pairs + 1):
        order = (plain, model) if number % 2 else (model, plain)
        took = {id(which): seconds(which) for which in order}
        if number:
            ratios.append(took[id(plain)] / took[id(model)])
        tell()
    handle.detach()
    return scoring.bootstrap_mean(ratios, seed=seed)
