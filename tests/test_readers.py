"""Readers by name, by calibration and by default; who moved the output; which readers together do best."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPTNeoConfig, GPTNeoForCausalLM

from fixtures.small_lm import ANSWER, FACT, PROMPT, QUESTION, UNRELATED, HashEncoder
from mnemic.assistant import MemoryLM
from mnemic.choosing import all_combinations
from mnemic.errors import ConfigError, HostNotSupported
from mnemic.memories.fact import Gate
from mnemic.memories.fact.calibrate import Example
from mnemic.readers import DEFAULT, READERS, chosen_by
from mnemic.store import open_store

SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(READERS, size)]


@pytest.mark.parametrize("readers", SUBSETS, ids="+".join)
def test_every_combination_speaks_and_leaves_other_rows_alone(make: Callable[..., MemoryLM], readers: tuple[str, ...]) -> None:
    lm = make()
    lm.learn(FACT)
    queries = [UNRELATED, QUESTION, "My dog likes"]
    off = lm.ask(queries, memory=False, max_new_tokens=8)
    on = lm.ask(queries, readers=readers, max_new_tokens=8)
    assert [on[i].token_ids == off[i].token_ids for i in (0, 2)] == [True, True]
    # an untrained model may well say the same for all that an item is heard
    assert min(lm.interference(QUESTION, readers=readers, max_new_tokens=3).together) > 0
    (spoke,) = on[1].memories
    assert (spoke.readers, spoke.item.text) == (readers, FACT)
    assert spoke.weight == (lm.config.strength if "pointer" in readers else 0.0)
    if "pointer" in readers:
        assert ANSWER in lm.ask(QUESTION, readers=readers, max_new_tokens=30).text


@pytest.mark.parametrize("readers", SUBSETS, ids="+".join)
@pytest.mark.parametrize("options", [{"num_beams": 3}, {"prompt_lookup_num_tokens": 3}, {"use_cache": False}], ids=str)
def test_every_way_of_generating_says_the_same(
    make: Callable[..., MemoryLM], readers: tuple[str, ...], options: dict[str, Any]
) -> None:
    lm = make()
    lm.learn(FACT)
    beams = {"num_beams": 3} if "num_beams" in options else {}
    plain = lm.generate([PROMPT], readers=readers, max_new_tokens=6, use_cache=not beams, **beams)
    assert lm.generate([PROMPT], readers=readers, max_new_tokens=6, **options)[0].token_ids == plain[0].token_ids


def test_the_order_of_names_says_nothing(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    one, other = (lm.generate(PROMPT, readers=names, max_new_tokens=6) for names in (["hidden", "kv"], ("kv", "hidden")))
    assert one.token_ids == other.token_ids
    assert lm.generate(PROMPT, readers=[], max_new_tokens=6).memories == ()


@pytest.mark.parametrize("readers", [["kv", "kv"], ["auto"], "kv", ["voice"]])
def test_names_that_are_none_are_refused(make: Callable[..., MemoryLM], readers: Any) -> None:
    with pytest.raises(ConfigError, match="Readers are among pointer, kv, hidden, each once"):
        make().score([PROMPT], [ANSWER], readers=readers)


def test_scores_follow_the_readers(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    assert lm.score([PROMPT], [ANSWER]) == [True]
    assert lm.score([PROMPT], [ANSWER], readers=["hidden"]) == [False]
    assert lm.score([PROMPT], [ANSWER], readers=["pointer", "hidden"]) == [True]


def test_a_host_that_cant_carry_a_reader_says_so_only_when_it_is_asked_for(tokenizer: Any) -> None:
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=len(tokenizer), hidden_size=24, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]]
    )
    config.eos_token_id = config.bos_token_id = None
    lm = MemoryLM(GPTNeoForCausalLM(config).eval(), tokenizer, open_store(":memory:"), encoder=HashEncoder())
    lm.learn(FACT)
    assert ANSWER in lm.ask(QUESTION, max_new_tokens=30).text
    with pytest.raises(HostNotSupported, match=r"On a gpt_neo host the readers are pointer, hidden\. Got: kv"):
        lm.ask(QUESTION, readers=["pointer", "kv"])
    assert [one.reader for one in lm.interference(QUESTION, max_new_tokens=3).influences] == ["pointer", "hidden"]
    lm.close()


def test_each_reader_is_left_out_in_turn(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    found = lm.interference(QUESTION, budget=0.5, max_new_tokens=30)
    assert "".join(found.tokens).strip().startswith(ANSWER)
    assert [one.reader for one in found.influences] == ["pointer", "kv", "hidden"]
    pointer, kv, hidden = found.influences
    assert all(len(one.kl) == len(one.logprob) == len(one.norm) == len(found.tokens) for one in found.influences)
    # untrained, the model finds no token likely: the pointer alone makes it say these
    assert min(pointer.logprob) > 1
    assert set(pointer.norm) == {0.0}, "it acts on the logits, behind the states"
    assert min(*kv.norm, *hidden.norm) > 0
    assert found.over == ("pointer",)
    assert found.rows()[3][1] == "together"
    alone = lm.interference(QUESTION, readers=["kv"], max_new_tokens=4)
    assert alone.influences[0].kl == pytest.approx(alone.together), "what one reader moves is all that is moved"
    silent = lm.interference(UNRELATED, max_new_tokens=4)
    assert (silent.influences, set(silent.together), silent.over) == ((), {0.0}, ())


@pytest.mark.parametrize("budget", [0, -1.0, "much"])
def test_a_budget_is_a_positive_number(make: Callable[..., MemoryLM], budget: Any) -> None:
    with pytest.raises(ConfigError, match=r"positive number of nats|`budget` is a number"):
        make().interference(QUESTION, budget=budget)


@pytest.fixture
def examples() -> Sequence[Example]:
    other = "The captain of the ship Blue Heron is Magnar Coldwell."
    return [
        Example(fact=FACT, answer=ANSWER, relation="captain", same=(PROMPT, QUESTION), absent=(UNRELATED,)),
        Example(
            fact=other,
            answer="Magnar Coldwell",
            relation="captain",
            same=("The captain of the ship Blue Heron is", "Who is the captain of the ship Blue Heron?"),
            other=("My dog likes",),
        ),
    ]


def test_auto_is_what_calibration_chose(make: Callable[..., MemoryLM], examples: Sequence[Example], tmp_path: Path) -> None:
    lm = make()
    stages: list[str] = []
    found = lm.calibrate_readers(examples, progress=lambda stage, done, size: stages.append(stage))
    assert {one.readers for one in found} == set(all_combinations(READERS)) == set(SUBSETS)
    # only the pointer makes an untrained model say anything; of equals the one with fewer readers comes first
    assert found[0].readers == ("pointer",)
    assert (found[0].reliability, found[0].locality) == (1.0, 1.0)
    assert [one.harmonic for one in found] == sorted((one.harmonic for one in found), reverse=True)
    assert found[-1].harmonic == 0.0
    assert set(stages) == {"teach", "readers"}
    assert lm.items() == [], "the examples are taught elsewhere"
    lm.gate.save(tmp_path / "gate.safetensors")
    assert chosen_by(Gate.load(tmp_path / "gate.safetensors")) == ("pointer",)
    lm.learn(FACT)
    assert lm.ask(QUESTION, readers="auto", max_new_tokens=4).memories[0].readers == ("pointer",)


def test_auto_is_the_default_until_it_is_calibrated(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    assert chosen_by(lm.gate) == DEFAULT
    about: dict[str, object] = {**lm.gate.about, "readers": {"chosen": ["hidden", "kv"]}}
    lm._use(replace(lm.gate, about=about))
    lm.learn(FACT)
    assert lm.ask(QUESTION, readers="auto", max_new_tokens=4).memories[0].readers == ("kv", "hidden")
    assert lm.ask(QUESTION, max_new_tokens=4).memories[0].readers == DEFAULT


def test_examples_that_ask_for_too_little_are_refused(make: Callable[..., MemoryLM], examples: Sequence[Example]) -> None:
    lm = make()
    for few in ([replace(examples[0], absent=())], [replace(examples[0], same=(PROMPT,))]):
        with pytest.raises(ConfigError, match="in their own and in other words, and for what must not change"):
            lm.calibrate_readers(few)
