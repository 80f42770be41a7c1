"""What every store promises, on every store."""

from typing import Any

import numpy as np
import pytest

from mnemic.errors import ConfigError, EncoderMismatch, InputError, NotFound, ShapeError, StoreError
from mnemic.store import Store, open_store
from store.samples import DIM, ENCODER, direction, new_item


def test_an_inserted_item_comes_back_as_it_was(store: Store) -> None:
    (item,) = store.insert([new_item("Ada lives in Łódź.", category="people", importance=0.9, source="cli")])
    assert store.get(item.id, "home") == item
    assert (item.text, item.category, item.importance, item.source, item.reason) == (
        "Ada lives in Łódź.",
        "people",
        0.9,
        "cli",
        "new",
    )
    assert (item.status, item.uses, item.last_used, item.supersedes, item.superseded_by) == ("active", 0, None, None, None)
    np.testing.assert_array_equal(store.keys([item.id], "home"), direction(0)[None])


def test_items_are_listed_in_order_by_scope_category_status_and_page(store: Store) -> None:
    made = store.insert(
        [new_item(f"text {n}", seed=n, category="ab"[n % 2], scope="home" if n < 6 else "work") for n in range(8)]
    )
    store.forget(made[2].id, "home", "wrong")
    assert [i.text for i in store.items("home")] == ["text 0", "text 1", "text 3", "text 4", "text 5"]
    assert [i.text for i in store.items("home", category="a")] == ["text 0", "text 4"]
    assert [i.text for i in store.items("home", status="forgotten")] == ["text 2"]
    assert [i.text for i in store.items("home", status=None, limit=2, offset=1)] == ["text 1", "text 2"]
    assert len(store.items(None, status=None)) == 8
    assert (store.count("home"), store.count("work"), store.count(), store.count("nowhere")) == (5, 2, 7, 0)
    assert store.scopes() == ["home", "work"]


def test_an_updated_item_keeps_its_id_and_its_history(store: Store) -> None:
    (item,) = store.insert([new_item("My dog is Rex.", category="pets", source="cli")])
    changed = store.update(item.id, "home", text="My dog is Biscuit.", key=direction(1), reason="corrected", importance=0.8)
    assert (changed.id, changed.text, changed.category, changed.importance) == (item.id, "My dog is Biscuit.", "pets", 0.8)
    assert [(e.kind, e.reason, e.text) for e in store.history(item.id, "home")] == [
        ("add", "new", "My dog is Rex."),
        ("update", "corrected", "My dog is Biscuit."),
    ]
    assert store.word_counts(["rex", "biscuit"], "home") == {"rex": 0, "biscuit": 1}
    np.testing.assert_array_equal(store.keys([item.id], "home"), direction(1)[None])


def test_a_superseded_item_points_to_its_successor_and_is_no_longer_found(store: Store) -> None:
    (old,) = store.insert([new_item("I live in Rome.")])
    (new,) = store.insert([new_item("I live in Oslo.", seed=1, supersedes=old.id, reason="moved")])
    old = store.get(old.id, "home")
    assert (old.status, old.superseded_by, new.supersedes) == ("superseded", new.id, old.id)
    assert [e.kind for e in store.history(old.id, "home")] == ["add", "supersede"]
    assert [s.id for s in store.search(direction(0), 5, "home")] == [new.id]
    assert store.search_words(["rome"], 5, "home") == []
    assert store.count("home") == 1


def test_one_item_may_replace_several(store: Store) -> None:
    olds = store.insert(
        [new_item("I live in Rome.", seed=0), new_item("Rome is my home.", seed=2), new_item("My cat is Tom.", seed=3)]
    )
    first, second = olds[0].id, olds[1].id
    (new,) = store.insert([new_item("I live in Oslo.", seed=1, supersedes=first, also_supersedes=(second, first))])
    assert [store.get(i, "home").superseded_by for i in (first, second)] == [new.id, new.id]
    assert (new.supersedes, store.count("home")) == (first, 2)
    assert [e.kind for e in store.history(second, "home")] == ["add", "supersede"]
    revision = store.revision
    with pytest.raises(StoreError, match="superseded"):
        store.insert([new_item("I live in Bern.", seed=4, supersedes=new.id, also_supersedes=(second,))])
    assert (store.revision, store.get(new.id, "home").status) == (revision, "active")


def test_a_batch_that_breaks_a_rule_leaves_nothing(store: Store) -> None:
    (old,) = store.insert([new_item("I live in Rome.")])
    before = (store.revision, store.items("home", status=None), store.scopes())
    with pytest.raises(StoreError):
        store.insert([new_item(f"I live in {n}.", seed=n, supersedes=old.id) for n in range(2)])
    with pytest.raises(NotFound):
        store.insert([new_item("fine", scope="other"), new_item("not", supersedes="nobody")])
    assert (store.revision, store.items("home", status=None), store.scopes()) == before


def test_a_forgotten_item_is_hidden_and_forgetting_it_again_changes_nothing(store: Store) -> None:
    (item,) = store.insert([new_item()])
    assert store.forget(item.id, "home", "asked").status == "forgotten"
    revision = store.revision
    assert store.forget(item.id, "home", "again").status == "forgotten"
    assert store.revision == revision
    assert (store.search(direction(0), 5, "home"), store.search_words(["dog"], 5, "home"), store.count()) == ([], [], 0)
    with pytest.raises(StoreError):
        store.update(item.id, "home", text="back", key=direction(0), reason="no")


def test_another_scope_is_another_world(store: Store) -> None:
    (mine,) = store.insert([new_item(scope="home")])
    (theirs,) = store.insert([new_item(scope="work")])
    for call in (
        lambda: store.get(theirs.id, "home"),
        lambda: store.forget(theirs.id, "home", "x"),
        lambda: store.update(theirs.id, "home", text="x", key=direction(0), reason="x"),
        lambda: store.history(theirs.id, "home"),
        lambda: store.keys([mine.id, theirs.id], "home"),
        lambda: store.touch([mine.id, theirs.id], "home"),
        lambda: store.insert([new_item(supersedes=theirs.id)]),
    ):
        with pytest.raises(NotFound):
            call()
    assert [s.id for s in store.search(direction(0), 5, "home")] == [mine.id]
    assert [s.id for s in store.search_words(["dog"], 5, "home")] == [mine.id]
    assert store.word_counts(["dog"], "home") == {"dog": 1}
    assert store.get(mine.id, "home").uses == 0
    assert store.get(theirs.id, "work").status == "active"


def test_search_ranks_by_cosine_and_the_older_first_on_ties(store: Store) -> None:
    made = store.insert(
        [new_item(f"text {n}", seed=seed, category=c) for n, (seed, c) in enumerate([(1, "a"), (0, "b"), (0, "a")])]
    )
    assert [s.id for s in store.search(direction(0), 2, "home")] == [made[1].id, made[2].id]
    assert [s.id for s in store.search(direction(0), 9, "home", category="a")] == [made[2].id, made[0].id]
    assert store.search(direction(0), 9, "home", category="none") == []
    assert store.search(direction(0), 9, "nowhere") == []
    assert store.search(direction(0), 1, "home")[0].score == pytest.approx(1.0, abs=DIM * 2**-24)


def test_rarer_words_weigh_more_and_nothing_in_a_query_is_an_operator(store: Store) -> None:
    common, rare, _ = store.insert([new_item(f"the {word} sleeps", seed=n) for n, word in enumerate(["dog", "axolotl", "dog"])])
    assert [s.id for s in store.search_words(["dog", "AXOLOTL"], 2, "home")] == [rare.id, common.id]
    assert store.search_words(['"', "*", "NEAR(", "dog OR cat*", "x'; DROP TABLE items; --"], 1, "home")[0].id == common.id
    assert store.search_words(["", "?!"], 5, "home") == []
    assert store.word_counts(["the", "DOG", "axolotl", "cat", "?"], "home") == {
        "the": 3,
        "DOG": 2,
        "axolotl": 1,
        "cat": 0,
        "?": 0,
    }


def test_uses_are_counted_and_are_no_change(store: Store) -> None:
    (item,) = store.insert([new_item()])
    revision = store.revision
    store.touch([item.id], "home")
    store.touch([item.id], "home")
    used = store.get(item.id, "home")
    assert used.uses == 2
    assert used.last_used is not None
    assert store.revision == revision


def test_the_journal_has_every_change_in_order(store: Store) -> None:
    a, b = store.insert([new_item("a"), new_item("b", scope="work")])
    store.update(a.id, "home", text="c", key=direction(1), reason="better")
    store.forget(b.id, "work", "asked")
    events = list(store.journal())
    assert [(e.kind, e.item_id, e.reason) for e in events] == [
        ("add", a.id, "new"),
        ("add", b.id, "new"),
        ("update", a.id, "better"),
        ("forget", b.id, "asked"),
    ]
    assert [e.seq for e in events] == sorted({e.seq for e in events})
    assert list(store.journal(after=events[1].seq)) == events[2:]
    assert store.revision == events[-1].seq
    assert {e.text for e in events} == {None}


def test_states_live_as_long_as_the_text(store: Store) -> None:
    a, b = store.insert([new_item("a"), new_item("b", seed=1)])
    revision = store.revision
    store.put_states({a.id: b"A", b.id: b"B", "nobody": b"N"}, "host1")
    assert store.get_states([a.id, b.id, "nobody"], "host1") == {a.id: b"A", b.id: b"B"}
    assert store.get_states([a.id], "host2") == {}
    store.update(a.id, "home", text="c", key=direction(2), reason="x")
    store.forget(b.id, "home", "x")
    assert store.get_states([a.id, b.id], "host1") == {}
    # computed from the text before the update
    store.put_states({a.id: b"old", b.id: b"B"}, "host1", revision=revision)
    assert store.get_states([a.id, b.id], "host1") == {}
    store.put_states({a.id: b"new"}, "host1", revision=store.revision)
    assert store.get_states([a.id], "host1") == {a.id: b"new"}


def test_an_unknown_scope_is_refused_with_the_known_ones_named(real: Store) -> None:
    assert real.items("anything") == []
    (item,) = real.insert([new_item()])
    with pytest.raises(NotFound, match=r"Got: 'hom'\. Scopes here: 'home'\.") as caught:
        real.items("hom")
    assert item.id not in str(caught.value)
    with pytest.raises(NotFound, match="Scopes here"):
        real.get("nobody", "hom")
    with pytest.raises(NotFound, match="Scopes here"):
        real.forget(item.id, "hom", "x")


def test_the_error_for_an_id_of_another_scope_tells_nothing(real: Store) -> None:
    (theirs,) = real.insert([new_item("secret", scope="work")])
    real.insert([new_item()])
    with pytest.raises(NotFound) as known:
        real.get(theirs.id, "home")
    with pytest.raises(NotFound) as unknown:
        real.get("nobody", "home")
    assert str(known.value).replace(theirs.id, "nobody") == str(unknown.value)


def test_a_store_belongs_to_one_encoder(real: Store) -> None:
    real.open_for(ENCODER, DIM)
    assert real.encoder_id == ENCODER
    with pytest.raises(
        EncoderMismatch, match=r"encoder 'encoder-a' \(8 numbers each\).*Got: 'encoder-b' \(9.*encoder='encoder-a'"
    ):
        real.open_for("encoder-b", 9)
    assert real.encoder_id == ENCODER


def test_a_new_store_must_know_its_encoder() -> None:
    with open_store(":memory:") as store:
        assert store.encoder_id is None
        assert store.search(direction(0), 5, "home") == []
        assert store.word_counts(["a"], "home") == {"a": 0}
        with pytest.raises(StoreError, match="Call open_for first"):
            store.insert([new_item()])


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"text": " \n"}, InputError, "nothing but white space"),
        ({"text": "a\x00b"}, InputError, r"control character U\+0000 at character 2"),
        ({"text": "a\x1b[2J"}, InputError, r"control character U\+001B at character 2"),
        ({"text": "a\ud800"}, InputError, r"lone surrogate U\+D800 at character 2"),
        ({"text": "a" * (2**20 + 1)}, InputError, "it has 1048577 bytes"),
        ({"text": 7}, InputError, "it is int, not text"),
        ({"scope": ""}, ConfigError, "A scope is a name"),
        ({"scope": "a\nb"}, ConfigError, "A scope is a name"),
        ({"category": "a\x07"}, InputError, r"category.*U\+0007"),
        ({"reason": "\ud800"}, InputError, "reason"),
        ({"importance": 1.5}, ConfigError, r"from 0 to 1\. Got: 1\.5"),
        ({"importance": float("nan")}, ConfigError, "from 0 to 1"),
        ({"key": direction(0, 9)}, ShapeError, r"shape \[8\].*Got: shape \[9\]"),
        ({"key": direction(0) * 2}, ConfigError, r"L2-normalised\. Got: norm 2\b"),
        ({"key": np.full(DIM, np.nan, np.float32)}, ConfigError, "Got: norm nan"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_nothing_is_written(
    real: Store, fields: dict[str, object], error: type[Exception], message: str
) -> None:
    good = new_item()
    bad = type(good)(**{**{name: getattr(good, name) for name in good.__dataclass_fields__}, **fields})
    with pytest.raises(error, match=message):
        real.insert([good, bad])
    assert real.count() == 0
    assert real.revision == 0


def test_a_closed_store_says_so(real: Store) -> None:
    real.close()
    real.close()
    with pytest.raises(StoreError, match="a closed store"):
        real.count()


@pytest.mark.parametrize(("k", "limit"), [(0, 1), (1, -1), (True, 1), (1, 1.5)])
def test_counts_are_whole_numbers_in_range(real: Store, k: int, limit: int) -> None:
    with pytest.raises(ConfigError, match="is a whole number from"):
        (real.search(direction(0), k, "home"), real.items(None, limit=limit))


@pytest.mark.parametrize("item_id", [None, 3, ["a1"]])
def test_an_id_that_is_no_text_is_refused(real: Store, item_id: Any) -> None:
    real.insert([new_item()])
    for call in (real.get, real.history, lambda i, scope: real.forget(i, scope, "x")):
        with pytest.raises(InputError, match=r"An item's id is text\. Got: .* Pass what `item\.id` holds"):
            call(item_id, "home")
    with pytest.raises(InputError, match="category"):
        real.items("home", category=item_id or 3)
