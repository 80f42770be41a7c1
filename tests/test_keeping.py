"""What is done to items by their ids, and what the model says afterwards."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from fixtures.small_lm import ANSWER, FACT, PROMPT, QUESTION, HashEncoder
from mnemic.assistant import MemoryLM
from mnemic.errors import ConfigError, EncoderMismatch, InputError, NotFound, StoreError
from mnemic.types import FloatArray

CHANGED = "The captain of the ship Winter Plough is Magnar Coldwell."
Make = Callable[..., MemoryLM]


def said(lm: MemoryLM) -> str:
    return lm.generate(PROMPT, max_new_tokens=24).text.strip()


def test_undo_takes_back_what_was_learned_and_again_what_was_before(make: Make) -> None:
    lm = make()
    base = said(lm)
    lm.learn(FACT)
    assert lm.learn(CHANGED).action == "superseded"
    assert said(lm).startswith("Magnar Coldwell")
    assert {item.text: item.status for item in lm.undo()} == {FACT: "active", CHANGED: "forgotten"}
    assert said(lm).startswith(ANSWER)
    (item,) = lm.undo()
    assert (item.text, item.status) == (FACT, "forgotten")
    assert said(lm) == base
    with pytest.raises(NotFound, match="Something must have happened"):
        lm.undo()


def test_forgetting_is_undone_by_its_number(make: Make) -> None:
    lm = make()
    item = lm.learn(FACT).item
    assert item is not None
    lm.forget(item.id)
    operation = lm.history(item.id)[-1].operation
    lm.learn("The van is grey.")
    assert lm.undo(operation)[0].status == "active"
    assert said(lm).startswith(ANSWER)
    with pytest.raises(StoreError, match=f"operation {operation}, which operation .* undid"):
        lm.undo(operation)
    with pytest.raises(NotFound, match="What is undone is an operation"):
        lm.undo(1_000_000)


def test_a_correction_by_hand_changes_the_answer_and_keeps_the_text_before(make: Make) -> None:
    lm = make()
    item = lm.learn(FACT).item
    assert item is not None
    then = time.time()
    changed = lm.update(item.id, CHANGED)
    assert (changed.id, changed.text) == (item.id, CHANGED)
    assert said(lm).startswith("Magnar Coldwell")
    assert [event.text for event in lm.history(item.id)] == [FACT, CHANGED]
    assert [i.text for i in lm.items(as_of=then)] == [FACT]
    with pytest.raises(InputError):
        lm.update(item.id, " ")
    with pytest.raises(InputError, match="fits the model's window"):
        lm.update(item.id, "word " * 600)
    assert lm.items()[0].text == CHANGED


def test_after_erasing_the_answer_is_the_base_models_and_nothing_is_left(make: Make, tmp_path: Path) -> None:
    lm = make(tmp_path / "store")
    base = lm.ask(QUESTION, max_new_tokens=24)
    item = lm.learn(FACT).item
    assert item is not None
    assert ANSWER in lm.ask(QUESTION, max_new_tokens=24).text
    # a word of the answer comes with the states that are cached of it
    erased = lm.erase(item.id)
    assert (erased.left, erased.related) == ((), ())
    assert lm.ask(QUESTION, max_new_tokens=24).token_ids == base.token_ids
    for path in (tmp_path / "store").iterdir():
        assert b"Xanthe" not in path.read_bytes(), path.name
    for gone in (lambda: lm.erase(item.id), lambda: lm.forget(item.id), lambda: lm.update(item.id, FACT)):
        with pytest.raises(NotFound):
            gone()
    assert {event.text for event in lm.history(item.id)} == {None}


def test_another_scopes_item_is_not_found(make: Make) -> None:
    lm = make()
    item = lm.learn(FACT, scope="anne").item
    lm.learn(CHANGED)
    assert item is not None
    for theirs in (lm.erase, lm.history, lm.forget):
        with pytest.raises(NotFound):
            theirs(item.id)
    with pytest.raises(NotFound):
        lm.update(item.id, FACT)
    assert said(lm).startswith("Magnar Coldwell")


def test_a_pruned_memory_is_silent_and_speaks_again_when_it_is_undone(make: Make) -> None:
    lm = make()
    lm.learn(FACT, importance=0.0)
    for name in ("van", "house", "boat"):
        lm.learn(f"The {name} is grey.", importance=1.0)
    base = said(make())
    done = lm.prune(budget=3)
    assert [one.item.text for one in done.forgotten] == [FACT]
    assert said(lm) == base
    lm.undo()
    assert said(lm).startswith(ANSWER)
    # it spoke: now another one goes
    assert FACT not in [one.item.text for one in lm.prune(budget=3, dry_run=True).forgotten]


def test_a_standing_budget_holds_after_learning(make: Make) -> None:
    lm = make(budget=2)
    lm.learn([f"Box number {n} holds {what}." for n, what in enumerate(("tea", "salt", "nails", "wool"))], force=True)
    assert lm.store.count(lm.scope) == 2
    with pytest.raises(ConfigError, match="budget"):
        make(budget=0)


class Other(HashEncoder):
    """The same words in half as many numbers."""

    id = "hash:32"
    dim = 32

    def encode(self, texts: Sequence[str]) -> FloatArray:
        rows = super().encode(texts)[:, :32]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_another_encoder_knows_what_was_taught_before(make: Make, tmp_path: Path) -> None:
    lm, beside = make(tmp_path / "store"), make(tmp_path / "store")
    lm.learn([FACT, "The van is grey."])
    seen: list[tuple[int, int]] = []
    heard_with = lm.admission
    done = lm.reindex(Other(), progress=lambda *counts: seen.append(counts))
    assert lm.admission is not heard_with
    assert (done.encoder, done.encoded) == ("hash:32", 2)
    assert seen[-1] == (2, 2)
    assert said(lm).startswith(ANSWER)
    assert lm.learn(CHANGED).action == "superseded"
    with pytest.raises(EncoderMismatch, match="made by the encoder 'hash:32'"):
        beside.learn("The boat is blue.")
    with pytest.raises(EncoderMismatch):
        said(beside)
    assert said(make(tmp_path / "store", encoder=Other())).startswith("Magnar Coldwell")


def test_an_encoder_that_cant_be_loaded_changes_nothing(make: Make) -> None:
    lm = make()
    lm.learn(FACT)
    with pytest.raises(ConfigError, match="An encoder is"):
        lm.reindex("no such encoder")
    assert said(lm).startswith(ANSWER)
