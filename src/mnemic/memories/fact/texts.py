"""What the fact memory asks of a host: texts read to states and losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...types import FloatArray

_SPECIAL = 8
"""Special tokens that a tokenizer may add to a text, at most."""


@dataclass(frozen=True)
class TextStates:
    """One text as the host read it.

    token_ids: n ids. offsets: n character spans. states: layer -> `[n, D]`. losses: `[n]` nats of each token given those before
    it, NaN for the first. last_logprobs: `[V]` log-probabilities of the token after the text. Read for its end alone, a text has
    the states of its last token only, no offsets and no losses; read whole, it has no `last_logprobs`.
    """

    token_ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]
    states: dict[int, FloatArray]
    losses: FloatArray
    last_logprobs: FloatArray


class TextReader(Protocol):
    """The host, as far as the fact memory needs it."""

    @property
    def fingerprint(self) -> str:
        """Digest of the host: readings of another host are not comparable."""
        ...

    @property
    def num_layers(self) -> int:
        """Number of blocks."""
        ...

    @property
    def window(self) -> int | None:
        """Longest text in tokens, None if the host states none."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the host reads for a text."""
        ...

    def read(self, texts: Sequence[str], layers: Sequence[int], *, ends: bool, prefix: str = "") -> Sequence[TextStates]:
        """Return what the host makes of texts behind a prefix; `ends` when only what follows them is wanted."""
        ...

    def after(self, states: FloatArray) -> FloatArray | None:
        """Return `[k, V]` log-probabilities after `[k, D]` states of the last layer, or None where only a pass can tell."""
        ...

    def first_tokens(self, words: Sequence[str]) -> list[int]:
        """Return the first token of each word in the middle of a text (with its leading space)."""
        ...


def surely_fits(text: str, window: int) -> bool:
    """Return whether a text is so short that its tokens needn't be counted: none is made of less than a byte."""
    return 4 * len(text) + _SPECIAL <= window
