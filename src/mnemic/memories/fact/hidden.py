"""The `hidden` reader: an accepted item's token states are mixed into the last blocks' states around the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import ConfigError, rule_got_do
from ...ops.fusion import fuse_states
from ..base import HostSpec, Site, State, StepContext
from .config import FactConfig
from .routed import RoutedMemory, lengths_mask, padded_rows

_NEVER = 2**40


@dataclass(frozen=True, kw_only=True)
class HiddenRoute:
    """What one row's states are mixed with.

    prompt: its own token ids. keys: `[L, M, D]`, states after all L blocks at M places of an item. values: `[M, D]`, the
    direction in which each makes its item's next token likelier. steps: tokens of the longest answer.
    """

    prompt: tuple[int, ...]
    keys: Tensor
    values: Tensor
    steps: int


class HiddenMemory(RoutedMemory[HiddenRoute]):
    """Moves the last blocks' states the way that the item's next tokens lie, where they resemble the item's states.

    At each of the last `blocks` blocks, on the prompt's last `tokens` tokens and on those of the answer:

        h' = h + σ(g) · strength · ‖h‖ · r,    r = Σ_m softmax_m(c_m / temperature) v_m,    c_m = cos(h - k̄, k_m - k̄)

    k_m are the item's states after the same block, k̄ their mean, g = max_m c_m / temperature. v_m is the unit vector along which
    a state makes the item's token m + 1 likelier: the gradient of its log-probability, as the final norm and the head see it.
    That stands in for a trained W. ‖h' - h‖ ≤ strength ‖h‖ whatever is stored. Rows without a route are the base model's bit for
    bit.
    """

    name: ClassVar[str] = "fact-hidden"

    def __init__(
        self,
        strength: float | None = None,
        temperature: float | None = None,
        blocks: int | None = None,
        tokens: int | None = None,
    ) -> None:
        """Make a silent memory.

        Args:
            strength: bound of the change, as a share of the state's norm; None for the default, as for the others.
            temperature: of the softmax over the item's tokens, in units of cosine.
            blocks: how many of the last blocks are changed; on a host with fewer, all of them.
            tokens: how many of the prompt's last tokens are changed.

        Raises:
            ConfigError: for a value out of range.
        """
        super().__init__()
        given = {
            "hidden_strength": strength,
            "hidden_temperature": temperature,
            "hidden_blocks": blocks,
            "hidden_tokens": tokens,
        }
        chosen = FactConfig.from_dict({name: value for name, value in given.items() if value is not None})
        self.strength, self.temperature = chosen.hidden_strength, chosen.hidden_temperature
        self.blocks, self.tokens = chosen.hidden_blocks, chosen.hidden_tokens
        self._first = 0

    def bind(self, host: HostSpec) -> None:
        """Remember where the last blocks begin."""
        super().bind(host)
        self._first = max(0, host.num_layers - self.blocks)
        self._places = {site: place for place, site in enumerate(self.sites())}

    def sites(self) -> tuple[Site, ...]:
        """Return the last blocks."""
        return tuple(Site("block", i) for i in range(self._first, self.host.num_layers))

    def settings(self) -> dict[str, object]:
        """Return the arguments that make this memory again."""
        return {"strength": self.strength, "temperature": self.temperature, "blocks": self.blocks, "tokens": self.tokens}

    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Mix the item's states into those of the places around the answer, `[B, T, D]`; the last block counts the tokens."""
        place = self._places[context.site]
        count = state["seen"][:, None] + context.mask.long().cumsum(dim=1)
        inside = context.mask & (count > state["after"][:, None]) & (count < state["until"][:, None])
        changed = fuse_states(
            x,
            state["keys"][:, place],
            state["values"],
            seen=state["known"],
            places=inside,
            strength=self.strength,
            temperature=self.temperature,
        )
        if place < state["keys"].shape[1] - 1:
            return changed, state
        return changed, {**state, "seen": count[:, -1]}

    def _check(self, route: HiddenRoute) -> None:
        host = self._spec
        shape = tuple(route.keys.shape)
        fits = len(shape) == 3 and (host is None or (shape[0], shape[2]) == (host.num_layers, host.hidden_size))
        if not fits or shape[1:] != tuple(route.values.shape) or shape[1] < 1 or route.steps < 1:
            wanted = "[L, M, D]" if host is None else f"[{host.num_layers}, M, {host.hidden_size}]"
            raise ConfigError(
                rule_got_do(
                    f"A hidden route has keys of shape {wanted} and values of shape [M, D], M and steps at least 1.",
                    f"{shape} and {tuple(route.values.shape)}, {route.steps} steps",
                    "Read the item with mnemic.hosts.ItemReader on this host.",
                )
            )

    def _state(self, routes: Sequence[HiddenRoute | None]) -> State:
        ends = [_NEVER if route is None else len(route.prompt) for route in routes]
        return {
            "keys": padded_rows([None if r is None else r.keys[self._first :] for r in routes], dim=1),
            "values": padded_rows([None if r is None else r.values for r in routes], dim=0),
            "known": lengths_mask([0 if r is None else r.keys.shape[1] for r in routes]),
            "seen": torch.zeros(len(routes), dtype=torch.long),
            # counts of real tokens between which states are changed: the n-th token's state says what the next one is
            "after": torch.tensor([end - self.tokens for end in ends]),
            "until": torch.tensor([end + (route.steps if route else 0) for end, route in zip(ends, routes, strict=True)]),
        }
