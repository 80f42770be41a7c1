"""The state of a conversation, riding on the host's cache.

A `Track` holds what each memory knows of the sequences in a cache. The cache is given a subclass of its own class whose row and
length operations move the track along. To crop, a track keeps a journal: the state before each forward and, for forwards of more
than one token, what the memories were given, so that the tokens that stay can be replayed.
"""

import copy
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache

from ..errors import HostNotSupported, rule_got_do
from ..memories.base import Memory, State, StepContext

HISTORY_BYTES = 256 * 2**20
"""What a journal may hold while nobody announced a crop; the oldest entries go first."""

States = dict[int, State]
"""State by the memory's position in `attach`; `HOST` is the host's own."""

HOST = -1
_TRACK = "_mnemic_track"


@dataclass(frozen=True)
class Call:
    """One `step` of one memory."""

    memory: int
    x: Tensor
    context: StepContext


@dataclass
class Forward:
    """A forward over `width` tokens. `calls` is None where the middle of it can't be returned to."""

    width: int
    before: States
    calls: list[Call] | None

    def nbytes(self) -> int:
        """Return the bytes it keeps alive, shared tensors counted each time."""
        states = sum(tensor.nbytes for state in self.before.values() for tensor in state.values())
        return states + sum(call.x.nbytes for call in self.calls or ())


@dataclass(frozen=True)
class Rows:
    """A change of rows between forwards: reorder, select, repeat."""

    change: Callable[[Tensor], Tensor]


@dataclass
class Track:
    """What the memories of one `attach` know of the sequences in one cache (or in one forward without cache)."""

    owner: object
    memories: Sequence[Memory]
    states: States = field(default_factory=dict)
    """Only memories that took part when the sequences began are here."""
    begun: bool = False
    """Whether it is decided who takes part; with no states: nobody does, until the cache is reset."""
    seen: int = 0
    """Tokens per row, padding included, as the cache counts them."""
    recording: bool = False
    _journal: deque[Forward | Rows] = field(default_factory=deque)
    _bytes: int = 0
    _running: Forward | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Track":
        """Copy the states, never the memories."""
        return Track(
            owner=self.owner,
            memories=self.memories,
            states=copy.deepcopy(self.states, memo),
            begun=self.begun,
            seen=self.seen,
            recording=self.recording,
            _journal=copy.deepcopy(self._journal, memo),
            _bytes=self._bytes,
            _running=copy.deepcopy(self._running, memo),
        )

    def start(self, width: int, calls: list[Call] | None) -> Forward:
        """Note that a forward over `width` tokens begins, and undo what one that never came to its end did."""
        self._undo()
        self._running = Forward(width, dict(self.states), calls)
        return self._running

    def advance(self) -> None:
        """Note that the forward is complete."""
        if self._running is not None:
            self.seen += self._running.width
            self._push(self._running)
            self._running = None
        if not self.recording:
            self._trim()

    def change_rows(self, change: Callable[[Tensor], Tensor]) -> None:
        """Apply a change of dimension 0 to every state."""
        self._undo()
        self.states = _changed(self.states, change)
        if self._journal:
            self._push(Rows(change))

    def check_crop(self, tokens: int) -> None:
        """Raise unless the last `tokens` tokens can be taken back.

        Raises:
            HostNotSupported: if the journal doesn't reach that far.
        """
        if tokens >= self.seen or not self.states:
            return
        left = tokens
        for entry in reversed(self._journal):
            if left <= 0:
                return
            if isinstance(entry, Forward):
                if left < entry.width and entry.calls is None:
                    break
                left -= entry.width
        if left > 0:
            raise HostNotSupported(
                rule_got_do(
                    "A cache can be cropped as far back as its memory's journal reaches.",
                    f"a crop of {tokens} of {self.seen} tokens",
                    "Call cache.activate_past_recording() before the tokens that may be taken back, or start a new cache.",
                )
            )

    def crop(self, tokens: int) -> None:
        """Return to the state of `tokens` tokens ago; call `check_crop` first."""
        self._undo()
        if tokens >= self.seen and tokens > 0:
            self.clear()
            return
        self.seen -= tokens
        changes: list[Rows] = []
        states = self.states
        while tokens > 0:
            entry = self._pop()
            if isinstance(entry, Rows):
                changes.append(entry)
                continue
            states = entry.before
            if entry.width > tokens:
                entry, states = self._replay(entry, entry.width - tokens)
                self._push(entry)
                break
            tokens -= entry.width
        for rows in reversed(changes):
            states = _changed(states, rows.change)
            self._push(rows)
        self.states = states
        self._trim()

    def clear(self) -> None:
        """Forget the sequences; the next forward begins new ones."""
        self.states, self.begun, self.seen, self._bytes = {}, False, 0, 0
        self._running = None
        self._journal.clear()

    def _undo(self) -> None:
        if self._running is not None:
            self.states, self._running = dict(self._running.before), None

    def _replay(self, entry: Forward, width: int) -> tuple[Forward, States]:
        """Run the memories again over the first `width` tokens of a forward."""
        states = {index: dict(state) for index, state in entry.before.items()}
        calls: list[Call] = []
        for call in entry.calls or ():
            short = _first(call, width)
            _, states[call.memory] = self.memories[call.memory].step(short.x, states[call.memory], short.context)
            calls.append(short)
        return Forward(width, entry.before, calls), states

    def _push(self, entry: Forward | Rows) -> None:
        self._journal.append(entry)
        if isinstance(entry, Forward):
            self._bytes += entry.nbytes()

    def _pop(self) -> Forward | Rows:
        entry = self._journal.pop()
        if isinstance(entry, Forward):
            self._bytes -= entry.nbytes()
        return entry

    def _trim(self) -> None:
        while self._journal and (self._bytes > HISTORY_BYTES or isinstance(self._journal[0], Rows)):
            entry = self._journal.popleft()
            if isinstance(entry, Forward):
                self._bytes -= entry.nbytes()


def _changed(states: States, change: Callable[[Tensor], Tensor]) -> States:
    return {index: {name: change(tensor) for name, tensor in state.items()} for index, state in states.items()}


def _first(call: Call, width: int) -> Call:
    """Return the call as it had been with only the first `width` tokens."""
    context = call.context
    stay = context.kept < width
    tokens = context.token_ids
    short = replace(
        context,
        token_ids=None if tokens is None else tokens[:, :width],
        mask=context.mask[:, :width],
        kept=context.kept[stay],
    )
    return Call(call.memory, call.x[:, stay], short)


class _Carrying:
    """Mixed in before a cache class: moves the track with the cache's rows and length."""

    def reorder_cache(self, beam_idx: Tensor) -> None:
        super().reorder_cache(beam_idx)  # type: ignore[misc]
        _own(self).change_rows(lambda tensor: tensor.index_select(0, beam_idx.to(tensor.device)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        super().batch_repeat_interleave(repeats)  # type: ignore[misc]
        _own(self).change_rows(lambda tensor: tensor.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)  # type: ignore[misc]
        _own(self).change_rows(lambda tensor: tensor[indices.to(tensor.device), ...])

    def crop(self, tokens_to_remove: int) -> None:
        # the journal is asked before the keys are cut: a crop that can't be done leaves the cache whole
        before = int(self.get_seq_length())  # type: ignore[attr-defined]
        _own(self).check_crop(-tokens_to_remove if tokens_to_remove <= 0 else before - tokens_to_remove)
        super().crop(tokens_to_remove)  # type: ignore[misc]
        _own(self).crop(before - int(self.get_seq_length()))  # type: ignore[attr-defined]

    def reset(self) -> None:
        super().reset()  # type: ignore[misc]
        _own(self).clear()

    def activate_past_recording(self) -> None:
        super().activate_past_recording()  # type: ignore[misc]
        _own(self).recording = True


_CARRIERS: dict[type, type] = {}


def _own(cache: object) -> Track:
    track = getattr(cache, _TRACK)
    assert isinstance(track, Track)
    return track


def track_of(cache: Cache) -> Track | None:
    """Return the track that rides on `cache`, if any."""
    return getattr(cache, _TRACK, None)


def put_track(cache: Cache, track: Track) -> None:
    """Let `track` ride on `cache` from now on."""
    kind = type(cache)
    if not isinstance(cache, _Carrying):
        cache.__class__ = _CARRIERS.setdefault(kind, type(kind.__name__, (_Carrying, kind), {"__doc__": kind.__doc__}))
    setattr(cache, _TRACK, track)


def copied(states: Mapping[int, State], *, gradients: bool = False) -> dict[int, State]:
    """Return copies without the host's own, detached unless gradients are to flow through them."""
    return {
        index: {name: (tensor if gradients else tensor.detach()).clone() for name, tensor in state.items()}
        for index, state in states.items()
        if index != HOST
    }
