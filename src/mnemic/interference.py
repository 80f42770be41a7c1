"""Who moved the output: each reader left out in turn, and what that changes at every token of a reply."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .generation import forced_outputs


@dataclass(frozen=True, kw_only=True)
class Influence:
    """What one reader changed at each token of a reply, all others being as they were.

    kl: nats, of the distribution with it from the one without it. logprob: nats that the token said gained by it. norm: of the
    change of the state before the head, as a share of that state's own; 0 for a reader that acts on the logits alone.
    """

    reader: str
    kl: tuple[float, ...]
    logprob: tuple[float, ...]
    norm: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Interference:
    """The readers of one reply. together: nats, from the base model's distribution to that with all of them, at each token."""

    query: str
    tokens: tuple[str, ...]
    influences: tuple[Influence, ...]
    together: tuple[float, ...]
    budget: float | None = None
    """Nats that one reader may move one token's distribution by; None for no bound."""

    @property
    def over(self) -> tuple[str, ...]:
        """Readers that move some token's distribution by more than the budget."""
        if self.budget is None:
            return ()
        return tuple(one.reader for one in self.influences if max(one.kl, default=0.0) > self.budget)

    def rows(self) -> list[tuple[str, ...]]:
        """Return a line per token and reader: token, reader, KL, gain of the token, share of the norm."""
        found: list[tuple[str, ...]] = []
        for place, token in enumerate(self.tokens):
            found += [
                (token, one.reader, f"{one.kl[place]:.3f}", f"{one.logprob[place]:+.3f}", f"{one.norm[place]:.3f}")
                for one in self.influences
            ]
            found.append((token, "together", f"{self.together[place]:.3f}", "", ""))
        return found


def measure(
    model: Any,
    tokenizer: Any,
    query: str,
    prompt: Sequence[int],
    reply: Sequence[int],
    readers: Sequence[str],
    speaking: Callable[[str | None], AbstractContextManager[None]],
    alone: Callable[[], AbstractContextManager[None]],
    budget: float | None,
) -> Interference:
    """Force a reply once with all readers, once without each, and once by the base model.

    Args:
        model: the host.
        tokenizer: its tokenizer.
        query: what was asked.
        prompt: token ids.
        reply: token ids of what was said.
        readers: who spoke; none where no item was accepted.
        speaking: the context in which all of them speak but the one named.
        alone: the context in which the base model is used.
        budget: see `Interference`.
    """

    def outputs(context: AbstractContextManager[None]) -> tuple[Tensor, Tensor]:
        with context:
            logits, states = forced_outputs(model, prompt, reply)
        return torch.log_softmax(logits.double(), dim=-1), states.double()

    said = torch.tensor(reply, device=model.device)[:, None]
    whole, whole_states = outputs(speaking(None)) if reply else (torch.zeros(0, 1), torch.zeros(0, 1))
    influences = []
    for reader in readers if reply else ():
        without, states = outputs(speaking(reader))
        change = (whole_states - states).norm(dim=-1) / states.norm(dim=-1)
        gain = (whole - without).gather(1, said)[:, 0]
        influences.append(Influence(reader=reader, kl=_listed(_kl(whole, without)), logprob=_listed(gain), norm=_listed(change)))
    together = _kl(whole, outputs(alone())[0]) if reply else whole[:, 0]
    return Interference(
        query=query,
        tokens=tuple(tokenizer.decode([token]) for token in reply),
        influences=tuple(influences),
        together=_listed(together),
        budget=budget,
    )


def _kl(one: Tensor, other: Tensor) -> Tensor:
    """Return `[T]` KL(one || other) of log-probabilities `[T, V]`; never below 0, where rounding would put it."""
    return (one.exp() * (one - other)).sum(dim=-1).clamp_min(0.0)


def _listed(values: Tensor) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
