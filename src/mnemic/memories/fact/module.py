"""The fact memory inside a host: a pointer at the logits, per row, silent without a route."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import ConfigError, rule_got_do
from ...ops.pointer import Alternatives, Walk, advance, mix_logits
from ..base import Site, State, StepContext
from .config import FactConfig
from .routed import RoutedMemory, no_tokens

_LOGITS = Site("logits")
_NEVER = 2**40


@dataclass(frozen=True, kw_only=True)
class Route:
    """What one row of a batch may say.

    prompt: the row's own token ids, without padding. answers: token sequences with weights, as they would follow the prompt.
    strength: share of the pointer, in (0, 1).
    """

    prompt: tuple[int, ...]
    answers: tuple[tuple[tuple[int, ...], float], ...]
    strength: float


class FactMemory(RoutedMemory[Route]):
    """Speaks stored answers through a pointer over their tokens (kNN-LM interpolation, arXiv 1911.00172 eq. 2).

    Attached alone it does nothing: which row may say what is decided outside, by a `Router`, and handed in for the length of a
    `with memory.speaking(routes)`. `MemoryLM` does both.
    """

    name: ClassVar[str] = "fact"

    def __init__(self, strength: float | None = None) -> None:
        """Make a silent memory.

        Args:
            strength: share of the pointer in the next-token distribution while it speaks; None for the default.

        Raises:
            ConfigError: if strength is not between 0 and 1.
        """
        super().__init__()
        self.config = FactConfig() if strength is None else FactConfig(strength=strength)
        self._word_starts: Tensor | None = None

    def end_words(self, word_starts: Tensor | None) -> None:
        """Let an answer's last word end there: what follows it is drawn from tokens that begin a new word.

        Args:
            word_starts: `[V]` bool, true for tokens that begin a word, a sign or a line; None to let words run on.

        Raises:
            ConfigError: if it has another size than the host's vocabulary, or allows nothing.
        """
        if word_starts is not None:
            size = self._spec.vocab_size if self._spec else word_starts.numel()
            if word_starts.shape != (size,) or not bool(word_starts.any()):
                raise ConfigError(
                    rule_got_do(
                        f"word_starts is bool of shape [{size}] with a true value.", list(word_starts.shape), "Build it anew."
                    )
                )
        self._word_starts = word_starts

    def sites(self) -> tuple[Site, ...]:
        """Return the logits: the pointer needs nothing else."""
        return (_LOGITS,)

    def settings(self) -> dict[str, object]:
        """Return the arguments that make this memory again."""
        return {"strength": self.config.strength}

    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Walk along the tokens of this forward and mix the pointer into the kept positions' logits `[B, T', V]`."""
        if context.token_ids is None:
            raise no_tokens()
        alternatives = Alternatives(state["tokens"], state["weights"], state["strength"], state["anchor"])
        walk = Walk(state["seen"], state["alive"])
        mask, ids = context.mask, context.token_ids
        word_starts = None if self._word_starts is None else self._word_starts.to(x.device)
        lead = self._leading(alternatives, walk, mask)
        walk = walk._replace(seen=walk.seen + mask[:, :lead].sum(dim=1))
        places: dict[int, list[int]] = {}
        for place, position in enumerate(context.kept.tolist()):
            places.setdefault(position, []).append(place)
        columns: dict[int, Tensor] = {}
        for position in range(max(0, lead - 1), ids.shape[1]):
            if position >= lead:
                walk = advance(alternatives, walk, ids[:, position], mask[:, position])
            for place in places.get(position, ()):
                columns[place] = mix_logits(alternatives, walk, x[:, place], word_starts)
        if columns:
            x = torch.stack([columns.get(place, x[:, place]) for place in range(x.shape[1])], dim=1)
        return x, {**state, "seen": walk.seen, "alive": walk.alive}

    @staticmethod
    def _leading(alternatives: Alternatives, walk: Walk, mask: Tensor) -> int:
        """Return how many first columns are prompt, or padding before it, in every row: they are only counted."""
        after = walk.seen[:, None] + mask.long().cumsum(dim=1)
        return int((after <= alternatives.anchor[:, None]).all(dim=0).long().cumprod(dim=0).sum())

    def _check(self, route: Route) -> None:
        size = self._spec.vocab_size if self._spec else None
        ids = [token for answer, _ in route.answers for token in answer]
        if not ids or any(weight <= 0 for _, weight in route.answers) or not 0 < route.strength < 1:
            raise ConfigError(
                rule_got_do(
                    "A route has answers of at least one token, positive weights, and a strength between 0 and 1.",
                    route,
                    "Give None for a row without an answer.",
                )
            )
        if size is not None and not all(0 <= token < size for token in ids):
            raise ConfigError(rule_got_do(f"Token ids lie below {size}.", ids, "Use the host's own tokenizer."))

    def _state(self, routes: Sequence[Route | None]) -> State:
        answers = [route.answers if route else () for route in routes]
        most = max((len(a) for a in answers), default=0) or 1
        longest = max((len(ids) for a in answers for ids, _ in a), default=0) or 1
        tokens = torch.full((len(routes), most, longest), -1, dtype=torch.long)
        weights = torch.zeros(len(routes), most)
        for row, alternatives in enumerate(answers):
            for m, (ids, weight) in enumerate(alternatives):
                tokens[row, m, : len(ids)] = torch.tensor(ids)
                weights[row, m] = weight
        return {
            "tokens": tokens,
            "weights": weights,
            "strength": torch.tensor([route.strength if route else 0.0 for route in routes]),
            # a row without a route never arrives at its anchor: it doesn't make the others' prompts be walked token by token
            "anchor": torch.tensor([len(route.prompt) if route else _NEVER for route in routes]),
            "seen": torch.zeros(len(routes), dtype=torch.long),
            "alive": weights > 0,
        }
