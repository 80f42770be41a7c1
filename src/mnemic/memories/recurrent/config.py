"""Settings of the recurrent memory."""

import math
from dataclasses import dataclass
from typing import Literal

from ...arguments import check_count, check_kind, check_names, check_number, check_numbers
from ...errors import ConfigError, rule_got_do

SITES = ("input", "middle", "top")
CELLS = ("gru", "mingru")
Cell = Literal["gru", "mingru"]


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """Where the memory sits, how large it is, and how fast it fades."""

    sites: tuple[str, ...] = ("middle",)
    """Any of "input", "middle" (the block in the middle), "top"; each has a state of its own."""
    size: int = 128
    """Numbers in the state of a site."""
    decay: float = 0.99
    """What stays of the state per update, in (0, 1]; 1 never fades."""
    cell: Cell = "gru"
    """"gru", or "mingru", whose recurrence is linear and scanned in parallel."""
    segment: int = 1
    """Real tokens per update: 1, or so many whose mean is taken in at once."""
    output_gate: bool = False
    """Let each token choose what it reads of the state: `W_out (m * silu(W_read x))` in place of `W_out m`."""
    seed: int = 0
    """Of the initial weights."""

    def __post_init__(self) -> None:
        """Check every range."""
        check_numbers(self)
        check_names("Sites", self.sites, SITES, least=1)
        if not 0 < self.decay <= 1:
            raise ConfigError(rule_got_do("decay lies in (0, 1].", self.decay, "Give e.g. 0.99, or a half-life."))
        if self.cell not in CELLS:
            raise ConfigError(rule_got_do(f"A cell is one of {', '.join(CELLS)}.", repr(self.cell), "Choose one of them."))
        check_kind("output_gate", self.output_gate, bool, "Give True or False.")
        for name in ("size", "segment"):
            check_count(name, getattr(self, name), 1)

    @property
    def half_life(self) -> float:
        """Updates after which half of a state is left where nothing is written: ln 2 / -ln decay; infinite for decay 1."""
        return math.log(2) / -math.log(self.decay) if self.decay < 1 else math.inf


def decay_of(half_life: float) -> float:
    """Return the decay that halves a state in so many updates.

    Raises:
        ConfigError: if it isn't positive.
    """
    check_number("half_life", half_life)
    if not half_life > 0:
        raise ConfigError(rule_got_do("A half-life is positive, in updates.", half_life, "Give e.g. 70."))
    return float(0.5 ** (1 / half_life))
