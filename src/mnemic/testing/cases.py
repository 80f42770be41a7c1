"""How a memory presents itself to the contract suite."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ConfigError, rule_got_do
from ..memories.base import Memory
from .trace import TraceMemory

Tokens = Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ContractCase:
    """One memory, as the suite uses it. `register_case` makes it part of every run."""

    name: str
    """Shown in test ids; by custom the memory's registered name."""
    build: Callable[[], Memory]
    """Make a memory as a user makes it: it must not be active."""
    arm: Callable[[Memory, Sequence[Tokens]], None]
    """Make an attached memory active for the next batch of new sequences, one prompt per row, and so that it changes the logits.

    Called before every first forward. Rows begin with these prompts and may go on beyond them in the same forward; they may also
    be padded, repeated (beams), or cut short (chunked prefill).
    """


def _arm_trace(memory: Memory, prompts: Sequence[Tokens]) -> None:
    if isinstance(memory, TraceMemory) and not memory.active():
        memory.arm()


_cases: dict[str, ContractCase] = {}


def register_case(case: ContractCase) -> ContractCase:
    """Add a case to the suite.

    Raises:
        ConfigError: if another case has its name.
    """
    if _cases.setdefault(case.name, case) is not case:
        raise ConfigError(rule_got_do("A contract case's name is unique.", repr(case.name), "Choose another name."))
    return case


def cases() -> tuple[ContractCase, ...]:
    """Return the registered cases, by name."""
    return tuple(case for _, case in sorted(_cases.items()))


register_case(ContractCase(name="trace", build=TraceMemory, arm=_arm_trace))
register_case(ContractCase(name="trace-input", build=lambda: TraceMemory(sites=("input",)), arm=_arm_trace))
register_case(ContractCase(name="trace-logits", build=lambda: TraceMemory(sites=("logits",)), arm=_arm_trace))
