"""Decoders that take their cache under either name, whichever of them the installed transformers uses."""

import pytest
import torch
from transformers import LlamaForCausalLM, LlamaModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from hosts.support import TOKENS, armed
from mnemic.errors import HostNotSupported
from mnemic.hosts import HostReader, attach
from mnemic.hosts.calls import cache_name, returned_cache
from mnemic.hosts.families import locate
from mnemic.testing import TraceMemory, tiny_model

OLD, NEW = "past_key_values", "cache"
OPTIONS = {"attention_mask": torch.ones_like(TOKENS), "max_new_tokens": 7, "do_sample": False}


class OldDecoder(LlamaModel):
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **more):
        return super().forward(input_ids, attention_mask, position_ids, past_key_values, **more)


class NewDecoder(LlamaModel):
    """Takes the older name too, as a keyword that its signature doesn't show, but not both."""

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, cache=None, **more):
        if OLD in more and cache is not None:
            raise TypeError("both names")
        cache = more.pop(OLD, cache)
        return super().forward(input_ids, attention_mask, position_ids, cache, **more)


class Between(LlamaForCausalLM):
    """Takes the cache under both names, as `generate` of every version passes it, and hands it on under one."""

    handed_on_as = NEW

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        cache=None,
        use_cache=None,
        logits_to_keep=0,
        **more,
    ):
        given = {self.handed_on_as: past_key_values if cache is None else cache}
        if self.handed_on_as == "place":
            out = self.model(input_ids, attention_mask, position_ids, given["place"], use_cache=use_cache)
        else:
            out = self.model(input_ids, attention_mask, position_ids, use_cache=use_cache, **given)
        whole = isinstance(logits_to_keep, int)
        kept = slice(-logits_to_keep, None) if whole else logits_to_keep
        hidden = out.last_hidden_state
        logits = self.lm_head(hidden[:, kept] if whole else hidden[torch.arange(len(kept))[:, None], kept])
        # by place: outputs have one name or the other
        return CausalLMOutputWithPast(None, logits, returned_cache(out))


@pytest.fixture(params=[(OldDecoder, OLD), (NewDecoder, NEW), (NewDecoder, OLD), (OldDecoder, "place"), (NewDecoder, "place")])
def model(request):
    model = tiny_model("llama")
    decoder, handed_on_as = request.param
    model.__class__, model.model.__class__, model.handed_on_as = Between, decoder, handed_on_as
    return model


def test_the_name_is_found(model):
    found = locate(model)
    assert found.cache_name == (OLD if isinstance(found.decoder, OldDecoder) else NEW)
    assert found.model_cache_name == NEW


def test_a_wrapper_that_names_no_cache_is_given_it_under_the_decoders_name(model):
    model.__class__ = type("Wrapper", (Between,), {"forward": lambda self, *args, **more: Between.forward(self, *args, **more)})
    assert cache_name(model) is None
    found = locate(model)
    assert found.model_cache_name == found.cache_name


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"use_cache": False}], ids=["greedy", "beams", "uncached"])
def test_generate_is_what_it_is_under_the_usual_name(model, options):
    usual = tiny_model("llama")
    base = usual.generate(TOKENS, **OPTIONS, **options)
    handle, _ = armed(model), armed(usual)
    spoken = usual.generate(TOKENS, **OPTIONS, **options)
    assert not torch.equal(spoken, base)
    assert torch.equal(model.generate(TOKENS, **OPTIONS, **options), spoken)
    with handle.disabled():
        assert torch.equal(model.generate(TOKENS, **OPTIONS, **options), base)


def test_the_state_rides_on_a_cache_that_is_made_or_given(model):
    handle = armed(model)
    whole = model(TOKENS).logits
    out = model(TOKENS[:, :4])
    cache = returned_cache(out)
    assert handle.states(cache)[0] is not None
    for place in (4, 5):
        rest = model(TOKENS[:, place : place + 1], cache=cache).logits
        assert torch.allclose(rest, whole[:, place : place + 1], atol=1e-4)


def test_a_cache_that_the_decoder_made_while_nobody_took_part_is_known(model):
    base = model(TOKENS).logits
    memory = TraceMemory()
    handle = attach(model, memory)
    cache = returned_cache(model(TOKENS[:, :4]))
    memory.arm()
    assert torch.allclose(model(TOKENS[:, 4:], cache=cache).logits, base[:, 4:], atol=1e-5)
    assert handle.states(cache) == (None,)


def test_something_else_than_a_cache_is_refused_by_its_name(model):
    armed(model)
    passed_as = locate(model).cache_name if model.handed_on_as == "place" else model.handed_on_as
    with pytest.raises(HostNotSupported, match=rf"{passed_as} is a transformers Cache. Got: tuple"):
        model(TOKENS, cache=(TOKENS,))


@pytest.mark.parametrize("wanted", [{"layers": [1, 3]}, {"losses": True}, {"last_logprobs": True}], ids=str)
def test_texts_are_read_behind_a_prefix(model, wanted):
    texts = [[3, 14, 15], [9, 2, 6, 5, 35]]
    keywords = set()
    model.register_forward_pre_hook(lambda module, args, options: keywords.update(options), with_kwargs=True)
    (usual, here) = (HostReader(one, None).read_tokens(texts, prefix=[8, 9, 7], **wanted) for one in (tiny_model("llama"), model))
    for left, right in zip(usual, here, strict=True):
        for layer, states in left.states.items():
            assert torch.allclose(states, right.states[layer], atol=1e-5)
        for name in ("losses", "last_logprobs"):
            assert (getattr(left, name) is None) == (getattr(right, name) is None)
            if getattr(left, name) is not None:
                assert torch.allclose(getattr(left, name), getattr(right, name), atol=1e-5)
    assert keywords & {OLD, NEW} == ({NEW} if "layers" not in wanted else set())
