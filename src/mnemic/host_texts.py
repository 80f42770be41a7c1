"""The host as the fact memory reads it: states and losses of texts as numpy arrays, with character offsets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from .hosts.fingerprint import fingerprint
from .hosts.reader import HostReader
from .hosts.reader import TextStates as RawStates
from .memories.fact.texts import TextStates
from .types import FloatArray


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
        # behind a prefix stands the inside of a text, without special tokens
        made = [self._tokenised(text, special=not prefix, offsets=not ends) for text in texts]
        sequences = [ids for ids, _ in made]
        before = self._reader.prefix_tokens(prefix)
        read = self._reader.read_tokens(sequences, layers, losses=not ends, last_logprobs=ends, prefix=before)
        return [self._reduce(states, offsets, ends) for states, (_, offsets) in zip(read, made, strict=True)]

    @staticmethod
    def _reduce(read: RawStates, offsets: list[tuple[int, int]], ends: bool) -> TextStates:
        """Return a reading as arrays."""
        first = np.full(1, np.nan, dtype=np.float32)
        return TextStates(
            read.token_ids,
            offsets,
            {layer: (value[-1:] if ends else value).numpy() for layer, value in read.states.items()},
            first if read.losses is None else np.concatenate([first, read.losses.numpy()]),
            first[:0] if read.last_logprobs is None else read.last_logprobs.numpy(),
        )

    def after(self, states: FloatArray) -> FloatArray | None:
        """Return `[k, V]` log-probabilities after `[k, D]` states of the last layer, or None where only a pass can tell."""
        found = self._reader.after(torch.from_numpy(np.ascontiguousarray(states)))
        return None if found is None else found.numpy()

    def first_tokens(self, words: Sequence[str]) -> list[int]:
        """Return the first token of each word in the middle of a text."""
        new = [word for word in dict.fromkeys(words) if word not in self._first]
        if new:
            before: list[int] = self._tokenizer("a", add_special_tokens=False)["input_ids"]
            inside = self._tokenizer([f"a {word}" for word in new], add_special_tokens=False)["input_ids"]
            for word, ids in zip(new, inside, strict=True):
                rest = ids[len(before) :] if ids[: len(before)] == before else ids
                self._first[word] = int(rest[0]) if rest else int(ids[-1])
        return [self._first[word] for word in words]

    def _tokenised(self, text: str, *, special: bool, offsets: bool) -> tuple[list[int], list[tuple[int, int]]]:
        """Return a text's tokens and, where asked for, their character spans."""
        fast = offsets and bool(getattr(self._tokenizer, "is_fast", False))
        more = {"return_offsets_mapping": True} if fast else {}
        made = self._tokenizer(text, add_special_tokens=special, verbose=False, **more)
        ids: list[int] = made["input_ids"]
        if not offsets:
            return ids, []
        if fast:
            return ids, [tuple(span) for span in made["offset_mapping"]]
        # a slow tokenizer knows no offsets: the lengths of the decoded beginnings stand in for them
        ends = [len(self._tokenizer.decode(ids[: i + 1], skip_special_tokens=True)) for i in range(len(ids))]
        return ids, list(zip([0, *ends[:-1]], ends, strict=True))
