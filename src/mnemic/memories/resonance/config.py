"""Settings of adaptive resonance."""

from dataclasses import dataclass

from ...arguments import check_count, check_numbers
from ...errors import ConfigError, rule_got_do
from ...ops.resonance import loaded_vigilance

SITES = ("input", "top", "logits")


@dataclass(frozen=True, kw_only=True)
class CellConfig:
    """How a cell tells new from known, and how it learns."""

    capacity: int = 256
    """Prototypes at most."""
    vigilance: float = 0.7
    """Match from which an input counts as known, in [0, 1]."""
    floor: float | None = None
    """Vigilance of a full memory; it falls towards it from half full on. None: vigilance stays."""
    rate: float = 1.0
    """Step towards the input on resonance, in (0, 1]; 1 is fast learning. New prototypes are the input itself."""
    average: bool = False
    """Step 1/n at the n-th input of a prototype, a running mean, until that is less than `rate`."""
    alpha: float = 1e-3
    """Choice parameter of the fuzzy geometry, >= 0."""
    tracking: float = 1e-4
    """How far above a wrong winner's match vigilance is raised (match tracking), > 0."""

    def __post_init__(self) -> None:
        """Check every range."""
        check_numbers(self)
        check_count("capacity", self.capacity, 1)
        loaded_vigilance(self.vigilance, self.lowest, 0.0)
        if not 0 < self.rate <= 1:
            raise ConfigError(rule_got_do("rate lies in (0, 1].", self.rate, "Give 1 for fast learning, or less."))
        if self.alpha < 0 or self.tracking <= 0:
            raise ConfigError(
                rule_got_do("alpha isn't negative and tracking is positive.", (self.alpha, self.tracking), "Give small ones.")
            )

    @property
    def lowest(self) -> float:
        """Vigilance of a full memory."""
        return self.vigilance if self.floor is None else self.floor
