"""What a memory makes of the next windows: from kept states where it sits at the top, else through the whole host."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..errors import ConfigError, InputError, rule_got_do
from ..hosts import Handle
from ..hosts.calls import returned_cache
from ..memories.base import Memory, Site, State, StepContext
from ..memories.recurrent import RecurrentMemory
from .frozen import Frozen
from .top import Head, close_loss, exact_loss


class Window(NamedTuple):
    """One window of a document."""

    document: Frozen
    place: int

    @property
    def ids(self) -> Tensor:
        """Its tokens `[W]`."""
        return self.document.ids[self.place]

    @property
    def states(self) -> Tensor:
        """Its states `[W, D]` at the top of the host, float32."""
        return self.document.states[self.place].float()


class Pass(ABC):
    """Reads windows with a memory."""

    def __init__(self, memory: Memory) -> None:
        """Read with a memory that is attached."""
        self._memory = memory

    def fresh(self, rows: int) -> State:
        """Return the state of that many new sequences."""
        return self._memory.begin(None, torch.ones(rows, 1, dtype=torch.bool))

    @abstractmethod
    def train(self, windows: Sequence[Window], state: State, draw: torch.Generator) -> tuple[Tensor, State]:
        """Return nats `[B, W-1]` with gradients, of one window per row of the state, and the state after them.

        Args:
            windows: of B rows.
            state: with B rows.
            draw: of whatever the loss takes a sample of.
        """

    @abstractmethod
    def measure(self, window: Window, state: State) -> tuple[Tensor, State]:
        """Return nats `[W-1]` of a window over the whole vocabulary, and the state of its only row after it."""

    @abstractmethod
    def alone(self, window: Window) -> Tensor:
        """Return nats `[W-1]` of the host without memory."""


class AtTop(Pass):
    """A memory at the top: from states that were kept, without the host."""

    def __init__(self, memory: Memory, head: Head, common: Tensor, sample: int) -> None:
        """See `close_loss` for the common tokens `[C]` and how many stand for the others."""
        super().__init__(memory)
        self._head, self._common, self._sample = head, common, sample

    def train(self, windows: Sequence[Window], state: State, draw: torch.Generator) -> tuple[Tensor, State]:
        """Return nats whose sum over the vocabulary is taken from a sample, and the state."""
        sample = torch.randint(0, len(self._head.weight), (self._sample,), generator=draw)
        states = torch.stack([window.states for window in windows])
        shift, after = step_top(self._memory, states, state)
        ids = torch.stack([window.ids for window in windows])
        normaliser = torch.stack([window.document.normaliser[window.place] for window in windows])
        return close_loss(shift, states, ids, normaliser, self._head, self._common, sample), after

    def measure(self, window: Window, state: State) -> tuple[Tensor, State]:
        """Return exact nats, and the state."""
        shift, after = step_top(self._memory, window.states[None], state)
        return exact_loss(shift[0], window.states, window.ids, self._head), after

    def alone(self, window: Window) -> Tensor:
        """Return nats of the same kept states."""
        return exact_loss(torch.zeros_like(window.states), window.states, window.ids, self._head)


class Inside(Pass):
    """A memory at any sites: gradients flow through the host, whose weights stay as they are."""

    def __init__(self, memory: Memory, model: Any, handle: Handle) -> None:
        """Read through a model to which the memory alone is attached by that handle."""
        super().__init__(memory)
        self._model, self._handle = model, handle

    def train(self, windows: Sequence[Window], state: State, draw: torch.Generator) -> tuple[Tensor, State]:
        """Return exact nats, and the state."""
        return self._read(torch.stack([window.ids for window in windows]), state)

    def measure(self, window: Window, state: State) -> tuple[Tensor, State]:
        """Return exact nats, and the state."""
        nats, after = self._read(window.ids[None], state)
        return nats[0], after

    def alone(self, window: Window) -> Tensor:
        """Return nats as they were read."""
        return window.document.nats[window.place]

    def _read(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        memory = self._memory
        assert isinstance(memory, RecurrentMemory)
        try:
            memory.carry_on(state, gradients=True)
        except InputError as error:
            raise ConfigError(rule_got_do("A training stays finite.", str(error), "Lower the rate.")) from error
        try:
            with frozen(self._model):
                out = self._model(ids, use_cache=True)
            (after,) = self._handle.states(returned_cache(out), gradients=True)
        finally:
            memory.reset()
        logits = out.logits[:, :-1].float()
        nats = cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        # an untrained memory, which takes no part, leaves its state as it is
        return nats, state if after is None else after


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Compute without gradients for a model's own weights."""
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in learning:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in learning:
            weight.requires_grad_(True)


def step_top(memory: Memory, states: Tensor, state: State) -> tuple[Tensor, State]:
    """Return what a memory at the top adds to states `[B, W, D]`, and its state after them."""
    rows, width = states.shape[:2]
    context = StepContext(
        site=Site("top"), token_ids=None, mask=torch.ones(rows, width, dtype=torch.bool), kept=torch.arange(width)
    )
    changed, after = memory.step(states, state, context)
    return changed - states, after
