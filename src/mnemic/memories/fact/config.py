"""Settings of the fact memory."""

from dataclasses import dataclass, fields

from ...arguments import check_numbers
from ...errors import ConfigError, rule_got_do


@dataclass(frozen=True, kw_only=True)
class FactConfig:
    """How facts are found, judged and spoken. Every value can be given to `FactMemory` or `mnemic.load`."""

    candidates: int = 8
    """Items that the dense search and the word search each hand to the gate."""
    word_weight: float = 0.5
    """Weight of rare-word overlap (0 to 1) beside the cosine when candidates are ranked."""
    importance_weight: float = 0.05
    """What an item of importance 1 gains over one of importance 0, in units of cosine."""
    balance_weight: float = 0.02
    """What a candidate loses, in units of cosine, for each better one of its category: keeps one crowded category from filling
    the list."""
    decay_half_life_days: float = 365.0
    """Half-life of an item's recency bonus, counted from its last use or its creation."""
    decay_weight: float = 0.02
    """What an item used just now gains over one long unused, in units of cosine."""
    strength: float = 0.97
    """Share of the pointer in the next-token distribution while it speaks."""
    alternatives: int = 2
    """Answer spans of an accepted item that the pointer may choose between."""
    kv_bias: float = 0.0
    """Added to the attention scores of an item's tokens by the `kv` reader."""
    kv_first_block: int = 0
    """First block in which the `kv` reader lets an item be attended to."""
    hidden_strength: float = 0.05
    """Bound of what the `hidden` reader changes in a state, as a share of the state's norm."""
    hidden_temperature: float = 0.1
    """Temperature of the `hidden` reader's softmax over an item's tokens, in units of cosine."""
    hidden_blocks: int = 7
    """How many of the last blocks the `hidden` reader changes."""
    hidden_tokens: int = 1
    """How many of a prompt's last tokens the `hidden` reader changes, besides those of the answer."""
    duplicate_cosine: float = 0.99
    """Texts at least this similar that also share their words update the item instead of adding one."""
    duplicate_overlap: float = 0.9
    """Share of words two texts must have in common to count as the same wording."""

    def __post_init__(self) -> None:
        """Check every range."""
        check_numbers(self)
        unit = ("word_weight", "importance_weight", "balance_weight", "decay_weight", "duplicate_cosine", "duplicate_overlap")
        for name in unit:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    rule_got_do(f"{name} lies between 0 and 1.", getattr(self, name), "Give a value in that range.")
                )
        if not 0 < self.strength < 1:
            raise ConfigError(rule_got_do("strength lies between 0 and 1, both excluded.", self.strength, "Give e.g. 0.97."))
        for name in ("candidates", "alternatives", "hidden_blocks", "hidden_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(rule_got_do(f"{name} is at least 1.", getattr(self, name), "Give a positive whole number."))
        if not abs(self.kv_bias) <= 20 or self.kv_first_block < 0:
            got = f"kv_bias {self.kv_bias}, kv_first_block {self.kv_first_block}"
            raise ConfigError(rule_got_do("kv_bias lies within ±20, kv_first_block from 0 on.", got, "Give values in range."))
        if not 0 < self.hidden_strength <= 1 or not self.hidden_temperature > 0:
            got = f"hidden_strength {self.hidden_strength}, hidden_temperature {self.hidden_temperature}"
            raise ConfigError(
                rule_got_do("hidden_strength lies in (0, 1], hidden_temperature above 0.", got, "Give values in range.")
            )
        if not self.decay_half_life_days > 0:
            raise ConfigError(rule_got_do("decay_half_life_days is positive.", self.decay_half_life_days, "Give days, e.g. 365."))

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "FactConfig":
        """Return the settings a saved configuration holds.

        Raises:
            ConfigError: if it names a setting that doesn't exist.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(rule_got_do("Settings have known names.", unknown, f"Known: {', '.join(sorted(known))}."))
        return cls(**values)  # type: ignore[arg-type]
