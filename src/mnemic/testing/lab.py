"""One memory on one host, with a reference to compare it to."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import Cache, DynamicCache, PreTrainedModel

from ..hosts import Handle, attach
from ..hosts.families import locate
from ..memories.base import Memory
from .cases import ContractCase, Tokens
from .models import tiny_model

ROUNDING = 8.0
"""How much further than one pass another order of the same sums may be from the exact result. One pass's own distance, measured
in float64 for the very computation at hand, is the unit: right state was seen to be off by 5 of them at most, wrong state by
thousands."""


@dataclass(frozen=True, kw_only=True)
class ContractHost:
    """A model the suite runs on. `load` returns one that the suite may attach to; it gives it back as it was."""

    name: str
    load: Callable[[torch.dtype], PreTrainedModel]

    def tokens(self, lengths: Sequence[int], seed: int) -> list[list[int]]:
        """Return random sequences of ordinary tokens (no end token, no pad)."""
        model = self.load(torch.float32)
        config: Any = model.generation_config
        special = {config.pad_token_id, *_listed(config.eos_token_id)}
        ordinary = [token for token in range(model.config.vocab_size) if token not in special]
        generator = torch.Generator().manual_seed(seed)
        return [[ordinary[i] for i in torch.randint(len(ordinary), (n,), generator=generator)] for n in lengths]


def tiny_host(family: str) -> ContractHost:
    """Return the tiny random model of a family, a new one for each use."""
    return ContractHost(name=family, load=lambda dtype: tiny_model(family, dtype=dtype))


def shared_host(name: str, model: PreTrainedModel) -> ContractHost:
    """Return a host on a loaded model that all uses share; in another floating point type they are given a copy."""

    def load(dtype: torch.dtype) -> PreTrainedModel:
        if model.dtype == dtype:
            return model
        changed = copy.deepcopy(model)
        changed.to(dtype)  # type: ignore[arg-type]
        return changed

    return ContractHost(name=name, load=load)


class Reference(NamedTuple):
    """Logits of sequences, each alone in one pass, in float64, and how far another path may be from them."""

    logits: list[Tensor]
    tolerance: float

    def compare(self, row: int, logits: Tensor, what: str, *, start: int = 0) -> None:
        """Raise unless `logits` `[T, V]` are those of sequence `row` from position `start` on.

        Raises:
            AssertionError: with the distance and what was compared.
        """
        expected = self.logits[row][start : start + len(logits)]
        distance = (logits.double() - expected).abs().max().item()
        if not distance <= self.tolerance:
            raise AssertionError(f"{what}: row {row} is off by {distance:.3g}, allowed {self.tolerance:.3g}")


class Lab:
    """A memory attached to a host, armed before each use."""

    def __init__(self, case: ContractCase, model: PreTrainedModel, handle: Handle, memory: Memory) -> None:
        self.case = case
        self.model: Any = model
        self.handle = handle
        self.memory = memory
        self._cache_name = locate(model).model_cache_name

    def arm(self, prompts: Sequence[Tokens]) -> None:
        """Make the memory active for these rows."""
        self.case.arm(self.memory, prompts)

    def cache(self) -> Any:
        """Return an empty cache."""
        return DynamicCache(config=self.model.config)

    @torch.no_grad()
    def forward(self, rows: Sequence[Tokens] | Tensor, cache: DynamicCache | None = None, **options: Any) -> Tensor:
        """Return the logits `[B, T, V]` of one forward; without a cache, of sequences from their start."""
        tokens = torch.as_tensor(rows)
        options[self._cache_name] = cache
        logits: Tensor = self.model(input_ids=tokens, use_cache=cache is not None, **options).logits
        return logits

    def alone(self, sequence: Tokens, prompt: Tokens) -> Tensor:
        """Return the logits `[T, V]` of one sequence by itself, in one pass."""
        self.arm([prompt])
        return self.forward([sequence])[0]

    def reference(self, sequences: Sequence[Tokens], prompts: Sequence[Tokens]) -> Reference:
        """Return the reference for sequences, each beginning with its prompt."""
        dtype = self.model.dtype
        pairs = list(zip(sequences, prompts, strict=True))
        rounded = [self.alone(*pair) for pair in pairs]
        self.model.double()
        exact = [self.alone(*pair) for pair in pairs]
        self.model.to(dtype)
        unit = max((a.double() - b).abs().max().item() for a, b in zip(rounded, exact, strict=True))
        largest = max(b.abs().max().item() for b in exact)
        return Reference(exact, ROUNDING * max(unit, torch.finfo(dtype).eps * largest))

    def compare_states(self, row: int, cache: Cache, sequence: Tokens, prompt: Tokens, what: str) -> None:
        """Raise unless the memory's state of one row in `cache` is that of `sequence` fed alone.

        Raises:
            AssertionError: with the tensor and its distance.
        """
        dtype = self.model.dtype
        rounded = self._state_alone(sequence, prompt)
        self.model.double()
        exact = self._state_alone(sequence, prompt)
        self.model.to(dtype)
        (found,) = self.handle.states(cache)
        for name, tensor in (found or {}).items():
            here, unit = tensor[row].double() - exact[name], rounded[name].double() - exact[name]
            largest = exact[name].abs().max().item() if exact[name].numel() else 0.0
            allowed = ROUNDING * max(unit.abs().max().item(), torch.finfo(dtype).eps * largest) if here.numel() else 0.0
            if here.numel() and not here.abs().max().item() <= allowed:
                raise AssertionError(f"{what}: state {name!r} is off by {here.abs().max().item():.3g}, allowed {allowed:.3g}")

    def _state_alone(self, sequence: Tokens, prompt: Tokens) -> dict[str, Tensor]:
        self.arm([prompt])
        cache = self.cache()
        self.forward([sequence], cache)
        (state,) = self.handle.states(cache)
        return {name: tensor[0].double() for name, tensor in (state or {}).items()}

    @torch.no_grad()
    def generate(self, prompts: Sequence[Tokens], **options: Any) -> Tensor:
        """Return what the host's own `generate` returns for prompts, padded on the left."""
        self.arm(prompts)
        tokens, mask = pad(prompts, side="left", token=filler_of(self.model))
        generated: Tensor = self.model.generate(tokens, attention_mask=mask, **options)
        return generated


@contextmanager
def lab(case: ContractCase, host: ContractHost, dtype: torch.dtype = torch.float32) -> Iterator[Lab]:
    """Attach a new memory to a host for the length of the block."""
    model = host.load(dtype)
    memory = case.build()
    handle = attach(model, memory)
    settings = copy.deepcopy(model.generation_config)
    here = Lab(case, model, handle, memory)
    try:
        yield here
    finally:
        here.handle.detach()
        model.generation_config = settings


def pad(rows: Sequence[Tokens], *, side: str, token: int) -> tuple[Tensor, Tensor]:
    """Return tokens and mask `[B, T]` of rows padded on one side."""
    width = max(len(row) for row in rows)
    tokens = torch.full((len(rows), width), token)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        span = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        tokens[index, span] = torch.as_tensor(row)
        mask[index, span] = 1
    return tokens, mask


def positions(mask: Tensor) -> Tensor:
    """Return position ids for a padded batch, as `generate` makes them."""
    return (mask.cumsum(1) - 1).clamp(min=0)


def filler_of(model: PreTrainedModel) -> int:
    """Return a token to pad with."""
    config: Any = model.generation_config
    pad_token: int | None = config.pad_token_id
    return pad_token if pad_token is not None else [*_listed(config.eos_token_id), 0][0]


class OperationLog(TorchDispatchMode):
    """Records the name of every tensor operation inside the block, in order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Note the operation and do it."""
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def _listed(value: int | list[int] | None) -> list[int]:
    return [] if value is None else [value] if isinstance(value, int) else list(value)
