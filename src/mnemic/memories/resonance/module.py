"""Adaptive resonance inside a host: what is familiar passes, what is strange is damped, and prototypes speak."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...arguments import check_names
from ...errors import ConfigError, ShapeError, rule_got_do
from ..base import HostSpec, Memory, Site, State, StepContext
from ..readouts import Readouts
from .cells import CosineARTCell
from .config import SITES, CellConfig
from .prototypes import PromotionConfig, Prototypes


class _Place(nn.Module):
    """Prototypes and gate of one site: `h ⊙ (1 - a (1 - r)) + b readout(P)`.

    r: the best match of the state with any prototype, in [0, 1]; 1 while there is none. shift, scale: what states are
    standardised by before they are compared, since those of a language model all point the same way.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, size: int, cell: CellConfig, promotion: PromotionConfig) -> None:
        super().__init__()
        self.prototypes = Prototypes(CosineARTCell(size, cell), promotion)
        self.damping = nn.Parameter(torch.zeros(()))
        self.strength = nn.Parameter(torch.zeros(()))
        self.focus = nn.Parameter(torch.tensor(10.0))
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def standard(self, x: Tensor) -> Tensor:
        return (x.float() - self.shift) / self.scale

    def matches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the match `[..., C + M]` of states with every prototype, and which of those are in use `[C + M]`."""
        cell = self.prototypes.cell
        everything = torch.cat([cell.prototypes, cell.clean(self.prototypes.settled.float())])
        used = torch.cat([cell.used, self.prototypes.occupied])
        return cell.compare(cell.encode(self.standard(x)), everything).choice.masked_fill(~used, -1.0), used

    def forward(self, x: Tensor) -> Tensor:
        cosines, used = self.matches(x)
        resonance = cosines.max(-1, keepdim=True).values.clamp(min=0.0)
        weights = torch.softmax((self.focus.float() * cosines).masked_fill(~used, -torch.inf), -1)
        cell = self.prototypes.cell
        said = weights @ torch.cat([cell.prototypes, self.prototypes.settled.float()])
        h = x.float()
        return h * (1 - self.damping.float() * (1 - resonance)) + self.strength.float() * (said * self.scale)


class ResonanceMemory(Memory):
    """Adaptive resonance at a host's input, top or logits (Carpenter, Grossberg & Rosen 1991, on unit vectors).

    A forward only reads: `observe` learns, so that no conversation changes another one, and cached text, batches and beams are
    what they are without. With damping and strength at zero, as made, it changes nothing and costs nothing.
    """

    name: ClassVar[str] = "resonance"
    parameter_dtype: ClassVar[torch.dtype | None] = torch.float32

    def __init__(
        self,
        sites: Sequence[str] = ("top",),
        capacity: int = 256,
        vigilance: float = 0.7,
        floor: float | None = None,
        rate: float = 0.05,
        settled: int = 64,
        promote_after: int = 20,
        promote_drift: float = 0.05,
    ) -> None:
        """Choose places and sizes.

        Args:
            sites: any of "input", "top", "logits", each with prototypes of its own.
            capacity: prototypes in ART memory.
            vigilance: match from which a state counts as known, in [0, 1].
            floor: vigilance of a full memory; None: as `vigilance`.
            rate: step of a prototype towards what resonates with it, in (0, 1]; the first ones are averaged.
            settled: promoted prototypes at most.
            promote_after: inputs after which a prototype may be promoted.
            promote_drift: how far an input may move it by then, on average, in 1 - cosine.

        Raises:
            ConfigError: if one of them can't be used.
        """
        super().__init__()
        self._names = check_names("Sites", sites, SITES, least=1)
        self.cell_config = CellConfig(capacity=capacity, vigilance=vigilance, floor=floor, rate=rate, average=True)
        self.promotion = PromotionConfig(capacity=settled, count=promote_after, drift=promote_drift)
        self.at = nn.ModuleDict()
        self._readouts = Readouts()

    def bind(self, host: HostSpec) -> None:
        """Make prototypes for every site."""
        for name in self._names:
            size = host.vocab_size if name == "logits" else host.hidden_size
            self.at[name] = _Place(size, self.cell_config, self.promotion)
        self.active()

    def sites(self) -> tuple[Site, ...]:
        """Return the chosen sites."""
        return tuple(Site(name) for name in self._names)  # type: ignore[arg-type]  # checked to be kinds of sites

    def active(self) -> bool:
        """Return whether any gate is open over any prototype."""
        places = [self.place(name) for name in self._names]
        opened = self._readouts.speak(weight for place in places for weight in (place.damping, place.strength))
        return opened and any(self._known(place) for place in places)

    @staticmethod
    def _known(place: _Place) -> bool:
        return int(place.prototypes.cell.time) > 0

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {
            "sites": list(self._names),
            "capacity": self.cell_config.capacity,
            "vigilance": self.cell_config.vigilance,
            "floor": self.cell_config.floor,
            "rate": self.cell_config.rate,
            "settled": self.promotion.capacity,
            "promote_after": self.promotion.count,
            "promote_drift": self.promotion.drift,
        }

    def begin(self, token_ids: Tensor | None, mask: Tensor) -> State:
        """Return nothing: what this memory knows belongs to no conversation."""
        return {}

    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Damp what is strange and add what the prototypes say; padding stays as it is."""
        place = self.place(context.site.kind)
        if not self._known(place):
            return x, state
        return torch.where(context.mask[:, context.kept][..., None], place(x).to(x.dtype), x), state

    def place(self, site: str) -> _Place:
        """Return prototypes and gate of a site.

        Raises:
            ConfigError: if it isn't one of this memory's, or the memory isn't attached yet.
        """
        place = self.at[site] if site in self._names and len(self.at) else None
        if not isinstance(place, _Place):
            raise ConfigError(
                rule_got_do(f"Sites of this memory, once attached: {', '.join(self._names)}.", repr(site), "Choose one of them.")
            )
        return place

    @torch.no_grad()
    def standardise(self, states: Tensor, *, site: str | None = None) -> None:
        """Compare states by how they differ from these `[N, D]`: their mean becomes zero, their spread one, in every dimension.

        Raises:
            ShapeError: if there are fewer than two, or they have another size.
            InputError: if a number isn't finite.
            ConfigError: as `place`; or if prototypes were learned on another scale.
        """
        place = self.place(site or self._names[0])
        states = place.prototypes.cell.checked(states)
        if len(states) < 2:
            raise ShapeError(rule_got_do("A scale needs two states or more.", len(states), "Pass more."))
        if self._known(place):
            raise ConfigError(
                rule_got_do(
                    "Prototypes stay on the scale they were learned on.", "a memory that has learned", "Standardise first."
                )
            )
        place.shift.copy_(states.float().mean(0))
        place.scale.copy_(states.float().std(0).clamp(min=1e-6))

    @torch.no_grad()
    def observe(self, states: Tensor, *, site: str | None = None) -> Tensor:
        """Learn from states `[N, D]` of a site, in order; return `[N]` where each went (`Prototypes.observe`).

        Raises:
            InputError: if a number isn't finite. Nothing was learned.
            ConfigError: as `place`.
        """
        place = self.place(site or self._names[0])
        return place.prototypes.observe(place.standard(place.prototypes.cell.checked(states)))
