"""Cells of adaptive resonance: prototypes learned from a stream, one input at a time, in tensors of a fixed size."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ...errors import InputError, ShapeError, rule_got_do
from ...ops.resonance import Matches, choose, complement_code, cosine_match, fuzzy_match, loaded_vigilance, ward
from .config import CellConfig

NO_LABEL = -1
_AT_ONCE = 256
"""Inputs that are compared with all prototypes together: fuzzy matches hold every pair in memory."""
_STEADY = 0.9
"""What stays of a prototype's drift at every step."""


class Assigned(NamedTuple):
    """Where inputs went.

    slots: `[N]`, -1 where nothing resonates. match: `[N]` with that slot, before it learned. new: `[N]` bool.
    """

    slots: Tensor
    match: Tensor
    new: Tensor


class ResonanceCell(nn.Module, ABC):
    """Adaptive resonance over a stream (Carpenter, Grossberg & Rosen 1991).

    Buffers for C slots: `prototypes` `[C, F]`, `used` `[C]` bool, `count` `[C]` inputs taken in, `drift` `[C]` a running mean of
    how far each input moved it, `last` `[C]` when it last won, `label` `[C]`. `time` counts inputs.
    Float buffers are float32 unless the cell is moved to another type; inputs are converted to it.
    """

    prototypes: Tensor
    used: Tensor
    count: Tensor
    drift: Tensor
    last: Tensor
    label: Tensor
    time: Tensor

    def __init__(self, input_size: int, config: CellConfig | None = None) -> None:
        """Make an empty cell for inputs of that size.

        Raises:
            ShapeError: if it isn't positive.
        """
        super().__init__()
        if input_size < 1:
            raise ShapeError(rule_got_do("Inputs have at least one number.", input_size, "Give their size."))
        self.input_size = input_size
        self.config = config or CellConfig()
        slots = self.config.capacity
        self.register_buffer("prototypes", torch.zeros(slots, self.code_size))
        self.register_buffer("used", torch.zeros(slots, dtype=torch.bool))
        self.register_buffer("count", torch.zeros(slots, dtype=torch.long))
        self.register_buffer("drift", torch.zeros(slots))
        self.register_buffer("last", torch.zeros(slots, dtype=torch.long))
        self.register_buffer("label", torch.full((slots,), NO_LABEL, dtype=torch.long))
        self.register_buffer("time", torch.zeros((), dtype=torch.long))

    # -- geometry ------------------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def code_size(self) -> int:
        """F: numbers in the code of an input."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return the code `[..., F]` of inputs `[..., D]`."""

    @abstractmethod
    def compare(self, code: Tensor, prototypes: Tensor) -> Matches:
        """Return choice and match `[..., C]`."""

    @abstractmethod
    def move(self, prototype: Tensor, code: Tensor, rate: float) -> tuple[Tensor, float]:
        """Return a prototype that has taken in a code, and how far it moved."""

    def clean(self, prototypes: Tensor) -> Tensor:
        """Return prototypes `[..., F]` as the geometry has them, whatever gradients made of them."""
        return prototypes

    # -- the stream ----------------------------------------------------------------------------------------------------------

    @property
    def load(self) -> float:
        """Share of the capacity in use."""
        return float(self.used.sum()) / self.config.capacity

    @property
    def vigilance(self) -> float:
        """Vigilance at the present load."""
        return loaded_vigilance(self.config.vigilance, self.config.lowest, self.load)

    @torch.no_grad()
    def assign(self, x: Tensor) -> Assigned:
        """Return what inputs `[N, D]` resonate with, without learning; `match` is the best there is where nothing resonates."""
        code = self.encode(self.checked(x))
        if not len(code) or not self.used.any():
            nothing = torch.full((len(code),), -1, device=code.device)
            return Assigned(nothing, code.new_zeros(len(code)), torch.zeros_like(nothing, dtype=torch.bool))
        parts = [self._assign(part) for part in torch.split(code, _AT_ONCE)]
        return Assigned(*(torch.cat(columns) for columns in zip(*parts, strict=True)))

    def _assign(self, code: Tensor) -> Assigned:
        matches = self.compare(code, self.prototypes)
        winner, found = choose(matches, self.used, self.vigilance)
        best = matches.match.masked_fill(~self.used, 0.0).max(-1).values
        match = torch.where(found, matches.match.gather(-1, winner[:, None])[:, 0], best)
        return Assigned(torch.where(found, winner, -1), match, torch.zeros_like(found))

    @torch.no_grad()
    def learn(self, x: Tensor, labels: Tensor | None = None) -> Assigned:
        """Take in inputs `[N, D]`, one after the other.

        Args:
            x: the stream, checked as a whole before anything is learned.
            labels: `[N]`, not negative: what each input stands for. A prototype keeps one label, and an input that would go to
                one of another label is split off (match tracking, fuzzy ARTMAP).

        Raises:
            InputError: if a number isn't finite, or a label is negative. The memory is as before.
            ShapeError: if shapes don't belong together.
        """
        codes = self.encode(self.checked(x))
        wanted = [NO_LABEL] * len(codes) if labels is None else self._labels(labels, len(codes))
        steps = [self.take_in(code, label) for code, label in zip(codes, wanted, strict=True)]
        slots, match, new = zip(*steps, strict=True) if steps else ((), (), ())
        device = codes.device
        return Assigned(
            torch.tensor(slots, dtype=torch.long, device=device),
            torch.tensor(match, dtype=torch.float32, device=device),
            torch.tensor(new, dtype=torch.bool, device=device),
        )

    @torch.no_grad()
    def groups(self, count: int = 1, *, cost: float = float("inf")) -> Tensor:
        """Return `[C]` which prototypes belong together, -1 for free slots: Ward's method, weighted by what each has taken in.

        One pass makes more prototypes than there are things, in an order-dependent way; their unions depend on the order less.

        Args:
            count: so many groups at least.
            cost: no union that costs more (`ops.resonance.ward`).
        """
        groups = torch.full_like(self.label, -1)
        groups[self.used] = ward(self.prototypes[self.used], self.count[self.used], count=count, cost=cost)
        return groups

    def checked(self, x: Tensor) -> Tensor:
        """Return a stream as the cell computes with it.

        Raises:
            InputError: if a number isn't finite.
            ShapeError: if it isn't `[N, D]`.
        """
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ShapeError(rule_got_do(f"A stream is [N, {self.input_size}].", list(x.shape), "Shape it so."))
        x = x.to(self.prototypes.device, self.prototypes.dtype)
        bad = torch.nonzero(~torch.isfinite(x).all(-1))
        if len(bad):
            raise InputError(
                rule_got_do(
                    "Every number of a stream is finite.", f"input {int(bad[0])} isn't", "Leave it out; nothing was learned."
                )
            )
        return x

    def free(self, slot: int) -> None:
        """Empty a slot."""
        self.used[slot] = False
        self.count[slot] = 0
        self.label[slot] = NO_LABEL

    def put(self, prototype: Tensor, *, count: int = 1, label: int = NO_LABEL) -> int:
        """Store a prototype `[F]` in a free slot, or in the one that is worth least; return which."""
        slot = self._slot()
        self.prototypes[slot] = prototype
        self.used[slot], self.count[slot], self.label[slot] = True, count, label
        self.drift[slot], self.last[slot] = 0.0, self.time
        return slot

    def take_in(self, code: Tensor, label: int = NO_LABEL) -> tuple[int, float, bool]:
        """Learn one code `[F]` as `encode` made it; return the slot that took it in, its match before, and whether it is new."""
        self.time += 1
        vigilance = self.vigilance
        if self.used.any():
            matches, allowed = self.compare(code, self.prototypes), self.used
            while True:
                winner, found = choose(matches, allowed, vigilance)
                if not bool(found):
                    break
                slot = int(winner)
                match = float(matches.match[slot])
                if label in (NO_LABEL, int(self.label[slot])):
                    self._resonate(slot, code)
                    return slot, match, False
                vigilance = match + self.config.tracking
                # raised by less than the type can tell, vigilance alone would let the same one win for ever
                allowed = allowed & (matches.match > match)
        return self.put(code, label=label), 1.0, True

    def _resonate(self, slot: int, code: Tensor) -> None:
        count = int(self.count[slot]) + 1
        rate = max(self.config.rate, 1 / count) if self.config.average else self.config.rate
        moved, distance = self.move(self.prototypes[slot], code, rate)
        self.prototypes[slot] = moved
        self.count[slot] = count
        self.drift[slot] = _STEADY * self.drift[slot] + (1 - _STEADY) * distance
        self.last[slot] = self.time

    def _slot(self) -> int:
        """Return a free slot, or else the least useful one: fewest inputs, then longest unused."""
        free = torch.nonzero(~self.used)
        if len(free):
            return int(free[0])
        fewest = self.count == self.count.min()
        return int(torch.where(fewest, self.last, self.time + 1).argmin())

    @staticmethod
    def _labels(labels: Tensor, count: int) -> list[int]:
        if labels.shape != (count,):
            raise ShapeError(rule_got_do(f"There is a label for each input: [{count}].", list(labels.shape), "Make them match."))
        wanted: list[int] = labels.tolist()
        if any(label < 0 for label in wanted):
            raise InputError(rule_got_do("Labels aren't negative.", min(wanted), "Count classes from 0; nothing was learned."))
        return wanted


class FuzzyARTCell(ResonanceCell):
    """Fuzzy ART: complement-coded inputs in [0, 1], boxes that only grow (Carpenter, Grossberg & Rosen 1991, eq. 2-6)."""

    @property
    def code_size(self) -> int:
        """Twice the input's size."""
        return 2 * self.input_size

    def encode(self, x: Tensor) -> Tensor:
        """Return the complement code `[..., 2D]` of inputs in [0, 1]."""
        return complement_code(x)

    def compare(self, code: Tensor, prototypes: Tensor) -> Matches:
        """Return fuzzy choice and match."""
        return fuzzy_match(code, prototypes, alpha=self.config.alpha)

    def move(self, prototype: Tensor, code: Tensor, rate: float) -> tuple[Tensor, float]:
        """Return `rate (I∧w) + (1 - rate) w` (eq. 6), and the share of the input's sum that was given up."""
        moved = rate * torch.minimum(code, prototype) + (1 - rate) * prototype
        return moved, float((prototype - moved).sum() / code.sum())


class CosineARTCell(ResonanceCell):
    """The same search on unit vectors: prototypes are directions that turn towards what resonates with them."""

    @property
    def code_size(self) -> int:
        """The input's size."""
        return self.input_size

    def encode(self, x: Tensor) -> Tensor:
        """Return inputs as unit vectors; zero stays zero, and matches nothing."""
        return normalize(x, dim=-1)

    def compare(self, code: Tensor, prototypes: Tensor) -> Matches:
        """Return cosines."""
        return cosine_match(code, prototypes)

    def clean(self, prototypes: Tensor) -> Tensor:
        """Return them as unit vectors."""
        return normalize(prototypes, dim=-1)

    def move(self, prototype: Tensor, code: Tensor, rate: float) -> tuple[Tensor, float]:
        """Return `(1 - rate) p + rate h` as a unit vector, and 1 - cosine between old and new."""
        moved = normalize((1 - rate) * prototype + rate * code, dim=-1)
        return moved, float(1 - (moved * prototype).sum())
