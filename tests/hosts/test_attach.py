import copy
import threading

import pytest
import torch
from transformers import DynamicCache, StaticCache

from mnemic.errors import ConfigError, HostNotSupported, ShapeError
from mnemic.hosts import FAMILIES, attach
from mnemic.memories.base import Memory, Site
from mnemic.testing import TraceMemory, tiny_model

LOGITS = Site("logits")
TOKENS = torch.tensor([[3, 14, 15, 9, 2, 6], [5, 35, 8, 9, 7, 9]])


@pytest.fixture
def model():
    return tiny_model("llama")


def armed(model, **options):
    memory = TraceMemory(**options)
    handle = attach(model, memory)
    memory.arm()
    return handle


class Counting(Memory):
    """Counts how often a sequence begins; writes down what it was given."""

    name = "counting"

    def __init__(self, sites=(LOGITS,)):
        super().__init__()
        self.at = sites
        self.begun = []
        self.steps = []

    def bind(self, host):
        self.host = host

    def sites(self):
        return self.at

    def active(self):
        return True

    def begin(self, token_ids, mask):
        self.begun.append((None if token_ids is None else token_ids.tolist(), mask.tolist()))
        return {"n": torch.zeros(mask.shape[0])}

    def step(self, x, state, context):
        self.steps.append(context)
        return x, {"n": state["n"] + context.mask.sum(1)}


# -- when a sequence begins ------------------------------------------------------------------------------------------------------


def test_begin_is_called_once_per_cache_with_the_prompt(model):
    memory = Counting()
    attach(model, memory)
    model.generate(TOKENS, attention_mask=torch.ones_like(TOKENS), max_new_tokens=4, do_sample=False)
    assert memory.begun == [(TOKENS.tolist(), torch.ones_like(TOKENS).bool().tolist())]


def test_begin_sees_repeated_rows_and_padding(model):
    memory = Counting()
    attach(model, memory)
    mask = torch.ones_like(TOKENS)
    mask[0, :2] = 0
    model.generate(TOKENS, attention_mask=mask, max_new_tokens=3, num_beams=2, do_sample=False)
    assert memory.begun == [(TOKENS.repeat_interleave(2, 0).tolist(), mask.repeat_interleave(2, 0).bool().tolist())]


def test_begin_is_called_in_every_forward_without_cache(model):
    memory = Counting()
    attach(model, memory)
    model.generate(TOKENS, attention_mask=torch.ones_like(TOKENS), max_new_tokens=3, do_sample=False, use_cache=False)
    assert [len(tokens[0]) for tokens, _ in memory.begun] == [6, 7, 8]
    assert all(tokens[0][:6] == TOKENS[0].tolist() for tokens, _ in memory.begun)


def test_guidance_runs_a_sequence_of_its_own(model):
    memory = Counting()
    attach(model, memory)
    options = {"max_new_tokens": 3, "do_sample": False, "attention_mask": torch.ones(1, 6, dtype=torch.long)}
    model.generate(TOKENS[:1], guidance_scale=1.5, **options)
    assert [tokens for tokens, _ in memory.begun] == [TOKENS[:1].tolist(), TOKENS[:1, -1:].tolist()]


def test_embeddings_begin_without_token_ids(model):
    memory = Counting()
    attach(model, memory)
    model(inputs_embeds=model.get_input_embeddings()(TOKENS))
    assert memory.begun[0][0] is None


def test_a_memory_that_was_silent_when_a_sequence_began_stays_silent_in_it(model):
    memory = TraceMemory()
    handle = attach(model, memory)
    base = model(TOKENS).logits
    out = model(TOKENS[:, :3])
    memory.arm()
    rest = model(TOKENS[:, 3:], past_key_values=out.past_key_values).logits
    assert torch.allclose(rest, base[:, 3:], atol=1e-5)
    assert handle.states(out.past_key_values) == (None,)


# -- disabled, reset, detach -----------------------------------------------------------------------------------------------------


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
    cache = model(TOKENS[:, :3]).past_key_values
    with handle.disabled():
        model(TOKENS[:, 3:5], past_key_values=cache)
    with pytest.raises(HostNotSupported, match=r"5 cached tokens, 3 seen by this memory. Start a new cache"):
        model(TOKENS[:, 5:], past_key_values=cache)


def test_a_prefilled_cache_of_the_base_model_is_refused(model):
    cache = model(TOKENS[:, :3]).past_key_values
    armed(model)
    with pytest.raises(HostNotSupported, match=r"a cache of 3 tokens made without memory. Prefill it with the memory attached"):
        model(TOKENS[:, 3:], past_key_values=cache)


def test_a_cache_of_another_attach_is_refused(model):
    handle = armed(model)
    cache = model(TOKENS[:, :3]).past_key_values
    handle.detach()
    armed(model)
    with pytest.raises(HostNotSupported, match="0 seen by this memory"):
        model(TOKENS[:, 3:], past_key_values=cache)


def test_a_cache_that_only_the_decoder_continued_is_refused(model):
    armed(model)
    cache = model(TOKENS[:, :3]).past_key_values
    model.model(TOKENS[:, 3:5], past_key_values=cache)
    with pytest.raises(HostNotSupported, match="5 cached tokens, 3 seen"):
        model(TOKENS[:, 5:], past_key_values=cache)


def test_the_decoder_by_itself_has_memory_below_the_logits(model):
    armed(model, sites=("input", "middle", "top"))
    whole = model.model(TOKENS).last_hidden_state
    out = model.model(TOKENS[:, :2])
    rest = model.model(TOKENS[:, 2:], past_key_values=out.past_key_values).last_hidden_state
    assert torch.allclose(rest, whole[:, 2:], atol=1e-4)


def test_another_number_of_rows_is_refused(model):
    armed(model)
    cache = model(TOKENS).past_key_values
    with pytest.raises(ShapeError, match=r"1 rows for a cache of 2. Select or repeat"):
        model(TOKENS[:1], past_key_values=cache)


def test_a_failed_forward_leaves_nothing_behind(model):
    memory = TraceMemory(sites=("middle",))
    handle = attach(model, memory)
    memory.arm()
    whole = model(TOKENS).logits
    cache = model(TOKENS[:, :3]).past_key_values
    breaking = model.model.norm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(TOKENS[:, 3:], past_key_values=cache)
    breaking.remove()
    assert torch.equal(model(TOKENS).logits, whole)
    with pytest.raises(HostNotSupported, match="6 cached tokens, 3 seen"):
        model(TOKENS[:, 3:4], past_key_values=cache)
    handle.detach()


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
    with pytest.raises(ConfigError, match=r"batch_size is at least 1. Got: 0."):
        handle.reset(batch_size=0)


def test_a_copied_model_has_a_memory_of_its_own(model):
    handle = armed(model)
    spoken = model(TOKENS).logits
    twin = copy.deepcopy(model)
    handle.detach()
    assert torch.equal(twin(TOKENS).logits, spoken)
    assert not torch.equal(model(TOKENS).logits, spoken)


# -- what is refused -------------------------------------------------------------------------------------------------------------


def test_one_attach_at_a_time(model):
    armed(model)
    with pytest.raises(HostNotSupported, match=r"has memories. Pass all memories to one attach call, or detach\(\) the others"):
        attach(model, TraceMemory())


@pytest.mark.parametrize("memories", [[], [object()], "trace"])
def test_something_else_than_memories(model, memories):
    with pytest.raises(ConfigError, match="attach takes one or more memories"):
        attach(model, memories)


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
    with pytest.raises(HostNotSupported, match=r"a block from 0 to 2. Got: \('block', 3\) of memory 'counting'"):
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
        model(TOKENS, past_key_values=((TOKENS, TOKENS),))


def test_no_input_at_all(model):
    armed(model)
    with pytest.raises(HostNotSupported, match="input_ids or inputs_embeds"):
        model()


# -- what the host is given ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_show_what_the_model_used(family):
    model = tiny_model(family)
    base = model(TOKENS, output_hidden_states=True).hidden_states
    handle = armed(model, sites=("input", "middle", "top"))
    shown = model(TOKENS, output_hidden_states=True).hidden_states
    assert len(shown) == len(base)
    assert not torch.allclose(shown[0], base[0])
    # the block after the last changed one gives the same as when it is run on what was shown
    assert torch.allclose(model.get_output_embeddings()(_projected(model, shown[-1])), _logits(handle, model), atol=1e-5)


def _projected(model, hidden):
    projection = getattr(getattr(model.base_model, "decoder", None), "project_out", None)
    already = projection is None or hidden.shape[-1] == projection.out_features
    return hidden if already else projection(hidden)


def _logits(handle, model):
    return model(TOKENS).logits


@pytest.mark.parametrize(
    "keep",
    [
        1,
        3,
        torch.tensor([0, 4]),
        torch.tensor([-1, 2]),
        torch.tensor([[1, 5], [0, 3]]),
        torch.tensor([[True, False, True, False, False, True], [False, False, False, False, True, False]]),
    ],
    ids=["last", "last three", "positions", "negative and unsorted", "by row", "mask"],
)
def test_every_form_of_logits_to_keep(model, keep):
    armed(model)
    whole = model(TOKENS).logits
    if isinstance(keep, int):
        expected = whole[:, -keep:]
    elif keep.dtype == torch.bool:
        expected = whole[keep]
    else:
        expected = whole[:, keep] if keep.ndim == 1 else whole.take_along_dim(keep[..., None], 1)
    out = model(TOKENS, logits_to_keep=keep)
    assert torch.allclose(out.logits, expected, atol=1e-5)
    # and the state went on over all tokens
    rest = model(TOKENS[:, :2], past_key_values=out.past_key_values).logits
    again = model(torch.cat([TOKENS, TOKENS[:, :2]], 1)).logits[:, 6:]
    assert torch.allclose(rest, again, atol=1e-4)


def test_the_loss_is_that_of_the_logits_with_memory(model):
    armed(model)
    out = model(TOKENS, labels=TOKENS)
    expected = torch.nn.functional.cross_entropy(out.logits[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())
    assert torch.allclose(out.loss, expected)


def test_gradients_reach_the_memory_alone_when_the_host_is_frozen(model):
    handle = armed(model)
    model.requires_grad_(False)
    model(TOKENS, labels=TOKENS).loss.backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in handle.memories[0].write.values())


def test_the_soft_cap_comes_after_the_memory():
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 20, "intermediate_size": 28, "num_hidden_layers": 2, "num_attention_heads": 5, "head_dim": 4}
    config = AutoConfig.for_model("gemma2", vocab_size=61, num_key_value_heads=1, final_logit_softcapping=2.0, **sizes)
    model = AutoModelForCausalLM.from_config(config).eval()
    memory = TraceMemory(sites=("logits",))
    attach(model, memory)
    memory.arm(strength=50.0)
    logits = model(TOKENS).logits
    assert logits.abs().max() <= 2.0
    assert logits.abs().max() > 1.9


def test_positional_arguments(model):
    armed(model)
    whole = model(TOKENS).logits
    cache = DynamicCache(config=model.config)
    first = model(TOKENS[:, :4], None, None, cache).logits
    rest = model(TOKENS[:, 4:], None, None, cache).logits
    assert torch.allclose(torch.cat([first, rest], 1), whole, atol=1e-4)


@pytest.mark.parametrize("form", ["2-D", "4-D bool", "4-D additive", "dict"])
def test_every_form_of_mask_tells_padding(model, form):
    armed(model)
    mask = torch.ones(2, 6, dtype=torch.long)
    mask[1, :2] = 0
    places = (mask.cumsum(1) - 1).clamp(min=0)
    expected = model(TOKENS, attention_mask=mask, position_ids=places).logits
    allowed = torch.ones(6, 6, dtype=torch.bool).tril()[None, None] & mask.bool()[:, None, None, :]
    additive = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)
    given = {"2-D": mask, "4-D bool": allowed, "4-D additive": additive, "dict": {"full_attention": allowed}}[form]
    if form == "dict":
        from mnemic.hosts.padding import real_tokens

        assert torch.equal(real_tokens(given, 2, 6, 0, TOKENS.device), mask.bool())
        return
    logits = model(TOKENS, attention_mask=given, position_ids=places).logits
    assert torch.allclose(logits[mask.bool()], expected[mask.bool()], atol=1e-5)


def test_an_unreadable_mask_is_refused(model):
    armed(model)
    from mnemic.hosts.padding import real_tokens

    with pytest.raises(HostNotSupported, match="Pass a 2-D or a 4-D attention_mask"):
        real_tokens(torch.ones(2, 3, 4), 2, 3, 0, TOKENS.device)


@pytest.mark.parametrize("family", ["llama", "mistral", "gpt2"])
def test_a_static_cache_gives_the_same(family):
    model = tiny_model(family)
    armed(model)
    mask = torch.ones_like(TOKENS)
    mask[1, :2] = 0
    options = {"attention_mask": mask, "max_new_tokens": 6, "do_sample": False, "disable_compile": True}
    dynamic = model.generate(TOKENS, **options)
    assert torch.equal(model.generate(TOKENS, cache_implementation="static", **options), dynamic)
    cache = StaticCache(config=model.config, max_cache_len=20)
    model(TOKENS, past_key_values=cache)
    cache.reset()
    assert torch.allclose(model(TOKENS, past_key_values=cache).logits, model(TOKENS).logits, atol=1e-4)


def test_device_and_dtype_follow_the_host(model):
    handle = armed(model)
    assert handle.host.dtype == torch.float32
    model.to(torch.bfloat16)
    assert model(TOKENS).logits.dtype == torch.bfloat16
    assert {weight.dtype for weight in handle.memories[0].parameters()} == {torch.bfloat16}
    assert handle.host.dtype == torch.bfloat16
    model.to("meta")
    assert handle.host.device.type == "meta"


def test_a_memory_may_keep_its_own_floating_point_type(model, monkeypatch):
    monkeypatch.setattr(TraceMemory, "parameter_dtype", torch.float32)
    handle = armed(model.to(torch.bfloat16))
    assert model(TOKENS).logits.dtype == torch.bfloat16
    assert {weight.dtype for weight in handle.memories[0].parameters()} == {torch.float32}


def test_streaming(model):
    from transformers.generation.streamers import BaseStreamer

    class Kept(BaseStreamer):
        def __init__(self):
            self.tokens = []

        def put(self, value):
            self.tokens += value.flatten().tolist()

        def end(self):
            self.tokens.append(None)

    armed(model)
    options = {"attention_mask": torch.ones(1, 6, dtype=torch.long), "max_new_tokens": 5, "do_sample": False}
    streamer = Kept()
    said = model.generate(TOKENS[:1], **options)
    model.generate(TOKENS[:1], streamer=streamer, **options)
    assert streamer.tokens == [*said[0].tolist(), None]


def test_embeddings_give_the_same_below_the_logits(model):
    armed(model, sites=("input", "middle", "top"))
    embeds = model.get_input_embeddings()(TOKENS)
    assert torch.allclose(model(inputs_embeds=embeds).logits, model(TOKENS).logits, atol=1e-5)


# -- torch.compile ---------------------------------------------------------------------------------------------------------------


def test_a_model_compiled_after_attach_is_refused(model):
    handle = armed(model)
    compiled = torch.compile(model, backend="eager")
    with pytest.raises(HostNotSupported, match=r"Use the model uncompiled, or pass disable_compile=True to generate"):
        compiled(TOKENS)
    torch.compiler.reset()
    with handle.disabled(), torch.no_grad():
        assert compiled(TOKENS).logits.shape == (2, 6, 61)
    torch.compiler.reset()


# -- how far a crop reaches ------------------------------------------------------------------------------------------------------


def test_a_crop_beyond_the_journal_is_refused_and_leaves_the_cache_whole(model, monkeypatch):
    handle = armed(model)
    whole = model(TOKENS).logits
    monkeypatch.setattr("mnemic.hosts.track.HISTORY_BYTES", 0)
    cache = model(TOKENS[:, :4]).past_key_values
    message = r"as its memory's journal reaches. Got: a crop of 2 of 4 tokens. Call cache.activate_past_recording\(\)"
    with pytest.raises(HostNotSupported, match=message):
        cache.crop(-2)
    assert torch.allclose(model(TOKENS[:, 4:], past_key_values=cache).logits, whole[:, 4:], atol=1e-4)
    assert handle.states(cache)[0] is not None


def test_a_crop_that_was_announced_reaches_back_whatever_it_takes(model, monkeypatch):
    armed(model)
    whole = model(TOKENS).logits
    monkeypatch.setattr("mnemic.hosts.track.HISTORY_BYTES", 0)
    cache = model(TOKENS[:, :2]).past_key_values
    cache.activate_past_recording()
    model(torch.tensor([[1, 2, 3], [4, 5, 6]]), past_key_values=cache)
    cache.crop(-3)
    assert torch.allclose(model(TOKENS[:, 2:], past_key_values=cache).logits, whole[:, 2:], atol=1e-4)


def test_a_crop_to_nothing_begins_anew(model):
    memory = Counting()
    attach(model, memory)
    cache = model(TOKENS).past_key_values
    cache.crop(-6)
    model(TOKENS[:, :2], past_key_values=cache)
    assert [len(tokens[0]) for tokens, _ in memory.begun] == [6, 2]


def test_the_journal_stays_within_its_bounds(model, monkeypatch):
    armed(model)
    monkeypatch.setattr("mnemic.hosts.track.HISTORY_BYTES", 5000)
    cache = model(TOKENS).past_key_values
    for _ in range(40):
        model(TOKENS[:, :1], past_key_values=cache)
        cache.reorder_cache(torch.tensor([1, 0]))
    from mnemic.hosts.track import Forward, track_of

    track = track_of(cache)
    held = sum(entry.nbytes() for entry in track._journal if isinstance(entry, Forward))
    assert held == track._bytes
    assert 0 < held <= 5000
    assert len(track._journal) < 80
