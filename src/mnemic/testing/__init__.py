"""The contract suite, public: what every memory must hold on every host.

A memory joins with a `ContractCase`; `CHECKS` are the contracts. In a test module of one's own:

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("check", CHECKS)
    def test_contract(check, family):
        CHECKS[check](ContractCase(name="mine", build=MyMemory, arm=...), tiny_host(family))
"""

from ..registry import register
from .cases import ContractCase, cases, register_case
from .contracts import CHECKS
from .lab import ContractHost, Lab, OperationLog, Reference, lab, shared_host, tiny_host
from .models import tiny_model
from .trace import TraceMemory

register(TraceMemory.name, TraceMemory)

__all__ = [
    "CHECKS",
    "ContractCase",
    "ContractHost",
    "Lab",
    "OperationLog",
    "Reference",
    "TraceMemory",
    "cases",
    "lab",
    "register_case",
    "shared_host",
    "tiny_host",
    "tiny_model",
]
