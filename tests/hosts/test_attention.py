"""Attention as a site: the host's own function is asked, its name comes back, and an item stands where it should."""

import threading
from typing import Any

import pytest
import torch

from mnemic.errors import ConfigError, HostNotSupported
from mnemic.hosts import ItemReader, attach
from mnemic.hosts.items import KEPT_TOKENS
from mnemic.memories.base import Memory, Site, State
from mnemic.memories.fact import HiddenMemory, HiddenRoute, KvMemory, KvRoute
from mnemic.testing import tiny_model

PROMPT, ITEM = [5, 9, 3, 11, 7], [6, 4, 8, 10]


def armed(memory: KvMemory, model: Any, prompt: list[int] = PROMPT) -> KvMemory:
    read = ItemReader(model).read(ITEM)
    assert read.keys is not None
    assert read.values is not None
    memory.arm([KvRoute(prompt=tuple(prompt), keys=read.keys, values=read.values)])
    return memory


@torch.no_grad()
def logits(model: Any, tokens: list[int] = PROMPT, **options: Any) -> torch.Tensor:
    return model(torch.tensor([tokens]), use_cache=False, **options).logits[0]


@pytest.mark.parametrize("family", ["llama", "phi", "qwen3", "gemma", "gpt_neox", "gpt2"])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_an_item_is_as_if_it_stood_right_before_the_prompt(family: str, implementation: str) -> None:
    model: Any = tiny_model(family, dtype=torch.float64)
    model.set_attn_implementation(implementation)
    memory = KvMemory(bias=0.0)
    handle = attach(model, memory)
    armed(memory, model)
    found = logits(model)
    handle.detach()
    both = [*ITEM, *PROMPT]
    mask = torch.ones(len(both), len(both), dtype=torch.bool).tril()
    # the prompt doesn't see the item's first token, which is left out
    mask[len(ITEM) :, 0] = False
    added = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, torch.finfo(torch.float64).min)
    # a learned table has no places before the first one: item and prompt overlap there
    places = [*range(len(ITEM)), *range(len(PROMPT))] if family == "gpt2" else list(range(len(both)))
    expected = logits(model, both, attention_mask=added[None, None], position_ids=torch.tensor([places]))[len(ITEM) :]
    # rotary angles are float32 in transformers: positions -4 and 0 differ from 0 and 4 by their rounding
    assert torch.allclose(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    assert not torch.allclose(found, logits(model), rtol=0, atol=1e-3)


def test_the_name_of_the_attention_comes_back() -> None:
    model: Any = tiny_model("llama")
    memory = KvMemory()
    handle = attach(model, memory)
    seen: list[str] = []
    model.model.layers[1].register_forward_pre_hook(lambda *a: seen.append(model.config._attn_implementation))
    logits(model)
    armed(memory, model)
    seen.clear()
    logits(model)
    assert (seen, model.config._attn_implementation) == (["mnemic-sdpa"], "sdpa")

    def fail(*args: object) -> None:
        raise RuntimeError("in the midst of it")

    hook = model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="in the midst"):
        logits(model)
    hook.remove()
    assert model.config._attn_implementation == "sdpa"
    handle.detach()


def test_another_thread_without_memory_is_the_base_model() -> None:
    model: Any = tiny_model("llama")
    memory = KvMemory()
    handle = attach(model, memory)
    with handle.disabled():
        base = logits(model)
    armed(memory, model)
    found: list[torch.Tensor] = []

    def beside() -> None:
        with handle.disabled():
            found.append(logits(model))

    def start(*args: object) -> None:
        if not found and model.config._attn_implementation == "mnemic-sdpa":
            thread = threading.Thread(target=beside)
            found.append(base)
            thread.start()
            thread.join()

    model.model.layers[1].register_forward_pre_hook(start)
    changed = logits(model)
    assert len(found) == 2
    assert torch.equal(found[1], base)
    assert not torch.equal(changed, base)
    assert model.config._attn_implementation == "sdpa"
    handle.detach()


def test_a_host_whose_attention_is_no_site_says_so() -> None:
    model: Any = tiny_model("llama")
    model.config.attn_logit_softcapping = 50.0
    with pytest.raises(
        HostNotSupported, match=r"without a cap on scores\. Got: a llama host\. Use the readers pointer and hidden"
    ):
        attach(model, KvMemory())


class Deaf(Memory):
    """Has a site in attention and doesn't attend."""

    name = "deaf"

    def bind(self, host: object) -> None: ...
    def sites(self) -> tuple[Site, ...]:
        return (Site("attention", 0),)

    def active(self) -> bool:
        return True

    def begin(self, token_ids: object, mask: torch.Tensor) -> State:
        return {}

    def step(self, x: torch.Tensor, state: State, context: object) -> tuple[torch.Tensor, State]:
        return x, state


def test_a_memory_that_reads_attention_has_to_say_how() -> None:
    model: Any = tiny_model("llama")
    handle = attach(model, Deaf())
    with pytest.raises(NotImplementedError, match="Deaf has no attention sites"):
        logits(model)
    handle.detach()
    model = tiny_model("gpt_neo")
    with pytest.raises(HostNotSupported, match=r"caps no score\. Got: memory 'deaf' on a gpt_neo host"):
        attach(model, Deaf())


def test_readings_are_kept_and_made_anew_when_a_weight_changes() -> None:
    model: Any = tiny_model("llama")
    reader = ItemReader(model)
    first = reader.read(ITEM)
    assert reader.read(ITEM) is first
    with torch.no_grad():
        model.model.layers[0].self_attn.v_proj.weight.mul_(2.0)
    second = reader.read(ITEM)
    assert first.values is not None
    assert second.values is not None
    assert torch.allclose(second.values[0], 2 * first.values[0])
    for other in range(KEPT_TOKENS // 32 - 1):
        reader.read([other, *range(31)])
    assert reader.read(ITEM) is second, "what was used last stays"
    for length in (20, 30):
        reader.read([5] * length)
    assert reader.read(ITEM) is second
    reader.read([5] * KEPT_TOKENS)
    assert reader.read(ITEM) is not second


def test_a_direction_makes_the_items_next_token_likelier() -> None:
    model: Any = tiny_model("llama", dtype=torch.float64)
    read = ItemReader(model).read(ITEM, directions=True)
    assert read.directions is not None
    assert read.directions.shape == (len(ITEM) - 1, model.config.hidden_size)

    def likely(states: torch.Tensor) -> torch.Tensor:
        logprobs = model.lm_head(model.model.norm(states)).log_softmax(-1)
        return logprobs[:-1].gather(1, torch.tensor(ITEM)[1:, None])

    with torch.no_grad():
        moved = read.states[-1].clone()
        moved[:-1] += 1e-3 * read.directions / read.directions.norm(dim=-1, keepdim=True)
        assert bool((likely(moved) > likely(read.states[-1])).all())
    assert ItemReader(model).read([3], directions=True).directions is None
    assert ItemReader(model).read(ITEM).directions is None
    long = [token for _ in range(40) for token in ITEM]
    tokens = torch.tensor(long)
    found = ItemReader(model).read(long, directions=True)
    assert found.directions is not None
    states = found.states[-1].requires_grad_()
    whole = model.lm_head(model.model.norm(states)).log_softmax(-1)[:-1].gather(1, tokens[1:, None]).sum()
    (expected,) = torch.autograd.grad(whole, states)
    # transformers' norms are float32 inside
    assert torch.allclose(found.directions, expected[:-1], rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (KvRoute(prompt=(1,), keys=torch.zeros(3, 9, 2, 4), values=torch.zeros(3, 9, 2, 4)), "A kv route has keys and values"),
        (HiddenRoute(prompt=(1,), keys=torch.zeros(3, 2, 4), values=torch.zeros(2, 4), steps=1), "A hidden route has keys"),
    ],
)
def test_a_route_of_another_host_is_refused(route: Any, told: str) -> None:
    memory: Any = KvMemory() if isinstance(route, KvRoute) else HiddenMemory()
    with pytest.raises(ConfigError, match="once it is attached"):
        _ = memory.host
    handle = attach(tiny_model("llama"), memory)
    with pytest.raises(ConfigError, match=told):
        memory.arm([route])
    handle.detach()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: KvMemory(bias=50.0), "kv_bias lies within ±20"),
        (lambda: KvMemory(first_block=-1), "`first_block` is a whole number from 0"),
        (lambda: HiddenMemory(strength=2.0), r"hidden_strength lies in \(0, 1\]"),
        (lambda: HiddenMemory(blocks=0), "hidden_blocks is at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make()


def test_a_first_block_that_isnt_there_is_refused() -> None:
    with pytest.raises(HostNotSupported, match=r"first_block is one of the host's 3 blocks\. Got: 9"):
        attach(tiny_model("llama"), KvMemory(first_block=9))
