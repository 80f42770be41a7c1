"""`mnemic bench generate`: writes invented facts to a file that `mnemic bench edits --data` reads."""

from dataclasses import dataclass
from pathlib import Path

from . import generator
from .records import write_records
from .relations import Split


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """What `mnemic bench generate` writes."""

    out: Path
    """The JSON file."""
    n: int = 1000
    """How many facts."""
    seed: int = 0
    """The same seed and split give the same facts."""
    split: Split = "test"
    """Wordings of the facts: what is tuned on "dev" never saw a sentence of "test"."""
    probes: int = 2
    """At most so many probes of each sort per fact."""


@dataclass(frozen=True, kw_only=True)
class GenerateSummary:
    """What was written."""

    out: Path
    records: int
    relations: int
    """How many different relations occur."""


def run(config: GenerateConfig) -> GenerateSummary:
    """Write the file.

    Raises:
        ConfigError: if n or probes is below 1.
        OSError: if the file can't be written.
    """
    records = generator.generate(config.n, config.seed, config.split, probes=config.probes)
    write_records(config.out, records)
    return GenerateSummary(out=config.out, records=len(records), relations=len({r.relation for r in records}))
