"""`list`, `history`, `forget`, `undo` and `erase`: on a real store, without a model."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from mnemic.cli import session
from mnemic.store import open_store
from mnemic.types import FloatArray, Item, NewItem

Cli = Callable[..., Result]


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    key = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)
    with open_store(tmp_path / "store") as store:
        store.open_for("fake", 4)
        return store.insert(
            [
                NewItem(text="My dog is called Biscuit.", scope="default", key=key, reason="new", category="family"),
                NewItem(text="The key\tis under the pot.\nReally.", scope="default", key=key, reason="new"),
                NewItem(text="Someone else's.", scope="anna", key=key, reason="new"),
            ]
        )


def test_list_prints_a_line_per_item(cli: Cli, items: list[Item]) -> None:
    done = cli("list")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(line[0], line[1], line[2], line[4]) for line in lines] == [
        (items[0].id, "family", "active", "My dog is called Biscuit."),
        (items[1].id, "-", "active", "The key is under the pot. Really."),
    ]
    assert "2 items" in done.stderr


def test_list_json_is_the_items(cli: Cli, items: list[Item]) -> None:
    listed = json.loads(cli("list", "--json", "--category", "family").stdout)
    assert [(i["id"], i["text"], i["status"]) for i in listed] == [(items[0].id, "My dog is called Biscuit.", "active")]
    assert len(json.loads(cli("list", "--json", "--limit", "1").stdout)) == 1


def test_scopes_do_not_see_each_other(cli: Cli, items: list[Item]) -> None:
    assert [i["text"] for i in json.loads(cli("list", "--json", "--scope", "anna").stdout)] == ["Someone else's."]
    stolen = cli("forget", items[2].id)
    assert stolen.exit_code == 3
    assert "Someone" not in stolen.output


def test_forget_hides_an_item_and_keeps_the_reason(cli: Cli, items: list[Item], tmp_path: Path) -> None:
    done = cli("forget", items[0].id, "--reason", "moved out")
    assert done.exit_code == 0
    assert f"forgotten {items[0].id}" in done.stdout
    assert [i["id"] for i in json.loads(cli("list", "--json").stdout)] == [items[1].id]
    assert [i["id"] for i in json.loads(cli("list", "--json", "--status", "forgotten").stdout)] == [items[0].id]
    with open_store(tmp_path / "store") as store:
        assert store.history(items[0].id, "default")[-1].reason == "moved out"


def test_an_unknown_id_changes_nothing(cli: Cli, items: list[Item]) -> None:
    done = cli("forget", items[0].id, "nobody")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "nobody" in done.stderr
    assert len(json.loads(cli("list", "--json").stdout)) == 2


@pytest.mark.parametrize(("answer", "left", "code"), [("n\n", 2, 1), ("y\n", 1, 0)])
def test_forget_asks_somebody_who_sits_there(
    cli: Cli, items: list[Item], monkeypatch: pytest.MonkeyPatch, answer: str, left: int, code: int
) -> None:
    monkeypatch.setattr(session, "interactive", lambda: True)
    done = cli("forget", items[0].id, text=answer)
    assert done.exit_code == code
    assert "My dog is called Biscuit." in done.stderr
    assert len(json.loads(cli("list", "--json").stdout)) == left
    assert cli("forget", items[1].id, "--yes").exit_code == 0


def test_forget_json_and_the_same_id_twice(cli: Cli, items: list[Item]) -> None:
    forgotten = json.loads(cli("forget", items[0].id, items[0].id, "--json").stdout)
    assert [(i["id"], i["status"]) for i in forgotten] == [(items[0].id, "forgotten")]


def test_a_folder_that_is_not_there_is_not_made(cli: Cli, tmp_path: Path) -> None:
    done = cli("list")
    assert done.exit_code == 3
    assert "There has to be a store to look into." in done.stderr
    assert not (tmp_path / "store").exists()


def test_an_unknown_scope_is_not_found(cli: Cli, items: list[Item]) -> None:
    for arguments in (["list"], ["forget", items[0].id]):
        done = cli(*arguments, "--scope", "nobody")
        assert done.exit_code == 3
        assert "Got: 'nobody'. Scopes here: 'anna', 'default'." in done.stderr


def test_a_store_of_something_else_is_refused_untouched(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "mnemic.db").write_bytes(b"not a database")
    done = cli("list")
    assert done.exit_code == 1
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "mnemic.db").read_bytes() == b"not a database"


def test_undo_takes_back_the_last_change_and_then_the_one_before(cli: Cli, items: list[Item]) -> None:
    cli("forget", items[0].id)
    assert f"active {items[0].id}  My dog is called Biscuit." in cli("undo").stdout
    (gone,) = json.loads(cli("undo", "--json").stdout)
    assert (gone["id"], gone["status"]) == (items[1].id, "forgotten")
    undone = cli("undo", "99")
    assert undone.exit_code == 3
    assert "What is undone is an operation" in undone.stderr


def test_history_shows_numbers_that_undo_takes(cli: Cli, items: list[Item]) -> None:
    cli("forget", items[0].id, "--reason", "moved out")
    lines = [line.split("\t") for line in cli("history", items[0].id).stdout.splitlines()]
    assert [(line[2], line[3], line[4]) for line in lines] == [
        ("add", "new", "My dog is called Biscuit."),
        ("forget", "moved out", "-"),
    ]
    assert cli("undo", lines[1][0]).exit_code == 0
    assert [e["kind"] for e in json.loads(cli("history", items[0].id, "--json").stdout)] == ["add", "forget", "undo"]
    assert cli("history", items[2].id).exit_code == 3


def test_erase_searches_the_files_and_names_what_still_holds_it(
    cli: Cli, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = cli("erase", items[0].id, "nobody")
    assert unknown.exit_code == 3
    done = cli("erase", items[0].id)
    assert done.exit_code == 0
    assert f"erased {items[0].id}, searched" in done.stdout
    assert all(b"Biscuit" not in path.read_bytes() for path in (tmp_path / "store").iterdir())
    assert cli("erase", items[0].id).exit_code == 3
    (tmp_path / "store" / "note.txt").write_text("The key\tis under the pot.\nReally.", encoding="utf-8")
    left = cli("erase", items[1].id)
    assert left.exit_code == 1
    assert "Still there may be a part in: note.txt" in left.stderr


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_erase_asks_somebody_who_sits_there(
    cli: Cli, items: list[Item], monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(session, "interactive", lambda: True)
    assert cli("erase", items[0].id, text=answer).exit_code == code
    assert len(json.loads(cli("list", "--json").stdout)) == 2 - (code == 0)


def test_list_as_it_was(cli: Cli, items: list[Item]) -> None:
    cli("forget", items[0].id)
    # written to the microsecond, rounded down
    after = (datetime.fromtimestamp(items[1].created) + timedelta(microseconds=1)).isoformat()
    assert len(cli("list", "--as-of", after).stdout.splitlines()) == 2
    assert cli("list", "--as-of", "2001-01-01").stdout == ""
    # a day is its end: what was forgotten today isn't there, yesterday nothing was
    today = datetime.fromtimestamp(items[1].created)
    assert len(cli("list", "--as-of", today.date().isoformat()).stdout.splitlines()) == 1
    assert cli("list", "--as-of", (today - timedelta(days=1)).date().isoformat()).stdout == ""
    later = (today + timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M")
    assert len(cli("list", "--as-of", later).stdout.splitlines()) == 1
    wrong = cli("list", "--as-of", "yesterday")
    assert wrong.exit_code == 1
    assert "A time is a date" in wrong.stderr


def test_prune_shows_what_would_go_and_undo_brings_back_what_went(cli: Cli, items: list[Item], tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        store.touch([items[1].id], "default")
    dry = cli("prune", "--budget", "1", "--dry-run")
    assert dry.stdout.split("\t")[0] == items[0].id
    assert "1 of 2 would be forgotten" in dry.stderr
    assert len(json.loads(cli("list", "--json").stdout)) == 2
    done = json.loads(cli("prune", "--budget", "1", "--json").stdout)
    assert [one["item"]["id"] for one in done["forgotten"]] == [items[0].id]
    assert (done["there"], done["budget"], done["dry_run"]) == (2, 1, False)
    assert [i["id"] for i in json.loads(cli("list", "--json").stdout)] == [items[1].id]
    assert [i["id"] for i in json.loads(cli("undo", str(done["operation"]), "--json").stdout)] == [items[0].id]
    assert "0 of 2 forgotten" in cli("prune", "--keep", "1.0").stderr


@pytest.mark.parametrize("sizes", [(), ("--budget", "1", "--keep", "0.5")])
def test_prune_takes_one_size(cli: Cli, items: list[Item], sizes: tuple[str, ...]) -> None:
    done = cli("prune", *sizes)
    assert done.exit_code == 2
    assert "one of them" in done.stderr


@pytest.mark.parametrize(("answer", "left"), [("n\n", 2), ("y\n", 1)])
def test_prune_asks_somebody_who_sits_there(
    cli: Cli, items: list[Item], monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    monkeypatch.setattr(session, "interactive", lambda: True)
    assert "Forget 1 item?" in cli("prune", "--budget", "1", text=answer).stderr
    assert len(json.loads(cli("list", "--json").stdout)) == left


class Encoder:
    """Stands in for a sentence encoder."""

    id, dim = "other", 3

    def encode(self, texts: Sequence[str]) -> FloatArray:
        return np.eye(3, dtype=np.float32)[[len(text) % 3 for text in texts]]


def test_reindex_changes_the_encoder_of_every_scope(
    cli: Cli, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("mnemic.encoders.encoder_alone", lambda name, model, notify: asked.append(name) or Encoder())
    assert json.loads(cli("reindex", "--encoder", "minilm", "--json").stdout) == {"encoder": "other", "encoded": 3, "before": 0}
    assert asked == ["minilm"]
    with open_store(tmp_path / "store") as store:
        assert (store.encoder_id, store.dim, store.check()) == ("other", 3, [])
        store.reindexing("third", 4)
    refused = cli("reindex", "--encoder", "minilm")
    assert "0 texts encoded by other, 3 were before" in refused.stdout
    assert "discarded" in cli("reindex", "--discard").stdout
    assert "nothing was under way" in cli("reindex", "--discard").stdout


@pytest.mark.parametrize("given", [(), ("--discard", "--encoder", "minilm")])
def test_reindex_takes_an_encoder_or_discards(cli: Cli, items: list[Item], given: tuple[str, ...]) -> None:
    assert cli("reindex", *given).exit_code == 2
    assert cli("reindex", "--encoder", "minilm", "--store", "nowhere").exit_code == 3


def test_undo_says_its_number_and_history_what_it_undid(cli: Cli, items: list[Item]) -> None:
    cli("forget", items[0].id)
    (added, forgotten) = [line.split("\t")[0] for line in cli("history", items[0].id).stdout.splitlines()]
    done = cli("undo")
    number = cli("history", items[0].id).stdout.splitlines()[-1].split("\t")[0]
    assert f"change {number} undid {forgotten}; `mnemic undo {number}` brings it back" in done.stderr
    assert cli("history", items[0].id).stdout.splitlines()[-1].split("\t")[2] == f"undo of {forgotten}"
    assert added != forgotten
