import copy
import threading

import pytest
import torch
from transformers import DynamicCache

from hosts.support import LOGITS, TOKENS, Counting, armed, caching
from mnemic.errors import ConfigError, HostNotSupported, ShapeError
from mnemic.hosts import FAMILIES, attach
from mnemic.hosts.calls import returned_cache
from mnemic.memories.base import Site
from mnemic.testing import TraceMemory, tiny_model


@pytest.fixture
def model():
    return tiny_model("llama")


def test_disabled_survives_exceptions_and_nesting(model):
    base = model(TOKENS).logits
    handle = armed(model)
    spoken = model(TOKENS).logits

    def fail():
        with handle.disabled():
            with handle.disabled():
                pass
            assert torch.equal(model(TOKENS).logits, base)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.equal(model(TOKENS).logits, spoken)


def test_disabled_is_of_one_thread(model):
    handle = armed(model)
    spoken = model(TOKENS).logits
    seen = []
    with handle.disabled():
        thread = threading.Thread(target=lambda: seen.append(model(TOKENS).logits))
        thread.start()
        thread.join()
    assert torch.equal(seen[0], spoken)


def test_a_cache_continued_with_memory_off_is_refused_afterwards(model):
    handle = armed(model)
    cache = returned_cache(model(TOKENS[:, :3]))
    with handle.disabled():
        model(TOKENS[:, 3:5], **caching(model, cache))
    with pytest.raises(HostNotSupported, match=r"5 cached tokens, 3 seen by this memory. Start a new cache"):
        model(TOKENS[:, 5:], **caching(model, cache))


def test_a_prefilled_cache_of_the_base_model_is_refused(model):
    cache = returned_cache(model(TOKENS[:, :3]))
    armed(model)
    with pytest.raises(HostNotSupported, match=r"a cache of 3 tokens made without memory. Prefill it with the memory attached"):
        model(TOKENS[:, 3:], **caching(model, cache))


def test_a_cache_of_another_attach_is_refused(model):
    handle = armed(model)
    cache = returned_cache(model(TOKENS[:, :3]))
    handle.detach()
    armed(model)
    with pytest.raises(HostNotSupported, match="0 seen by this memory"):
        model(TOKENS[:, 3:], **caching(model, cache))


def test_a_cache_that_only_the_decoder_continued_is_refused(model):
    armed(model)
    cache = returned_cache(model(TOKENS[:, :3]))
    model.model(TOKENS[:, 3:5], **caching(model.model, cache))
    with pytest.raises(HostNotSupported, match="5 cached tokens, 3 seen"):
        model(TOKENS[:, 5:], **caching(model, cache))


def test_the_decoder_by_itself_has_memory_below_the_logits(model):
    armed(model, sites=("input", "middle", "top"))
    whole = model.model(TOKENS).last_hidden_state
    out = model.model(TOKENS[:, :2])
    rest = model.model(TOKENS[:, 2:], **caching(model.model, returned_cache(out))).last_hidden_state
    assert torch.allclose(rest, whole[:, 2:], atol=1e-4)


def test_another_number_of_rows_is_refused(model):
    armed(model)
    cache = returned_cache(model(TOKENS))
    with pytest.raises(ShapeError, match=r"1 rows for a cache of 2. Select or repeat"):
        model(TOKENS[:1], **caching(model, cache))


def test_a_failed_forward_leaves_nothing_behind(model):
    memory = TraceMemory(sites=("middle",))
    handle = attach(model, memory)
    memory.arm()
    whole = model(TOKENS).logits
    cache = returned_cache(model(TOKENS[:, :3]))
    breaking = model.model.norm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(TOKENS[:, 3:], **caching(model, cache))
    breaking.remove()
    assert torch.equal(model(TOKENS).logits, whole)
    with pytest.raises(HostNotSupported, match="6 cached tokens, 3 seen"):
        model(TOKENS[:, 3:4], **caching(model, cache))
    handle.detach()


def test_a_forward_that_failed_before_the_first_block_is_undone(model):
    handle = armed(model, sites=("input",))
    whole = model(TOKENS).logits
    cache = returned_cache(model(TOKENS[:, :3]))
    breaking = model.model.layers[0].input_layernorm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(TOKENS[:, 3:], **caching(model, cache))
    breaking.remove()
    assert torch.allclose(model(TOKENS[:, 3:], **caching(model, cache)).logits, whole[:, 3:], atol=1e-4)
    assert handle.states(cache)[0] is not None


def test_a_begin_that_failed_leaves_an_empty_cache_usable(model):
    memory = Counting()
    attach(model, memory)
    cache = DynamicCache(config=model.config)
    begin, memory.begin = memory.begin, lambda token_ids, mask: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model(TOKENS, **caching(model, cache))
    memory.begin = begin
    model(TOKENS, **caching(model, cache))
    assert len(memory.begun) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_forward_called_past_the_models_hooks_has_its_memory(family):
    model = tiny_model(family)
    handle = armed(model)
    whole = model(TOKENS).logits
    assert torch.equal(model.forward(TOKENS).logits, whole)
    out = model.forward(TOKENS[:, :4], logits_to_keep=2)
    assert torch.allclose(out.logits, whole[:, 2:4], atol=1e-4)
    rest = model(TOKENS[:, 4:], **caching(model, returned_cache(out))).logits
    assert torch.allclose(rest, whole[:, 4:], atol=1e-4)
    with pytest.raises(HostNotSupported, match=r"Call model\(...\) instead of model.forward\(...\)"):
        model.forward(TOKENS, logits_to_keep=torch.tensor([0, 2]))
    assert torch.equal(model(TOKENS).logits, whole)
    handle.detach()


def test_a_base_forward_that_a_memory_asks_for(model):
    memory = Counting(sites=(Site("block", 0), LOGITS))
    handle = attach(model, memory)
    step = memory.step

    def nosy(x, state, context):
        with handle.disabled():
            model(TOKENS)
        return step(x, state, context)

    memory.step = nosy
    model(TOKENS)
    assert [context.site for context in memory.steps] == [Site("block", 0), LOGITS]


def test_detach_twice_and_attach_again_keeps_what_was_learned(model):
    handle = armed(model)
    spoken = model(TOKENS).logits
    handle.detach()
    handle.detach()
    attach(model, handle.memories)
    assert torch.equal(model(TOKENS).logits, spoken)


def test_reset_reaches_the_memories_and_checks_its_argument(model):
    memory = Counting()
    asked = []
    memory.reset = asked.append
    handle = attach(model, memory)
    handle.reset()
    handle.reset(batch_size=3)
    assert asked == [None, 3]
    with pytest.raises(ConfigError, match=r"`batch_size` is a whole number from 1 on\. Got: 0\."):
        handle.reset(batch_size=0)
    with pytest.raises(ConfigError, match=r"Got: 'a'"):
        handle.reset(batch_size="a")


def test_a_copied_model_has_a_memory_of_its_own(model):
    handle = armed(model)
    spoken = model(TOKENS).logits
    twin = copy.deepcopy(model)
    handle.detach()
    assert torch.equal(twin(TOKENS).logits, spoken)
    assert not torch.equal(model(TOKENS).logits, spoken)


def test_one_attach_at_a_time(model):
    armed(model)
    with pytest.raises(HostNotSupported, match=r"has memories. Pass all memories to one attach call, or detach\(\) the others"):
        attach(model, TraceMemory())


@pytest.mark.parametrize(
    ("memories", "got"), [([object()], r"\['object'\]"), ("trace", "'trace'"), (None, "None"), (3, "3"), (TraceMemory, "<class")]
)
def test_something_else_than_memories(model, memories, got):
    with pytest.raises(ConfigError, match=f"`memories` is one Memory or a list of them. Got: {got}"):
        attach(model, memories)


def test_no_memory_at_all(model):
    with pytest.raises(ConfigError, match="attach takes one or more memories"):
        attach(model, [])


def test_the_same_memory_twice(model):
    memory = TraceMemory()
    with pytest.raises(ConfigError, match="A memory is attached once"):
        attach(model, [memory, memory])


def test_a_memory_of_another_host(model):
    memory = TraceMemory()
    attach(model, memory).detach()
    with pytest.raises(ConfigError, match="Make a new memory for this model"):
        attach(tiny_model("llama", seed=1), memory)


def test_a_compiled_model_is_refused(model):
    model.compile(backend="eager")
    with pytest.raises(HostNotSupported, match=r"a compiled LlamaForCausalLM. Attach to the original model"):
        attach(model, TraceMemory())


def test_a_wrapped_compiled_model_is_refused(model):
    with pytest.raises(HostNotSupported, match="uncompiled"):
        attach(torch.compile(model, backend="eager"), TraceMemory())


def test_gradient_checkpointing_with_a_cache_is_refused(model):
    armed(model)
    # the older name warns in newer transformers
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()
    model.train()
    with pytest.raises(HostNotSupported, match="Pass use_cache=False"):
        model(TOKENS, use_cache=True)
    assert model(TOKENS, use_cache=False).logits.requires_grad


def test_a_site_that_is_not_there(model):
    with pytest.raises(HostNotSupported, match=r"a block or an attention from 0 to 2. Got: \('block', 3\) of memory 'counting'"):
        attach(model, Counting(sites=(Site("block", 3),)))


def test_a_state_without_rows(model):
    memory = Counting()
    memory.begin = lambda token_ids, mask: {"n": torch.zeros(5)}
    attach(model, memory)
    with pytest.raises(ShapeError, match=r"\(5,\) for 2 rows in 'n' of memory 'counting'"):
        model(TOKENS)


def test_a_step_that_changes_the_shape(model):
    memory = Counting()
    memory.step = lambda x, state, context: (x[:, :1].double(), state)
    attach(model, memory)
    with pytest.raises(ShapeError, match="Cast and shape the result"):
        model(TOKENS)


def test_a_site_that_is_jumped_over():
    model = tiny_model("opt")
    attach(model, Counting(sites=(Site("block", 1),)))
    model.train()
    model.model.decoder.layerdrop = 1.0
    with pytest.raises(HostNotSupported, match="1 sites left out"):
        model(TOKENS)


def test_something_else_than_a_cache(model):
    armed(model)
    with pytest.raises(HostNotSupported, match="Pass a DynamicCache"):
        model(TOKENS, **caching(model, ((TOKENS, TOKENS),)))


def test_no_input_at_all(model):
    armed(model)
    with pytest.raises(HostNotSupported, match="input_ids or inputs_embeds"):
        model()


def test_a_model_compiled_after_attach_is_refused(model):
    handle = armed(model)
    compiled = torch.compile(model, backend="eager")
    with pytest.raises(HostNotSupported, match=r"Use the model uncompiled, or pass disable_compile=True to generate"):
        compiled(TOKENS)
    torch.compiler.reset()
    with handle.disabled(), torch.no_grad():
        assert compiled(TOKENS).logits.shape == (2, 6, 61)
    torch.compiler.reset()
