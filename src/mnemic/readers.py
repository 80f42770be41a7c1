"""Who reads an accepted item out: the chosen readers, each a memory in the host, and the routes that they are handed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from .arguments import check_names
from .errors import HostNotSupported, rule_got_do
from .generation import Answers, Prompt, answer_tokens, word_starts
from .hosts import ItemReader, host_spec
from .memories.fact import (
    Candidate,
    FactConfig,
    FactMemory,
    Gate,
    HiddenMemory,
    HiddenRoute,
    KvMemory,
    KvRoute,
    Route,
)
from .memories.fact.routed import Routed, RoutedMemory

POINTER, KV, HIDDEN = "pointer", "kv", "hidden"
READERS = (POINTER, KV, HIDDEN)
AUTO = "auto"
DEFAULT = (POINTER,)
"""The best of the seven combinations in the bench's table, by harmonic mean."""

Weighted = tuple[tuple[tuple[int, ...], float], ...]
"""Answers as token ids, with weights."""
Choice = Sequence[str] | str | None
"""Names of readers, "auto" for what calibration chose, or None for the default."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a batch is read out by.

    ids: token ids of each prompt. speakers: each row's item, None where none was accepted. answers: what each row may say, as
    token ids. routes: by reader, one per row.
    """

    readers: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    speakers: tuple[Candidate | None, ...]
    answers: tuple[Answers, ...]
    routes: Mapping[str, Sequence[Routed | None]]


class Readers:
    """The readers of one host. Those that it can't carry are left out, and refused when they are asked for."""

    def __init__(self, model: Any, tokenizer: Any, config: FactConfig) -> None:
        """Make the readers; `memories` are to be attached."""
        self._tokenizer, self._config = tokenizer, config
        self._items = ItemReader(model)
        self._host = host_spec(model)
        self._pointer = FactMemory(config.strength)
        self._all: dict[str, RoutedMemory[Any]] = {POINTER: self._pointer}
        if self._host.heads is not None:
            self._all[KV] = KvMemory(config.kv_bias, config.kv_first_block)
        if self._items.has_directions:
            self._all[HIDDEN] = HiddenMemory(
                config.hidden_strength, config.hidden_temperature, config.hidden_blocks, config.hidden_tokens
            )

    @property
    def memories(self) -> tuple[RoutedMemory[Any], ...]:
        """The memories to attach, silent until they are handed routes."""
        return tuple(self._all.values())

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the readers that this host carries."""
        return tuple(self._all)

    def attached(self) -> None:
        """Tell the pointer where words end, which needs the attached host's vocabulary."""
        self._pointer.end_words(word_starts(self._tokenizer, self._host.vocab_size))

    def choose(self, choice: Choice, gate: Gate) -> tuple[str, ...]:
        """Return the readers that a caller asks for, in their fixed order.

        Raises:
            ConfigError: if one is unknown.
            HostNotSupported: if this host can't carry one.
        """
        if choice is None:
            return DEFAULT
        chosen = chosen_by(gate) if choice == AUTO else check_names("Readers", choice, READERS)
        missing = [name for name in chosen if name not in self._all]
        if missing and choice != AUTO:
            raise HostNotSupported(
                rule_got_do(
                    f"On a {self._host.family} host the readers are {', '.join(self.known)}.", ", ".join(missing), "Leave it out."
                )
            )
        return tuple(name for name in READERS if name in chosen)

    def read_out(
        self,
        prompts: Sequence[Prompt],
        ids: Sequence[tuple[int, ...]],
        speakers: Sequence[Candidate | None],
        readers: tuple[str, ...],
    ) -> Reading:
        """Return how a batch is read out.

        Args:
            prompts: one per row.
            ids: their token ids.
            speakers: the accepted item of each, or None.
            readers: as `choose` returned them.
        """
        answers: list[Weighted] = [
            ()
            if one is None
            else tuple((answer_tokens(self._tokenizer, prompt, row, text), weight) for text, weight in one.answers)
            for prompt, row, one in zip(prompts, ids, speakers, strict=True)
        ]
        rows = list(zip(ids, speakers, answers, strict=True))
        return Reading(
            readers=readers,
            ids=tuple(ids),
            speakers=tuple(speakers),
            answers=tuple(tuple(tokens for tokens, _ in row) for row in answers),
            routes={
                name: [
                    None if one is None else self._route(name, row, one, said, directions=HIDDEN in readers)
                    for row, one, said in rows
                ]
                for name in readers
            },
        )

    @contextmanager
    def speaking(self, reading: Reading, *, without: str | None = None) -> Iterator[None]:
        """Let the chosen readers act on the batch that is generated inside the block.

        Args:
            reading: of that batch.
            without: a reader that keeps silent all the same.
        """
        with ExitStack() as stack:
            for name, routes in reading.routes.items():
                if name != without:
                    stack.enter_context(self._all[name].speaking(routes))
            yield

    def _route(
        self,
        name: str,
        ids: tuple[int, ...],
        speaker: Candidate,
        answers: Weighted,
        *,
        directions: bool,
    ) -> Routed | None:
        if name == POINTER:
            return Route(prompt=ids, answers=answers, strength=self._config.strength)
        read = self._items.read(self._tokenizer(speaker.item.text, verbose=False)["input_ids"], directions=directions)
        if name == HIDDEN:
            if read.directions is None:
                # of one token alone nothing follows
                return None
            # the first token's state is that of a sink of attention: like no other, and dwarfing the mean
            first = 1 if len(read.directions) > 1 else 0
            return HiddenRoute(
                prompt=ids,
                keys=read.states[:, first:-1],
                values=read.directions[first:],
                steps=max(len(tokens) for tokens, _ in answers),
            )
        assert read.keys is not None, "kv is known only where attention is a site"
        assert read.values is not None, "values come with keys"
        return KvRoute(prompt=ids, keys=read.keys, values=read.values)


def chosen_by(gate: Gate) -> tuple[str, ...]:
    """Return the readers that calibration chose, kept with the gate; the default where none was."""
    kept = gate.about.get("readers")
    chosen = kept.get("chosen") if isinstance(kept, Mapping) else None
    return DEFAULT if chosen is None else check_names("Readers", chosen, READERS, least=1)
