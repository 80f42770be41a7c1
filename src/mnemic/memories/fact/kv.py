"""The `kv` reader: an accepted item's keys and values join attention as a virtual prefix, on its own rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ...arguments import check_count
from ...errors import ConfigError, HostNotSupported, rule_got_do
from ...ops.attention import join_attention, log_sums
from ..base import Attention, HostSpec, Site, State, StepContext
from .config import FactConfig
from .routed import RoutedMemory, lengths_mask, padded_rows


@dataclass(frozen=True, kw_only=True)
class KvRoute:
    """What one row attends to. prompt: its own token ids. keys, values: `[L, H', M, K]` of an item, of all L blocks."""

    prompt: tuple[int, ...]
    keys: Tensor
    values: Tensor


class KvMemory(RoutedMemory[KvRoute]):
    """Lets rows attend to the keys and values of an item, as if it stood before their prompt.

    In every block from `first_block` on, over the item's tokens and the sequence's own together:

        softmax(q kᵀ · scale [+ bias on the item's tokens]) v

    The item's first token is left out: it is a sink of attention, of which the prompt has its own. The item spends no token of
    the prompt and no place in the cache. Rows without a route are the base model's bit for bit.
    """

    name: ClassVar[str] = "fact-kv"

    def __init__(self, bias: float | None = None, first_block: int | None = None) -> None:
        """Make a silent memory.

        Args:
            bias: added to the scores of the item's tokens; None for the default.
            first_block: the first block in which the item is attended to; None for the default.

        Raises:
            ConfigError: for a value out of range.
        """
        super().__init__()
        defaults = FactConfig()
        self.bias = defaults.kv_bias if bias is None else FactConfig(kv_bias=bias).kv_bias
        self.first_block = defaults.kv_first_block if first_block is None else check_count("first_block", first_block, 0)

    def bind(self, host: HostSpec) -> None:
        """Remember the shape of the host's attention.

        Raises:
            HostNotSupported: where attention can't be a site, or there is no block from `first_block` on.
        """
        if host.heads is None:
            raise HostNotSupported(
                rule_got_do(
                    "`fact-kv` reads attention that transformers looks up by name (sdpa or eager), without a cap on scores.",
                    f"a {host.family} host",
                    "Use the readers pointer and hidden there.",
                )
            )
        if self.first_block >= host.num_layers:
            raise HostNotSupported(
                rule_got_do(
                    f"first_block is one of the host's {host.num_layers} blocks.", self.first_block, "Choose a lower one."
                )
            )
        super().bind(host)
        self._places = {site: place for place, site in enumerate(self.sites())}

    def sites(self) -> tuple[Site, ...]:
        """Return the attentions that are read."""
        return tuple(Site("attention", i) for i in range(self.first_block, self.host.num_layers))

    def settings(self) -> dict[str, object]:
        """Return the arguments that make this memory again."""
        return {"bias": self.bias, "first_block": self.first_block}

    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Return everything as it is: this memory acts inside attention alone."""
        return x, state

    def attend(self, output: Tensor, state: State, attention: Attention, site: Site) -> Tensor:
        """Merge attention over the item's tokens into `output` `[B, T, H, K]`."""
        place = self._places[site]
        sums = log_sums(attention.queries, attention.keys, mask=attention.mask, causal=attention.causal, scale=attention.scale)
        return join_attention(
            output,
            sums,
            attention.queries,
            state["keys"][:, place],
            state["values"][:, place],
            seen=state["known"],
            scale=attention.scale,
            bias=self.bias,
        )

    def _check(self, route: KvRoute) -> None:
        host = self._spec
        shape = tuple(route.keys.shape)
        known = None if host is None or host.heads is None else (host.num_layers, host.heads.number, host.heads.size)
        fits = known is None or (len(shape) == 4 and (shape[0], shape[1], shape[3]) == known)
        if not fits or shape != tuple(route.values.shape) or shape[2] < 1:
            wanted = "[L, H', M, K]" if known is None else f"[{known[0]}, {known[1]}, M, {known[2]}]"
            raise ConfigError(
                rule_got_do(
                    f"A kv route has keys and values of shape {wanted}, M at least 1.",
                    f"{shape} and {tuple(route.values.shape)}",
                    "Read the item with mnemic.hosts.ItemReader on this host.",
                )
            )

    def _state(self, routes: Sequence[KvRoute | None]) -> State:
        keys = [None if r is None else self._read(r.keys) for r in routes]
        return {
            "keys": padded_rows(keys, dim=2),
            "values": padded_rows([None if r is None else self._read(r.values) for r in routes], dim=2),
            "known": lengths_mask([0 if one is None else one.shape[2] for one in keys]),
        }

    def _read(self, pair: Tensor) -> Tensor:
        """Return keys or values of the blocks that are read, without the first token's.

        Attention uses the first token it sees as a sink: the prompt has one, and a second one draws what should go to the item.
        """
        return pair[self.first_block :, :, 1 if pair.shape[2] > 1 else 0 :]
