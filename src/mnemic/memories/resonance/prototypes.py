"""Two sets of prototypes: new and rare ones that a stream teaches, and proven ones that gradients train."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...arguments import check_numbers
from ...errors import ConfigError, rule_got_do
from ...ops.resonance import choose
from .cells import ResonanceCell

_LOG = 1024
PROMOTED, DEMOTED = 1, 2


class Move(NamedTuple):
    """One line of the log.

    kind: "promoted" or "demoted". learned, settled: the slots in either set. inputs: how many the prototype had taken in.
    """

    time: int
    kind: str
    learned: int
    settled: int
    inputs: int


@dataclass(frozen=True, kw_only=True)
class PromotionConfig:
    """When a prototype has proven itself."""

    capacity: int = 64
    """Settled prototypes at most."""
    count: int = 20
    """Inputs that a prototype must have taken in."""
    drift: float = 0.05
    """How far an input may move it, on average."""

    def __post_init__(self) -> None:
        """Check every range."""
        check_numbers(self)
        if self.capacity < 0 or self.count < 1 or self.drift < 0:
            raise ConfigError(
                rule_got_do(
                    "capacity and drift aren't negative, count is at least 1.",
                    (self.capacity, self.count, self.drift),
                    "Correct them.",
                )
            )


class Prototypes(nn.Module):
    """ART memory beside settled prototypes, with promotion and demotion (after the stability-plasticity idea of ART).

    settled: parameter `[M, F]`, trained by gradients and never by the stream. occupied `[M]` bool, uses `[M]`, seen `[M]` when
    each last resonated. log `[1024, 5]`: the last moves as time, kind, two slots, inputs; moves counts all of them.
    """

    occupied: Tensor
    uses: Tensor
    seen: Tensor
    log: Tensor
    moves: Tensor

    def __init__(self, cell: ResonanceCell, config: PromotionConfig | None = None) -> None:
        """Put settled prototypes beside an empty cell."""
        super().__init__()
        self.cell = cell
        self.config = config or PromotionConfig()
        size = self.config.capacity
        self.settled = nn.Parameter(torch.zeros(size, cell.code_size))
        self.register_buffer("occupied", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("uses", torch.zeros(size, dtype=torch.long))
        self.register_buffer("seen", torch.zeros(size, dtype=torch.long))
        self.register_buffer("log", torch.zeros(_LOG, 5, dtype=torch.long))
        self.register_buffer("moves", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def observe(self, x: Tensor) -> Tensor:
        """Take in a stream `[N, D]`. Return `[N]`: slots of ART memory, or its capacity + a settled slot.

        Raises:
            InputError: if a number isn't finite. The stream is checked as a whole first: nothing was learned.
            ShapeError: if the stream isn't `[N, D]`.
        """
        codes = self.cell.encode(self.cell.checked(x))
        return torch.tensor([self._observe(code) for code in codes], dtype=torch.long, device=codes.device)

    def _observe(self, code: Tensor) -> int:
        if bool(self.occupied.any()):
            winner, found = choose(self.cell.compare(code, self.cell.clean(self.settled)), self.occupied, self.cell.vigilance)
            if bool(found):
                self.cell.time += 1
                slot = int(winner)
                self.uses[slot] += 1
                self.seen[slot] = self.cell.time
                return self.cell.config.capacity + slot
        slot, _, _ = self.cell.take_in(code)
        if self.config.capacity and self._proven(slot):
            return self.cell.config.capacity + self._promote(slot)
        return slot

    def _proven(self, slot: int) -> bool:
        return int(self.cell.count[slot]) >= self.config.count and float(self.cell.drift[slot]) <= self.config.drift

    def _promote(self, slot: int) -> int:
        """Move a prototype to the settled set; where that is full, its least used one goes back to ART memory."""
        prototype, count = self.cell.prototypes[slot].clone(), int(self.cell.count[slot])
        self.cell.free(slot)
        free = torch.nonzero(~self.occupied)
        if len(free):
            place = int(free[0])
        else:
            fewest = self.uses == self.uses.min()
            place = int(torch.where(fewest, self.seen, self.cell.time + 1).argmin())
            back = self.cell.put(self.cell.clean(self.settled[place].detach()), count=1)
            self._note(DEMOTED, back, place, int(self.uses[place]))
        self.settled[place] = prototype
        self.occupied[place], self.uses[place], self.seen[place] = True, count, self.cell.time
        self._note(PROMOTED, slot, place, count)
        return place

    def _note(self, kind: int, learned: int, settled: int, count: int) -> None:
        line = [int(self.cell.time), kind, learned, settled, count]
        self.log[int(self.moves) % _LOG] = torch.tensor(line, device=self.log.device)
        self.moves += 1

    def history(self) -> list[Move]:
        """Return the last 1,024 moves, oldest first."""
        total = int(self.moves)
        kinds = {PROMOTED: "promoted", DEMOTED: "demoted"}
        lines = [self.log[n % _LOG].tolist() for n in range(max(0, total - _LOG), total)]
        return [Move(time, kinds[kind], learned, settled, count) for time, kind, learned, settled, count in lines]
