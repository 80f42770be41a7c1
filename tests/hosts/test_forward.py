import pytest
import torch
from transformers import DynamicCache, StaticCache

from hosts.support import TOKENS, armed, caching
from mnemic.errors import HostNotSupported
from mnemic.hosts import FAMILIES, attach
from mnemic.hosts.calls import returned_cache
from mnemic.hosts.padding import real_tokens
from mnemic.testing import TraceMemory, tiny_model


@pytest.fixture
def model():
    return tiny_model("llama")


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_show_what_the_model_used(family):
    model = tiny_model(family)
    # this installs the library's own capturing hooks before ours
    base = model(TOKENS, output_hidden_states=True).hidden_states
    given = []
    last = model.get_submodule(FAMILIES[family].parts.blocks)[-1]
    last.register_forward_pre_hook(lambda module, args: given.append(args[0]))
    handle = armed(model, sites=("input", "middle", "top"))
    shown = model(TOKENS, output_hidden_states=True).hidden_states
    assert len(shown) == len(base)
    assert not torch.allclose(shown[0], base[0])
    # the middle block is the last but one
    assert torch.equal(shown[2], given[0])
    # the block after the last changed one gives the same as when it is run on what was shown
    assert torch.allclose(model.get_output_embeddings()(_projected(model, shown[-1])), _logits(handle, model), atol=1e-5)


def _projected(model, hidden):
    projection = getattr(getattr(model.base_model, "decoder", None), "project_out", None)
    already = projection is None or hidden.shape[-1] == projection.out_features
    return hidden if already else projection(hidden)


def _logits(handle, model):
    return model(TOKENS).logits


def takes_positions_by_row(model):
    return model(TOKENS, logits_to_keep=torch.zeros(len(TOKENS), 1, dtype=torch.long)).logits.ndim == 3


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
    if isinstance(keep, torch.Tensor) and keep.ndim == 2 and not takes_positions_by_row(model):
        pytest.skip("this release of transformers takes no positions by row")
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
    rest = model(TOKENS[:, :2], **caching(model, returned_cache(out))).logits
    again = model(torch.cat([TOKENS, TOKENS[:, :2]], 1)).logits[:, 6:]
    assert torch.allclose(rest, again, atol=1e-4)


@pytest.mark.parametrize("site", ["middle", "top", "logits"])
def test_hooks_that_were_there_before_see_what_the_model_used(model, site):
    module = {"middle": model.model.layers[1], "top": model.model.norm, "logits": model.lm_head}[site]
    seen = []
    module.register_forward_hook(lambda module, args, output: seen.append(output))
    model(TOKENS)
    armed(model, sites=(site,))
    model(TOKENS)
    assert not torch.allclose(seen[1], seen[0])


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


def padded_masks():
    mask = torch.ones(2, 6, dtype=torch.long)
    mask[1, :2] = 0
    allowed = torch.ones(6, 6, dtype=torch.bool).tril()[None, None] & mask.bool()[:, None, None, :]
    additive = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)
    return mask, {"2-D": mask, "4-D bool": allowed, "4-D additive": additive}


@pytest.mark.parametrize("form", ["2-D", "4-D bool", "4-D additive"])
def test_every_form_of_mask_tells_padding(model, form):
    armed(model)
    mask, forms = padded_masks()
    places = (mask.cumsum(1) - 1).clamp(min=0)
    expected = model(TOKENS, attention_mask=mask, position_ids=places).logits
    logits = model(TOKENS, attention_mask=forms[form], position_ids=places).logits
    assert torch.allclose(logits[mask.bool()], expected[mask.bool()], atol=1e-5)


def test_masks_by_layer_type_tell_padding():
    mask, forms = padded_masks()
    by_type = {"sliding_attention": None, "full_attention": forms["4-D bool"]}
    assert torch.equal(real_tokens(by_type, 2, 6, 0, TOKENS.device), mask.bool())
    assert real_tokens({"sliding_attention": None}, 2, 6, 0, TOKENS.device).all()


def test_a_mask_over_a_preallocated_cache_is_read_where_the_tokens_are():
    mask = torch.tensor([[0, 1, 1, 1, 0, 0, 0, 0]])
    assert real_tokens(mask, 1, 2, 3, TOKENS.device).tolist() == [[True, False]]
    # a sliding cache's mask covers the last keys only
    assert real_tokens(mask[:, :4], 1, 2, 9, TOKENS.device).tolist() == [[True, True]]


def test_an_unreadable_mask_is_refused(model):
    armed(model)
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
    model(TOKENS, **caching(model, cache))
    cache.reset()
    assert torch.allclose(model(TOKENS, **caching(model, cache)).logits, model(TOKENS).logits, atol=1e-4)


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
