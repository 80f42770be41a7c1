"""What the readers of the fact memory share: one route per prompt, and the rows of a batch that follow it."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from ...errors import ConfigError, HostNotSupported, rule_got_do
from ..base import HostSpec, Memory, State


class Routed(Protocol):
    """A route, as far as rows are mapped by it."""

    @property
    def prompt(self) -> tuple[int, ...]:
        """The row's own token ids, without padding."""
        ...


R = TypeVar("R", bound=Routed)


class RoutedMemory(Memory, Generic[R]):
    """A memory that acts on the rows it was handed routes for, and on no other."""

    def __init__(self) -> None:
        """Make a silent memory."""
        super().__init__()
        self._routes: Sequence[R | None] = ()
        self._spec: HostSpec | None = None

    def bind(self, host: HostSpec) -> None:
        """Remember the host."""
        self._spec = host

    @property
    def host(self) -> HostSpec:
        """What is known of the host.

        Raises:
            ConfigError: before it is attached.
        """
        if self._spec is None:
            raise ConfigError(rule_got_do("A memory has a host once it is attached.", self.name, "Call mnemic.attach first."))
        return self._spec

    def active(self) -> bool:
        """Return whether any row of the current batch has a route."""
        return any(route is not None for route in self._routes)

    def reset(self, batch_size: int | None = None) -> None:
        """Forget the pending routes. Sequences that have begun keep theirs: they ride on their caches."""
        self._routes = ()

    def arm(self, routes: Sequence[R | None]) -> None:
        """Let the rows of the sequences that begin from now on be changed.

        One route, or None, per prompt, in the order of the prompts. The host may repeat every prompt the same number of times
        (beams, several sequences per prompt). `reset` ends it.

        Raises:
            ConfigError: if a route doesn't fit the host.
        """
        for route in routes:
            if route is not None:
                self._check(route)
        self._routes = tuple(routes)

    @contextmanager
    def speaking(self, routes: Sequence[R | None]) -> Iterator[None]:
        """Arm the routes for the length of a `with` block.

        Raises:
            ConfigError: as `arm`, or if another batch is still speaking.
        """
        if self._routes:
            raise ConfigError(
                rule_got_do(
                    "One batch speaks at a time.", "a second one", "Leave the first `with speaking(...)` before the next."
                )
            )
        self.arm(routes)
        try:
            yield
        finally:
            self.reset()

    def begin(self, token_ids: Tensor | None, mask: Tensor) -> State:
        """Map the batch's rows onto the routes and return each row's state.

        Raises:
            HostNotSupported: if the rows can't be told apart: embeddings instead of tokens, a batch that is no repetition of the
                prompts, or other tokens than the prompts'.
        """
        if token_ids is None:
            raise no_tokens()
        rows, prompts = token_ids.shape[0], len(self._routes)
        if prompts == 0 or rows % prompts:
            raise HostNotSupported(
                rule_got_do(
                    f"A batch repeats each of the {prompts} prompts equally often.",
                    f"{rows} rows",
                    "Generate for the prompts the routes were made for.",
                )
            )
        routes = [self._routes[row * prompts // rows] for row in range(rows)]
        for row, route in enumerate(routes):
            if route is not None:
                _check_row(row, route.prompt, token_ids[row][mask[row]].tolist())
        return {name: value.to(token_ids.device) for name, value in self._state(routes).items()}

    @abstractmethod
    def _check(self, route: R) -> None:
        """Refuse a route that doesn't fit the host."""

    @abstractmethod
    def _state(self, routes: Sequence[R | None]) -> State:
        """Return the state of new rows, one route or None for each, at least one of them a route."""


def no_tokens() -> HostNotSupported:
    """Return the error for embeddings in place of tokens."""
    return HostNotSupported(
        rule_got_do("Facts are spoken after prompts given as tokens.", "inputs_embeds", "Pass input_ids, or disable the memory.")
    )


def padded_rows(pieces: Sequence[Tensor | None], dim: int) -> Tensor:
    """Return one tensor per row stacked, `[B, ...]`, zero-filled along `dim` to the longest; rows of None are all zeros."""
    known = [piece for piece in pieces if piece is not None]
    shape = list(known[0].shape)
    shape[dim] = max(piece.shape[dim] for piece in known)
    stacked = known[0].new_zeros(len(pieces), *shape)
    for row, piece in enumerate(pieces):
        if piece is not None:
            stacked[row].narrow(dim, 0, piece.shape[dim]).copy_(piece)
    return stacked


def lengths_mask(lengths: Sequence[int]) -> Tensor:
    """Return `[B, M]` bool: true for the first `lengths[b]` places of row b."""
    return torch.arange(max(lengths))[None, :] < torch.tensor(lengths)[:, None]


def _check_row(row: int, prompt: tuple[int, ...], ids: list[int]) -> None:
    known = min(len(ids), len(prompt))
    if tuple(ids[:known]) != prompt[:known]:
        raise HostNotSupported(
            rule_got_do(
                "A row of the batch starts with the prompt that its route was made for.",
                f"row {row}: tokens {ids[:8]}... instead of {list(prompt[:8])}...",
                "Route these prompts, or disable the memory (classifier-free guidance has a second prompt: not supported).",
            )
        )
