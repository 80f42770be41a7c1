"""The GPT-2 faces: used as their documentation says, on a tiny checkpoint on disk."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, GPT2LMHeadModel
from transformers.cache_utils import DynamicCache

from hosts.support import caching
from mnemic.errors import CheckpointMismatch, ConfigError, InputError, ShapeError
from mnemic.gpt2 import GPT2AdaptiveResonanceGating, GPT2WithGRUMemory
from mnemic.memories.recurrent import load_state, save_state
from mnemic.testing import tiny_model
from mnemic.testing.models import END, PAD

PROMPT = torch.tensor([[3, 14, 15, 9, 2, 6]])
OPTIONS: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": PAD}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpt2")
    tiny_model("gpt2").save_pretrained(path)
    return path


def trained(checkpoint: Path, **settings: Any) -> GPT2WithGRUMemory:
    """Return a model whose memory was trained, as far as a test is concerned: its readout isn't zero."""
    model = GPT2WithGRUMemory.from_pretrained_with_memory(checkpoint, size=8, **settings).eval()
    with torch.no_grad():
        for part in model.memory.at.values():
            part.weight_out.normal_(0, 0.5, generator=torch.Generator().manual_seed(1))
    return model


def state_after(model: GPT2WithGRUMemory, ids: torch.Tensor) -> torch.Tensor:
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(input_ids=ids, **caching(model, cache), use_cache=True)
    (state,) = model.handle.states(cache)
    assert state is not None
    return state["middle"]


def test_the_call_of_its_documentation_runs_exactly_so(checkpoint: Path) -> None:
    module = importlib.import_module("gpt2_gru_memory")
    model = module.GPT2WithGRUMemory.from_pretrained_with_memory(str(checkpoint), decay=0.97)
    assert isinstance(model, GPT2LMHeadModel)
    model.to("cpu")
    model.reset(batch_size=1)
    made = model.generate(
        PROMPT, max_new_tokens=6, do_sample=True, temperature=0.8, top_p=0.9, top_k=20, repetition_penalty=1.1,
        no_repeat_ngram_size=3, pad_token_id=PAD,
    )  # fmt: skip
    assert made.shape[0] == 1
    assert made.shape[1] > PROMPT.shape[1]
    assert model.memory.config.decay == 0.97


def test_every_setting_of_the_memory_can_be_chosen(checkpoint: Path) -> None:
    chosen = {
        "cell": "mingru",
        "segment": 3,
        "output_gate": True,
        "sites": ("input", "top"),
        "size": 8,
        "half_life": 10.0,
        "seed": 4,
    }
    model = GPT2WithGRUMemory.from_pretrained_with_memory(checkpoint, **chosen)
    settings = model.memory.settings()
    assert settings.pop("decay") == pytest.approx(0.5**0.1)
    assert settings == {**{k: v for k, v in chosen.items() if k != "half_life"}, "sites": ["input", "top"]}


def test_untrained_it_is_gpt2(checkpoint: Path) -> None:
    plain = GPT2LMHeadModel.from_pretrained(checkpoint).eval()
    model = GPT2WithGRUMemory.from_pretrained_with_memory(checkpoint).eval()
    with torch.no_grad():
        assert torch.equal(model(PROMPT).logits, plain(PROMPT).logits)
    assert torch.equal(model.generate(PROMPT, **OPTIONS), plain.generate(PROMPT, **OPTIONS))
    assert model.memory.carried is None


def test_the_state_outlives_a_call_until_it_is_reset(checkpoint: Path) -> None:
    model = trained(checkpoint)
    fresh = state_after(model, PROMPT)
    made = model.generate(PROMPT, **OPTIONS)
    carried = model.memory.carried
    assert carried is not None
    model.reset(batch_size=1)
    torch.testing.assert_close(carried["middle"], state_after(model, made), rtol=1e-5, atol=1e-6)
    model.memory.carry_on(carried)
    assert not torch.allclose(state_after(model, PROMPT), fresh, atol=1e-4)
    model.reset()
    assert torch.equal(state_after(model, PROMPT), fresh)
    once = trained(checkpoint, persistent=False)
    once.generate(PROMPT, **OPTIONS)
    assert once.memory.carried is None


def test_rows_carry_their_own_state_padding_and_filler_aside(checkpoint: Path) -> None:
    """Left padding, a row that ends early and several sequences per prompt: each row's state is that of its real tokens."""
    model = trained(checkpoint)
    ids = torch.tensor([[PAD, PAD, 3, 14], [5, 6, 7, 8]])
    mask = (ids != PAD).long()
    torch.manual_seed(0)
    made = model.generate(
        ids, attention_mask=mask, max_new_tokens=12, do_sample=True, num_return_sequences=3, pad_token_id=PAD,
        eos_token_id=[END, *range(0, 50, 4)], suppress_tokens=[PAD],
    )  # fmt: skip
    carried = model.memory.carried
    assert carried is not None
    assert len(carried["middle"]) == 6
    ended = 0
    for row in range(6):
        real = made[row][made[row] != PAD]
        ended += len(real) < len(made[row]) - 2 * (row < 3)
        model.reset()
        torch.testing.assert_close(carried["middle"][row], state_after(model, real[None])[0], rtol=1e-4, atol=1e-5)
    assert ended > 0


@pytest.mark.parametrize("given", ["options", "generation_config"])
def test_filler_is_no_text_however_the_end_was_named(checkpoint: Path, given: str) -> None:
    model = trained(checkpoint)
    prompts = torch.tensor([[3, 14], [5, 6]])
    free = model.generate(prompts, **OPTIONS)
    model.reset()
    # a token that the first row says before the second one does ends it
    first, second = free[0, 2:].tolist(), free[1, 2:].tolist()
    end = next(token for place, token in enumerate(first[:-2]) if token not in second[: place + 2])
    ends = {"eos_token_id": end, "pad_token_id": PAD, "max_new_tokens": 8, "do_sample": False}
    options = ends if given == "options" else {"generation_config": GenerationConfig(**ends)}
    made = model.generate(prompts, **options)
    carried = model.memory.carried
    assert carried is not None
    assert PAD in made[0].tolist()
    model.reset()
    real = made[0][made[0] != PAD]
    torch.testing.assert_close(carried["middle"][0], state_after(model, real[None])[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="reads token ids"):
        model.generate(inputs_embeds=torch.zeros(1, 2, 20), **OPTIONS)


def test_beams_begin_from_what_was_carried_on(checkpoint: Path) -> None:
    model = trained(checkpoint)
    model.generate(PROMPT, **OPTIONS)
    carried = model.memory.carried
    assert carried is not None
    cached, uncached = [], []
    for use_cache, made in ((True, cached), (False, uncached)):
        model.memory.carry_on(carried)
        made.append(model.generate(PROMPT, num_beams=3, use_cache=use_cache, **OPTIONS))
    assert torch.equal(cached[0], uncached[0])
    model.memory.carry_on({"middle": carried["middle"].repeat(2, 1)})
    with pytest.raises(ShapeError, match="A batch begins from the 2 rows"):
        model.generate(PROMPT.repeat(3, 1), **OPTIONS)


def test_a_state_is_saved_bit_for_bit_and_refused_elsewhere(checkpoint: Path, tmp_path: Path) -> None:
    model = trained(checkpoint)
    model.generate(PROMPT, **OPTIONS)
    carried = model.memory.carried
    assert carried is not None
    path = tmp_path / "talk.safetensors"
    save_state(path, carried, model.memory)
    kept = load_state(path, model.memory)
    assert kept.keys() == carried.keys()
    assert torch.equal(kept["middle"], carried["middle"])
    other = trained(checkpoint, sites=("middle", "top"))
    with pytest.raises(CheckpointMismatch, match="belongs to the memory and the model"):
        load_state(path, other.memory)
    tiny_model("gpt2", seed=1).save_pretrained(tmp_path / "other")
    with pytest.raises(CheckpointMismatch, match="belongs to the memory and the model"):
        load_state(path, trained(tmp_path / "other").memory)
    (tmp_path / "broken").write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckpointMismatch, match="A state is a file that save_state wrote"):
        load_state(tmp_path / "broken", model.memory)
    with pytest.raises(ConfigError, match="A file is written to a folder"):
        save_state(tmp_path / "no" / "talk", carried, model.memory)
    # what can't be used leaves what there was
    with pytest.raises(InputError, match="'middle' isn't"):
        model.memory.carry_on({"middle": torch.full_like(carried["middle"], float("nan"))})
    for wrong in ({"top": carried["middle"]}, {"middle": carried["middle"][:0]}, {}):
        with pytest.raises(ShapeError, match="A state of this memory"):
            model.memory.carry_on(wrong)
    now = model.memory.carried
    assert now is not None
    assert torch.equal(now["middle"], carried["middle"])


@pytest.mark.parametrize(
    ("settings", "message"), [({"decay": 1.5}, r"decay lies in \(0, 1\]"), ({"sites": ("bottom",)}, "Sites are among")]
)
def test_what_cannot_be_is_refused_before_a_model_is_loaded(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GPT2WithGRUMemory.from_pretrained_with_memory("/there/is/none", **settings)
    with pytest.raises(ConfigError, match="Vigilance lies in"):
        GPT2AdaptiveResonanceGating.from_pretrained_with_memory("/there/is/none", vigilance=2.0)


def test_a_model_without_its_memory_says_so(checkpoint: Path) -> None:
    model = GPT2WithGRUMemory.from_pretrained(checkpoint)
    with pytest.raises(ConfigError, match="from_pretrained_with_memory"):
        model.reset()


def test_resonance_learns_from_tokens_and_gates(checkpoint: Path) -> None:
    plain = GPT2LMHeadModel.from_pretrained(checkpoint).eval()
    model = GPT2AdaptiveResonanceGating.from_pretrained_with_memory(checkpoint, vigilance=0.8, capacity=16).eval()
    places = model.observe([[3, 14, 15], [9, 2, 6, 5]])
    assert places.shape == (7,)
    with torch.no_grad():
        assert torch.equal(model(PROMPT).logits, plain(PROMPT).logits)
        model.memory.place("top").damping.fill_(0.5)
        gated = model(PROMPT).logits
    assert not torch.allclose(gated, plain(PROMPT).logits, atol=1e-3)
    assert torch.equal(model.generate(PROMPT, **OPTIONS), model.generate(PROMPT, use_cache=False, **OPTIONS))


def test_with_the_real_tokenizer(tmp_path: Path, gpt2_tokenizer_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(gpt2_tokenizer_path)
    config = AutoConfig.for_model("gpt2", n_embd=20, n_layer=2, n_head=5, n_positions=64)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    model = GPT2WithGRUMemory.from_pretrained_with_memory(tmp_path, decay=0.9).eval()
    inputs = tokenizer("Once upon a time", return_tensors="pt")
    made = model.generate(**inputs, max_new_tokens=5, do_sample=False, pad_token_id=tokenizer.eos_token_id)
    assert tokenizer.decode(made[0]).startswith("Once upon a time")
