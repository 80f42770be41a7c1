"""The host as the fact memory reads it: states and losses of texts as numpy arrays, with character offsets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from .hosts.fingerprint import fingerprint
from .hosts.reader import HostReader
from .hosts.reader import TextStates as RawStates
from .memories.fact.texts import TextStates


class HostTexts:
    """Reads texts through a host for the fact memory (`TextReader`)."""

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        """Wrap a host and its tokenizer.

        Raises:
            HostNotSupported: as `attach`.
        """
        self._reader = HostReader(model, tokenizer)
        self._tokenizer = tokenizer
        self._model = model
        self._first: dict[str, int] = {}
        self._fingerprint: str | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the host: readings of another host are not comparable."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self._model)
        return self._fingerprint

    @property
    def num_layers(self) -> int:
        """Number of blocks."""
        return self._reader.num_layers

    @property
    def window(self) -> int | None:
        """Longest text in tokens, None if the model states none."""
        return self._reader.window

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the host reads for a text."""
        return len(self._tokenizer(text, verbose=False)["input_ids"])

    def read(self, texts: Sequence[str], layers: Sequence[int], *, ends: bool, prefix: str = "") -> list[TextStates]:
        """Read texts in batches that depend on the texts alone.

        Args:
            texts: what to read.
            layers: whose states to keep.
            ends: only what follows each text is wanted: states of the last token and `last_logprobs`, no losses.
            prefix: what the host reads before each text.

        Raises:
            InputError: if a text is empty or longer than the window.
        """
        read = self._reader.read(texts, layers, losses=not ends, last_logprobs=ends, prefix=prefix)
        return [self._reduce(text, states, ends, bool(prefix)) for text, states in zip(texts, read, strict=True)]

    def _reduce(self, text: str, read: RawStates, ends: bool, inside: bool) -> TextStates:
        """Return a reading as arrays; `inside`: the text stood behind a prefix, so no special tokens were added to it."""
        first = np.full(1, np.nan, dtype=np.float32)
        return TextStates(
            read.token_ids,
            () if ends else self._offsets(text, read.token_ids, special=not inside),
            {layer: (value[-1:] if ends else value).numpy() for layer, value in read.states.items()},
            first if read.losses is None else np.concatenate([first, read.losses.numpy()]),
            first[:0] if read.last_logprobs is None else read.last_logprobs.numpy(),
        )

    def first_token(self, word: str) -> int:
        """Return the first token of a word in the middle of a text."""
        if word not in self._first:
            with_space = self._tokenizer("a " + word, add_special_tokens=False)["input_ids"]
            before = self._tokenizer("a", add_special_tokens=False)["input_ids"]
            rest = with_space[len(before) :] if with_space[: len(before)] == before else with_space
            self._first[word] = int(rest[0]) if rest else int(with_space[-1])
        return self._first[word]

    def _offsets(self, text: str, token_ids: Sequence[int], *, special: bool) -> list[tuple[int, int]]:
        if getattr(self._tokenizer, "is_fast", False):
            made = self._tokenizer(text, return_offsets_mapping=True, add_special_tokens=special, verbose=False)
            return [tuple(span) for span in made["offset_mapping"]]
        # a slow tokenizer knows no offsets: the lengths of the decoded beginnings stand in for them
        ends = [len(self._tokenizer.decode(token_ids[: i + 1], skip_special_tokens=True)) for i in range(len(token_ids))]
        return list(zip([0, *ends[:-1]], ends, strict=True))
