import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM

from hosts.support import caching
from mnemic.errors import HostNotSupported
from mnemic.hosts import FAMILIES, HostParts, attach
from mnemic.hosts.calls import returned_cache
from mnemic.hosts.families import _search, locate
from mnemic.testing import TraceMemory, tiny_model

SIZES = {
    "vocab_size": 61,
    "hidden_size": 20,
    "intermediate_size": 28,
    "num_hidden_layers": 2,
    "num_attention_heads": 5,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "pad_token_id": 0,
}
TOKENS = torch.tensor([[3, 14, 15, 9, 2, 6, 5, 35]])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_names_the_parts(family):
    model = tiny_model(family)
    found = locate(model)
    assert found.family == family
    assert len(found.blocks) == 3
    assert found.head is model.get_output_embeddings()
    assert found.norm is not None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_search_would_find_the_same(family):
    model = tiny_model(family)
    found, row = _search(model, family), FAMILIES[family].parts
    assert (found.decoder, found.blocks, found.norm, found.head) == (row.decoder, row.blocks, row.norm, row.head)


@pytest.mark.parametrize("family", FAMILIES)
def test_whether_positions_are_learned_is_stated(family):
    tables = [name for name, module in tiny_model(family).named_modules() if name.endswith(("wpe", "embed_positions"))]
    assert bool(tables) == FAMILIES[family].learned_positions


@pytest.mark.parametrize("family", ["gemma2", "gemma3_text", "olmo2", "granite", "stablelm"])
def test_a_family_without_a_row_is_found_by_search(family):
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES)).eval()
    memory = TraceMemory()
    attach(model, memory)
    memory.arm()
    whole = model(TOKENS).logits
    out = model(TOKENS[:, :5])
    rest = model(TOKENS[:, 5:], **caching(model, returned_cache(out))).logits
    assert torch.allclose(torch.cat([out.logits, rest], 1), whole, atol=1e-4)


def test_parts_by_hand():
    model = tiny_model("llama")
    base = model(TOKENS).logits
    model.config.model_type = "somebody's own"
    model.model.pile = model.model.layers
    memory = TraceMemory()
    parts = HostParts(decoder="model", blocks="model.pile", norm="model.norm", head="lm_head")
    handle = attach(model, memory, parts=parts)
    memory.arm()
    assert handle.host.family == "somebody's own"
    assert not torch.equal(model(TOKENS).logits, base)


def test_a_model_whose_parts_cant_be_found_is_told_how_to_name_them():
    model = tiny_model("llama")
    model.config.model_type = "somebody's own"
    model.model.final = model.model.norm
    del model.model.norm
    message = (
        r"in the table: gpt2, .*phi. Got: LlamaForCausalLM \(model_type \"somebody's own\"\).*Name the parts by hand: attach"
    )
    with pytest.raises(HostNotSupported, match=message):
        attach(model, TraceMemory())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"decoder": "modle"}, "no module named modle"),
        ({"blocks": "model.norm"}, "model.norm is a LlamaRMSNorm, not a list of blocks"),
        ({"decoder": "lm_head"}, r"lm_head \(Linear\) takes no attention_mask and no cache \(cache or past_key_values\)"),
        ({"norm": "model.nrom"}, "no module named model.nrom"),
        ({"entry": "model.door"}, "no module named model.door"),
    ],
)
def test_a_wrong_name_is_named(change, why):
    parts = {"decoder": "model", "blocks": "model.layers", "norm": "model.norm", "head": "lm_head", **change}
    with pytest.raises(HostNotSupported, match=why):
        attach(tiny_model("llama"), TraceMemory(), parts=HostParts(**parts))


def test_without_a_final_norm_the_top_is_the_last_block():
    config = AutoConfig.for_model(
        "opt", vocab_size=61, hidden_size=20, ffn_dim=28, num_hidden_layers=2, num_attention_heads=5, do_layer_norm_before=False
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    base = model(TOKENS).logits
    assert locate(model).norm is None
    memory = TraceMemory(sites=("top",))
    attach(model, memory)
    memory.arm()
    assert not torch.allclose(model(TOKENS).logits, base, atol=1e-3)


def test_encoder_decoders_are_refused():
    config = AutoConfig.for_model("t5", vocab_size=61, d_model=20, d_kv=4, d_ff=28, num_layers=2, num_heads=5)
    with pytest.raises(HostNotSupported, match=r"A host is decoder-only. Got: T5ForConditionalGeneration"):
        attach(AutoModelForSeq2SeqLM.from_config(config), TraceMemory())


def test_models_without_a_key_value_cache_are_refused():
    config = AutoConfig.for_model("mamba", vocab_size=61, hidden_size=20, num_hidden_layers=2, state_size=4)
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(HostNotSupported, match=r"takes no cache \(|keeps no keys and values in its cache"):
        attach(model, TraceMemory())
    # neither does the name that keys and values have elsewhere make them so
    model.backbone.__class__ = type("Renamed", (type(model.backbone),), {"forward": _takes_cache})
    with pytest.raises(HostNotSupported, match=r"backbone \(Renamed\) keeps no keys and values in its cache"):
        attach(model, TraceMemory())


def _takes_cache(self, input_ids=None, attention_mask=None, cache=None, **options):
    raise NotImplementedError


def test_a_model_without_a_head_is_refused():
    model = AutoModel.from_config(AutoConfig.for_model("llama", **SIZES))
    with pytest.raises(HostNotSupported, match="no module named model"):
        attach(model, TraceMemory())


def test_something_that_is_no_model():
    with pytest.raises(HostNotSupported, match="Load it with AutoModelForCausalLM"):
        attach(nn.Linear(2, 2), TraceMemory())


def test_a_model_over_several_devices_is_refused():
    model = tiny_model("llama")
    model.hf_device_map = {"model": 0, "lm_head": "cpu"}
    with pytest.raises(HostNotSupported, match="a device map over 2 devices"):
        attach(model, TraceMemory())
