import pytest
import torch

from hosts.support import TOKENS, Counting, armed, caching
from mnemic.errors import HostNotSupported
from mnemic.hosts import attach
from mnemic.hosts.calls import returned_cache
from mnemic.hosts.track import Forward, track_of
from mnemic.testing import TraceMemory, tiny_model


@pytest.fixture
def model():
    return tiny_model("llama")


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
    rest = model(TOKENS[:, 3:], **caching(model, returned_cache(out))).logits
    assert torch.allclose(rest, base[:, 3:], atol=1e-5)
    assert handle.states(returned_cache(out)) == (None,)


def test_a_crop_beyond_the_journal_is_refused_and_leaves_the_cache_whole(model, monkeypatch):
    handle = armed(model)
    whole = model(TOKENS).logits
    monkeypatch.setattr("mnemic.hosts.track.HISTORY_BYTES", 0)
    cache = returned_cache(model(TOKENS[:, :4]))
    message = r"as its memory's journal reaches. Got: a crop of 2 of 4 tokens. Call cache.activate_past_recording\(\)"
    with pytest.raises(HostNotSupported, match=message):
        cache.crop(-2)
    assert torch.allclose(model(TOKENS[:, 4:], **caching(model, cache)).logits, whole[:, 4:], atol=1e-4)
    assert handle.states(cache)[0] is not None


def test_a_crop_that_was_announced_reaches_back_whatever_it_takes(model, monkeypatch):
    armed(model)
    whole = model(TOKENS).logits
    monkeypatch.setattr("mnemic.hosts.track.HISTORY_BYTES", 0)
    cache = returned_cache(model(TOKENS[:, :2]))
    cache.activate_past_recording()
    model(torch.tensor([[1, 2, 3], [4, 5, 6]]), **caching(model, cache))
    cache.crop(-3)
    assert torch.allclose(model(TOKENS[:, 2:], **caching(model, cache)).logits, whole[:, 2:], atol=1e-4)


def test_a_crop_to_nothing_begins_anew(model):
    memory = Counting()
    attach(model, memory)
    cache = returned_cache(model(TOKENS))
    cache.crop(-6)
    model(TOKENS[:, :2], **caching(model, cache))
    assert [len(tokens[0]) for tokens, _ in memory.begun] == [6, 2]


def test_the_journal_stays_within_its_bounds(model, monkeypatch):
    armed(model)
    monkeypatch.setattr("mnemic.hosts.track.HISTORY_BYTES", 5000)
    cache = returned_cache(model(TOKENS))
    for _ in range(40):
        model(TOKENS[:, :1], **caching(model, cache))
        cache.reorder_cache(torch.tensor([1, 0]))
    track = track_of(cache)
    held = sum(entry.nbytes() for entry in track._journal if isinstance(entry, Forward))
    assert held == track._bytes
    assert 0 < held <= 5000
    assert len(track._journal) < 80
