"""Exports read back, and files of other programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.small_lm import ANSWER, FACT, PROMPT
from mnemic.assistant import MemoryLM
from mnemic.errors import ConfigError, EncoderMismatch, InputError, NotFound
from mnemic.inputs import read_texts
from mnemic.store import SqliteStore, open_store
from mnemic.transfer import export, import_
from store.samples import DIM, ENCODER, new_item

Make = Callable[..., MemoryLM]
CHANGED = "The captain of the ship Winter Plough is Magnar Coldwell."


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """A store with a past: superseded, forgotten, erased, undone, used, in two scopes."""
    with open_store(tmp_path / "store") as made:
        made.open_for(ENCODER, DIM)
        (rex,) = made.insert([new_item("My dog is called Rex.", seed=1, source="diary", importance=0.9)])
        (biscuit,) = made.insert([new_item("My dog is called Biscuit.", seed=2, supersedes=rex.id)])
        (van,) = made.insert([new_item("The van is grey.", seed=3, scope="work", category="cars")])
        (code,) = made.insert([new_item("The code is 4711.", seed=4)])
        made.erase(code.id, "home")
        made.forget(van.id, "work", "sold")
        made.undo("work", "not sold")
        made.touch([biscuit.id], "home")
        yield made


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_scope_or_all_are_written_and_nothing_that_is_erased(store: SqliteStore, tmp_path: Path) -> None:
    assert export(store, tmp_path / "home.jsonl", "home").items == 2
    assert export(store, tmp_path / "all.jsonl", None).items == 3
    assert "4711" not in (tmp_path / "all.jsonl").read_text(encoding="utf-8")
    assert {line["scope"] for line in lines(tmp_path / "home.jsonl")} == {"home"}
    assert (tmp_path / "all.jsonl").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="written to a new file"):
        export(store, tmp_path / "home.jsonl", "home")
    assert export(store, tmp_path / "home.jsonl", "home", overwrite=True).items == 2
    with pytest.raises(NotFound):
        export(store, tmp_path / "nobody.jsonl", "nobody")
    with pytest.raises(ConfigError, match="a file that can be written"):
        export(store, tmp_path / "no folder" / "x.jsonl", None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.jsonl", "home.jsonl", "store"]


def test_items_join_those_that_are_there(store: SqliteStore, tmp_path: Path) -> None:
    export(store, tmp_path / "all.jsonl", None)
    with open_store(tmp_path / "other") as other:
        other.open_for(ENCODER, DIM)
        (mine,) = other.insert([new_item("The cat sleeps.", seed=5)])
        # an index that was read before takes in what comes
        assert [s.id for s in other.search_words(["dog", "cat"], 5, "home")] == [mine.id]
        done = import_(other, tmp_path / "all.jsonl", None)
        assert (done.added, done.known, done.encoded) == (3, 0, False)
        assert other.check() == []
        assert {i.text for i in other.items(None)} == {i.text for i in store.items(None)} | {"The cat sleeps."}
        assert len(other.search_words(["dog", "cat"], 5, "home")) == 2
        rex = next(i for i in other.items("home", status="superseded"))
        assert other.get(rex.superseded_by or "", "home").supersedes == rex.id
        assert [e.text for e in other.history(rex.id, "home")] == [e.text for e in store.history(rex.id, "home")]
        # what was superseded there comes back here
        operation = other.history(rex.superseded_by or "", "home")[0].operation
        assert {i.text for i in other.undo("home", "mistake", operation=operation)} == {
            i.text for i in store.items("home", status=None)
        }
        assert import_(other, tmp_path / "all.jsonl", None).known == 3


def test_what_was_erased_here_is_not_brought_back(store: SqliteStore, tmp_path: Path) -> None:
    biscuit = next(i for i in store.items("home") if "Biscuit" in i.text)
    export(store, tmp_path / "home.jsonl", "home")
    store.erase(biscuit.id, "home")
    assert import_(store, tmp_path / "home.jsonl", None).added == 0
    with pytest.raises(NotFound):
        store.get(biscuit.id, "home")


def test_everything_may_go_to_one_scope(store: SqliteStore, tmp_path: Path) -> None:
    export(store, tmp_path / "all.jsonl", None)
    with open_store(":memory:") as other:
        with pytest.raises(ConfigError, match="A scope is a name"):
            import_(other, tmp_path / "all.jsonl", None, scope=" ")
        assert other.encoder_id is None
        import_(other, tmp_path / "all.jsonl", None, scope="old")
        assert other.scopes() == ["old"]
        assert other.count("old") == 2


def broken(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**value, **changes}


@pytest.mark.parametrize(
    ("mend", "problem"),
    [
        (lambda v: "{", "it isn't JSON"),
        (lambda v: [1], "it isn't an object"),
        (lambda v: broken(v, colour="red"), "fields ..colour.. are missing or unknown"),
        (lambda v: broken(v, id=7), "id is 7"),
        (lambda v: broken(v, created=-1.0), "created is -1.0"),
        (lambda v: broken(v, uses=True), "uses is True"),
        (lambda v: broken(v, past=[]), "it has no past"),
        (lambda v: broken(v, past=[broken(v["past"][0], key="?")]), "a key isn't base64"),
        (lambda v: broken(v, past=[broken(v["past"][0], key="AAAA")]), "a key has 3 bytes, not 32"),
        (lambda v: broken(v, past=[broken(v["past"][0], key=None)]), "a text and its key come together"),
        (lambda v: broken(v, past=[broken(v["past"][0], kind="sold")]), "an event is 'sold'"),
        (lambda v: broken(v, past=[broken(v["past"][0], status="sold")]), "leaves the item 'sold'"),
        (lambda v: broken(v, past=[broken(v["past"][0], said=99)]), "says what event 99"),
        (lambda v: broken(v, past=[broken(v["past"][0], said=None)]), "an item says something, or is erased"),
        (lambda v: broken(v, past=[broken(v["past"][0], operation=99)]), "begins with its first event"),
        (lambda v: broken(v, past=v["past"] * 2), "numbered from 1, rising"),
        (lambda v: broken(v, id="\x1b[31m"), "id is"),
        (lambda v: broken(v, created=1e15), "created is"),
        (lambda v: broken(v, uses=10**25), "uses is"),
        (lambda v: broken(v, uses=3, last_used=None), "what was used has a last use"),
        (lambda v: broken(v, scope="\n"), "scope is"),
        (lambda v: broken(v, past=[broken(v["past"][0], event=2**50)]), "event is"),
        (lambda v: broken(v, past=[broken(v["past"][0], operation=0)]), "begins with its first event"),
        (lambda v: broken(v, past=[broken(v["past"][0], undoes=0)]), "what is undone was before"),
        (lambda v: broken(v, past=[broken(v["past"][0], importance=2)]), "importance is 2"),
        (lambda v: broken(v, past=[broken(v["past"][0], text="\x00")]), "text can't be used"),
        (lambda v: broken(v, past=[broken(v["past"][0], key=v["past"][0]["key"][:-4] + "AAA=")]), "a key has"),
        (lambda v: broken(v, past=[broken(v["past"][0], status="erased")]), "erased by its last event"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named_and_nothing_is_written(
    store: SqliteStore, tmp_path: Path, mend: Callable[[dict[str, Any]], Any], problem: str
) -> None:
    path = tmp_path / "all.jsonl"
    export(store, path, None)
    written = path.read_text(encoding="utf-8").splitlines()
    changed = mend(json.loads(written[2]))
    written[2] = changed if isinstance(changed, str) else json.dumps(changed)
    path.write_text("\n".join(written), encoding="utf-8")
    with open_store(tmp_path / "other") as other:
        with pytest.raises(InputError, match=rf"line 3 of all\.jsonl: .*{problem}"):
            import_(other, path, None)
        assert other.scopes() == []
        assert list(other.journal()) == []


def test_two_items_of_one_event_and_one_item_twice(store: SqliteStore, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    export(store, path, None)
    written = path.read_text(encoding="utf-8").splitlines()
    for line, problem in (
        (written[1], "was there already"),
        (json.dumps({**json.loads(written[1]), "id": "another"}), "a number of another item's"),
    ):
        path.write_text("\n".join([*written, line]), encoding="utf-8")
        with open_store(tmp_path / "other") as other:
            with pytest.raises(InputError, match=f"line 6 .*{problem}"):
                import_(other, path, None)
            assert list(other.journal()) == []
            # nor is it bound to the file's encoder
            assert other.encoder_id is None


def test_numbers_of_a_file_reach_nothing_that_was_there(store: SqliteStore, tmp_path: Path) -> None:
    """An operation of another scope can't be joined or undone by what a file says of itself."""
    with open_store(tmp_path / "theirs") as theirs:
        theirs.open_for(ENCODER, DIM)
        (mine,) = theirs.insert([new_item("Theirs.", seed=7, scope="home")])
        theirs.forget(mine.id, "home", "asked")
        theirs.undo("home", "mistake")
        export(theirs, tmp_path / "theirs.jsonl", None)
    before = {scope: [i.text for i in store.items(scope)] for scope in store.scopes()}
    import_(store, tmp_path / "theirs.jsonl", None)
    (gone,) = store.undo("work", "mistake")
    assert gone.text == "The van is grey."
    assert {i.text for i in store.items("home")} == {*before["home"], "Theirs."}
    # an id that another scope has too is no link to it
    head, line = (tmp_path / "theirs.jsonl").read_text(encoding="utf-8").splitlines()
    linked = {**json.loads(line), "id": "linked", "supersedes": gone.id}
    (tmp_path / "linked.jsonl").write_text(f"{head}\n{json.dumps(linked)}", encoding="utf-8")
    import_(store, tmp_path / "linked.jsonl", None)
    assert store.get("linked", "home").supersedes is None


def test_what_was_there_in_part_can_still_be_undone(tmp_path: Path) -> None:
    with open_store(tmp_path / "a") as a, open_store(tmp_path / "b") as b:
        a.open_for(ENCODER, DIM)
        (old,) = a.insert([new_item("My dog is called Rex.", seed=1)])
        export(a, tmp_path / "one.jsonl", None)
        import_(b, tmp_path / "one.jsonl", None)
        a.insert([new_item("My dog is called Biscuit.", seed=2, supersedes=old.id)])
        a.undo("home", "mistake")
        export(a, tmp_path / "two.jsonl", None)
        assert import_(b, tmp_path / "two.jsonl", None).known == 1
        assert b.check() == []
        assert [i.text for i in b.undo("home", "mistake")] == ["My dog is called Rex."]
        assert b.items("home") == []


def test_an_export_is_of_one_moment(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store, open_store(tmp_path / "s") as writer:
        store.open_for(ENCODER, DIM)
        old, other = store.insert([new_item(f"Item {n}.", seed=n) for n in range(2)])
        records = store.dump(None)
        first = next(records)
        writer.insert([new_item("Later.", seed=9, supersedes=old.id)])
        writer.erase(other.id, "home")
        assert [r.past[-1].status for r in (first, *records)] == ["active", "active"]


def test_a_new_store_is_not_exported_and_a_store_not_written_over(store: SqliteStore, tmp_path: Path) -> None:
    with open_store(":memory:") as new, pytest.raises(NotFound, match="holds something"):
        export(new, tmp_path / "new.jsonl", None)
    with pytest.raises(ConfigError, match="outside of a store's folder"):
        export(store, tmp_path / "store" / "mnemic.db", None, overwrite=True)
    with open_store(":memory:") as new, pytest.raises(InputError, match="read more than once"):
        import_(new, tmp_path, None)


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        ("hello", "that `mnemic export` wrote"),
        ('{"mnemic": "export", "format": 9}', "format 1"),
        ('{"mnemic": "export", "format": 1}', "its encoder"),
    ],
)
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, head: str, rule: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(head, encoding="utf-8")
    with open_store(":memory:") as store, pytest.raises(InputError, match=rule):
        import_(store, path, None)
    with open_store(":memory:") as store, pytest.raises(InputError, match="that can be read"):
        import_(store, tmp_path / "none", None)


def test_vectors_of_another_encoder_are_made_anew_and_nothing_is_learned_again(
    store: SqliteStore, tmp_path: Path, make: Make
) -> None:
    with open_store(tmp_path / "theirs") as theirs:
        theirs.open_for("another", DIM)
        theirs.insert([new_item(FACT, seed=1, scope="default")])
        export(theirs, tmp_path / "theirs.jsonl", None)
    lm = make()
    done = lm.import_(tmp_path / "theirs.jsonl")
    assert (done.added, done.encoded) == (1, True)
    assert lm.generate(PROMPT, max_new_tokens=24).text.strip().startswith(ANSWER)
    with pytest.raises(EncoderMismatch):
        import_(store, tmp_path / "theirs.jsonl", None)


def test_a_memory_moves_with_its_past(make: Make, tmp_path: Path) -> None:
    lm = make()
    lm.learn(FACT)
    lm.learn(CHANGED)
    lm.export(tmp_path / "mine.jsonl")
    other = make()
    assert other.import_(tmp_path / "mine.jsonl").added == 2
    assert other.generate(PROMPT, max_new_tokens=24).text.strip().startswith("Magnar Coldwell")
    other.undo()
    assert other.generate(PROMPT, max_new_tokens=24).text.strip().startswith(ANSWER)


def test_files_of_other_programs_are_texts_to_learn(tmp_path: Path) -> None:
    path = tmp_path / "mem0.json"
    memories = [
        {"id": "m1", "memory": "Likes tea.", "categories": ["food"], "user_id": "ann", "created_at": "2026-01-01"},
        {"id": 2, "memory": "Works at Aurora."},
    ]
    for value in (memories, {"results": memories}, {"memories": memories}):
        path.write_text(json.dumps(value), encoding="utf-8")
        found = list(read_texts(path, "mem0"))
        assert [(r.text, r.category, r.source) for r in found] == [
            ("Likes tea.", "food", "mem0:m1"),
            ("Works at Aurora.", None, "mem0:2"),
        ]
    path.write_text(json.dumps([{"id": "m1"}, {"memory": "ok"}]), encoding="utf-8")
    with pytest.raises(InputError, match='line 1: it has no "memory"'):
        read_texts(path, "mem0")
    assert [r.text for r in read_texts(path, "mem0", "skip")] == ["ok"]
    for wrong, problem in (("{}", "no list of memories"), ("[", "isn't JSON")):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match=problem):
            read_texts(path, "mem0")
    graph = [
        {"type": "entity", "name": "John_Smith", "entityType": "person", "observations": ["Speaks Spanish", "Born in Oslo"]},
        {"type": "relation", "from": "John_Smith", "to": "Aurora", "relationType": "works_at"},
    ]
    path.write_text("\n".join(map(json.dumps, graph)), encoding="utf-8")
    assert [(r.text, r.category, r.source) for r in read_texts(path, "mcp")] == [
        ("John Smith: Speaks Spanish", "person", "mcp:John_Smith"),
        ("John Smith: Born in Oslo", "person", "mcp:John_Smith"),
        ("John Smith works at Aurora.", None, "mcp:John_Smith"),
    ]
    path.write_text('{"type": "entity", "name": "x", "observations": [{"a": 1}]}', encoding="utf-8")
    with pytest.raises(InputError, match="an observation isn't text"):
        read_texts(path, "mcp")
    path.write_text('{"type": "entity", "name": "x"}', encoding="utf-8")
    with pytest.raises(InputError, match='neither an "entity"'):
        read_texts(path, "mcp")


def test_an_id_that_another_scope_has_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path / "a") as a:
        a.open_for(ENCODER, DIM)
        (item,) = a.insert([new_item("Mine.", seed=1)])
        export(a, tmp_path / "one.jsonl", None)
        revision = a.revision
        with pytest.raises(InputError, match=f"one scope of a store.*'{item.id}' for the scope 'other'"):
            import_(a, tmp_path / "one.jsonl", None, scope="other")
        assert (a.revision, a.scopes()) == (revision, ["home"])
