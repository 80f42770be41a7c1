import pytest
from transformers import AutoModelForCausalLM

from mnemic.hosts import FAMILIES
from mnemic.testing import CHECKS, ContractCase, ContractHost, cases, shared_host, tiny_host

CASES = {case.name: case for case in cases()}
ON_REAL_MODELS = ("no_op", "cached_is_uncached", "padding", "generate")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("check", CHECKS)
def test_tiny(check: str, case: ContractCase, family: str) -> None:
    CHECKS[check](case, tiny_host(family))


@pytest.fixture(scope="module")
def stories(stories_path) -> ContractHost:
    return shared_host("stories260K", AutoModelForCausalLM.from_pretrained(stories_path))


@pytest.mark.stories
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("check", CHECKS)
def test_stories(check: str, case: ContractCase, stories: ContractHost) -> None:
    CHECKS[check](case, stories)
