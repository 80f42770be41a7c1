import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from mnemic.errors import ConfigError, InputError
from mnemic.hosts import FAMILIES, HostReader, attach
from mnemic.hosts.reader import BATCH_TOKENS, _batches
from mnemic.testing import TraceMemory, tiny_model


class Letters:
    """A tokenizer of one token per letter, with a start token, as some have."""

    def __call__(self, text, verbose=True, add_special_tokens=True):
        return {"input_ids": [1] * add_special_tokens + [ord(letter) % 50 + 2 for letter in text]}


TEXTS = ["water", "the sun and the moon and the stars", "a", "earth and fire"]


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_the_model(family):
    model = tiny_model(family)
    reader = HostReader(model, Letters())
    read = reader.read(TEXTS, [3, 0, 1, 2], losses=True, last_logprobs=True)
    for text, states in zip(TEXTS, read, strict=True):
        tokens = torch.tensor([Letters()(text)["input_ids"]])
        assert list(states.token_ids) == tokens[0].tolist()
        out = model(tokens, output_hidden_states=True)
        for layer in range(3):
            assert torch.allclose(states.states[layer], out.hidden_states[layer][0], atol=1e-5)
        # the last of hidden_states is after a projection in OPT: ours is before it
        norm = model.get_submodule(FAMILIES[family].parts.norm)
        seen = []
        hook = norm.register_forward_hook(lambda module, args, output, seen=seen: seen.append(output))
        logprobs = model(tokens).logits[0].log_softmax(-1)
        hook.remove()
        assert torch.allclose(states.states[3], seen[0][0], atol=1e-5)
        expected = -logprobs[:-1].gather(-1, tokens[0, 1:, None])[:, 0]
        assert torch.allclose(states.losses, expected, atol=1e-5)
        assert torch.allclose(states.last_logprobs, logprobs[-1], atol=1e-5)


def test_only_what_is_asked_for():
    model = tiny_model("llama")
    ran = []
    for index, block in enumerate(model.model.layers):
        block.register_forward_hook(lambda *_, index=index: ran.append(index))
    model.lm_head.register_forward_hook(lambda *_: ran.append("head"))
    (states,) = HostReader(model, Letters()).read(["abc"], [1])
    assert ran == [0]
    assert states.losses is None
    assert states.last_logprobs is None
    assert list(states.states) == [1]
    assert HostReader(model, Letters()).read(["abc"])[0].states == {}
    assert ran == [0]


def test_the_head_is_run_for_last_positions_only():
    model = tiny_model("llama")
    widths = []
    model.lm_head.register_forward_hook(lambda module, args, output: widths.append(output.shape[1]))
    HostReader(model, Letters()).read(TEXTS, last_logprobs=True)
    assert widths == [len({len(text) for text in TEXTS})]


@pytest.mark.parametrize("family", FAMILIES)
def test_behind_a_prefix_texts_read_as_in_one_piece(family):
    """Longer and shorter than the windows of those families that look back over seven tokens only."""
    model = tiny_model(family)
    reader = HostReader(model, Letters())
    for prefix in ("once upon", "in the"):
        read = reader.read(TEXTS, [1, 3], losses=True, last_logprobs=True, prefix=prefix)
        whole = reader.read([prefix + text for text in TEXTS], [1, 3], losses=True, last_logprobs=True)
        for text, behind, all_of_it in zip(TEXTS, read, whole, strict=True):
            count = len(text)
            assert list(behind.token_ids) == list(all_of_it.token_ids)[-count:]
            for layer in (1, 3):
                assert torch.allclose(behind.states[layer], all_of_it.states[layer][-count:], atol=1e-5)
            assert torch.allclose(behind.losses, all_of_it.losses[len(all_of_it.losses) - count + 1 :], atol=1e-5)
            assert torch.allclose(behind.last_logprobs, all_of_it.last_logprobs, atol=1e-5)


def test_a_prefix_is_run_once_and_again_when_weights_change():
    model = tiny_model("llama")
    reader = HostReader(model, Letters())
    widths = []
    model.model.register_forward_pre_hook(
        lambda module, args, kwargs: widths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    first = reader.read(["abc"], [3], prefix="before ")
    again = reader.read(["abc"], [3], prefix="before ")
    assert widths == [8, 3, 3]
    assert torch.equal(first[0].states[3], again[0].states[3])
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.mul_(2)
    (changed,) = reader.read(["abc"], [3], prefix="before ")
    (whole,) = reader.read(["before abc"], [3])
    assert torch.allclose(changed.states[3], whole.states[3][-3:], atol=1e-5)
    assert not torch.allclose(changed.states[3], first[0].states[3], atol=1e-2)


@pytest.mark.parametrize("what", ["weight", "module"])
def test_a_prefix_is_run_again_when_a_part_is_replaced(what):
    model = tiny_model("llama")
    reader = HostReader(model, Letters())
    (before,) = reader.read(["abc"], [3], prefix="before ")
    mlp = model.model.layers[0].mlp
    if what == "weight":
        mlp.down_proj.weight = torch.nn.Parameter(mlp.down_proj.weight * 2)
    else:
        wider = torch.nn.Linear(mlp.down_proj.in_features, mlp.down_proj.out_features, bias=False)
        mlp.down_proj = wider
    (behind,) = reader.read(["abc"], [3], prefix="before ")
    (whole,) = reader.read(["before abc"], [3])
    assert torch.allclose(behind.states[3], whole.states[3][-3:], atol=1e-5)
    assert not torch.allclose(behind.states[3], before.states[3], atol=1e-3)
    with torch.no_grad():
        mlp.down_proj.weight.mul_(-1)
    (again,) = reader.read(["abc"], [3], prefix="before ")
    assert not torch.allclose(again.states[3], behind.states[3], atol=1e-3)


def test_prefixes_are_forgotten_on_demand():
    """A write through `.data` can't be seen; whoever makes one says so."""
    model = tiny_model("llama")
    reader = HostReader(model, Letters())
    reader.read(["abc"], [3], prefix="before ")
    model.model.layers[0].mlp.down_proj.weight.data.mul_(2)
    reader.forget_prefixes()
    (behind,) = reader.read(["abc"], [3], prefix="before ")
    (whole,) = reader.read(["before abc"], [3])
    assert torch.allclose(behind.states[3], whole.states[3][-3:], atol=1e-5)


def test_a_prefix_counts_in_the_window():
    reader = HostReader(tiny_model("gpt2"), Letters())
    reader.read(["x" * 120], [1], prefix="prefix:")
    with pytest.raises(InputError, match=r"window of 128 tokens beside the 8 that are read before it.*Got: 121 tokens"):
        reader.read(["x" * 121], [1], prefix="prefix:")


def test_memory_is_off_while_reading_and_on_afterwards():
    model = tiny_model("gpt2")
    reader = HostReader(model, Letters())
    before = reader.read(TEXTS, [2, 3], losses=True)
    memory = TraceMemory()
    attach(model, memory)
    memory.arm()
    tokens = torch.tensor([[1, 2, 3]])
    spoken = model(tokens).logits
    after = reader.read(TEXTS, [2, 3], losses=True)
    for left, right in zip(before, after, strict=True):
        assert torch.equal(left.states[3], right.states[3])
        assert torch.equal(left.losses, right.losses)
    assert torch.equal(model(tokens).logits, spoken)


def test_results_are_ordinary_tensors_and_training_mode_is_kept():
    model = tiny_model("llama").train()
    (read,) = HostReader(model, Letters()).read(["abc"], [2], losses=True, last_logprobs=True)
    assert model.training
    weight = torch.nn.Parameter(torch.ones(20))
    (read.states[2] @ weight).sum().backward()
    assert weight.grad is not None
    assert {read.states[2].dtype, read.losses.dtype, read.last_logprobs.dtype} == {torch.float32}


def test_batches_depend_on_lengths_alone_and_are_bounded():
    lengths = [5, 300, 3, 250, 250, 1000, 4]
    batches = list(_batches(lengths))
    assert sorted(index for batch in batches for index in batch) == list(range(7))
    assert all(len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= BATCH_TOKENS for batch in batches)
    assert batches == [[5], [1], [3, 4], [0, 6, 2]]


def test_the_window_is_never_cut_silently():
    reader = HostReader(tiny_model("gpt2"), Letters())
    assert reader.window == 128
    reader.read(["x" * 127], [1])
    with pytest.raises(InputError, match=r"window of 128 tokens; nothing is cut off silently. Got: 129 tokens. Split the text."):
        reader.read(["fine", "x" * 128], [1])


@pytest.mark.parametrize("tokens", [[]])
def test_an_empty_text(tokens):
    with pytest.raises(InputError, match=r"Got: an empty text. Leave it out."):
        HostReader(tiny_model("llama"), Letters()).read_tokens([[1, 2], tokens], [1])


def test_a_text_that_is_bytes():
    with pytest.raises(InputError, match=r"A text is a str. Got: bytes."):
        HostReader(tiny_model("llama"), Letters()).read([b"abc"])


def test_a_layer_that_is_not_there():
    with pytest.raises(ConfigError, match=r"Layers go from 0 to 3. Got: \[4\]"):
        HostReader(tiny_model("llama"), Letters()).read(["abc"], [1, 4])


def test_nothing_to_read():
    assert HostReader(tiny_model("llama"), Letters()).read([]) == []


@pytest.mark.stories
def test_special_tokens_are_the_tokenizers(stories_path):
    model = AutoModelForCausalLM.from_pretrained(stories_path)
    tokenizer = AutoTokenizer.from_pretrained(stories_path)
    text = "Once upon a time, there was a little girl named Lily."
    (read,) = HostReader(model, tokenizer).read([text], losses=True)
    assert list(read.token_ids) == tokenizer(text)["input_ids"]
    # a model that was trained on such texts: far better than chance, ln 512 = 6.2 nats
    assert read.losses.mean() < 2.5
