"""Locations, foreign and damaged files, formats."""

import os
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest

from mnemic.errors import ConfigError, Corrupt, MnemicError, SchemaTooNew, StoreError
from mnemic.store import open_store, schema
from store.samples import DIM, ENCODER, direction, new_item


def filled(folder: Path, texts: int = 3) -> Path:
    with open_store(folder) as store:
        store.open_for(ENCODER, DIM)
        store.insert([new_item(f"text {n}", seed=n) for n in range(texts)])
    return folder / "mnemic.db"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_store_is_a_private_folder(tmp_path: Path) -> None:
    database = filled(tmp_path / "deep" / "store")
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert [p.name for p in database.parent.iterdir()] == ["mnemic.db"]
    assert database.read_bytes()[68:72] == b"Mnem"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    filled(Path("~/memories"))
    assert (tmp_path / "memories" / "mnemic.db").exists()


@pytest.mark.parametrize("location", ["", "  ", "a\x00b"])
def test_a_location_must_be_a_name(location: str) -> None:
    with pytest.raises(ConfigError, match="A store's location is a folder, ':memory:' or a URL"):
        open_store(location)


def test_another_kind_of_server_is_refused_without_showing_its_password() -> None:
    with pytest.raises(ConfigError, match=r"or a postgresql:// URL\. Got: 'mysql://\.\.\.'") as caught:
        open_store("mysql://me:secret@host/db")
    assert "secret" not in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(ConfigError, match=r"A store is a folder\. Got: the file .*notes\.txt"):
        open_store(file)
    with pytest.raises(ConfigError, match="one that can be made"):
        open_store(file / "below")
    assert contents(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"holiday.jpg": b"x"}, r"needs an empty folder\. Got: .*holiday\.jpg"),
        ({".bashrc": b"x", "a": b"", "b": b"", "c": b""}, r"'\.bashrc', 'a', 'b', \.\.\."),
        ({"mnemic.db": b""}, "must be a whole SQLite file"),
        (
            {"mnemic.db": b"not a database at all, but long enough to have the size of a header" * 3},
            "must be a whole SQLite file",
        ),
        ({"mnemic.db-wal": b"x", "states.db": b"y"}, r"A store needs its mnemic\.db"),
    ],
)
def test_what_is_not_ours_is_refused_and_not_touched(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(Corrupt, match=message):
        open_store(tmp_path)
    assert contents(tmp_path) == files


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "mnemic.db")
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    before = contents(tmp_path)
    with pytest.raises(Corrupt, match="must be one that Mnemic wrote"):
        open_store(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_copy_cut_short_is_refused_and_not_touched(tmp_path: Path, share: float) -> None:
    database = filled(tmp_path, texts=50)
    data = database.read_bytes()
    database.write_bytes(data[: int(len(data) * share)])
    before = contents(tmp_path)
    with pytest.raises(Corrupt, match=rf"{int(len(data) * share)} of {len(data)} bytes.*Restore the folder from a backup"):
        open_store(tmp_path)
    assert contents(tmp_path) == before


def test_damage_inside_is_named_as_such_and_found_by_the_check(tmp_path: Path) -> None:
    database = filled(tmp_path, texts=200)
    data = bytearray(database.read_bytes())
    half = len(data) // 2 // 4096 * 4096
    data[half:] = bytes(len(data) - half)
    database.write_bytes(data)
    with open_store(tmp_path) as store:
        assert store.check()
        with pytest.raises(Corrupt, match=r"must be whole\. Got: .*malformed.*Restore"):
            store.search(direction(0), 5, "home")


def test_a_sound_store_passes_the_check_and_a_wrong_count_does_not(tmp_path: Path) -> None:
    database = filled(tmp_path)
    with open_store(tmp_path) as store:
        assert store.check() == []
    db = sqlite3.connect(database)
    db.execute("UPDATE scopes SET active = 7")
    db.commit()
    db.close()
    with open_store(tmp_path) as store:
        assert store.check() == ["scope 'home' counts 7 active items and has 3"]


def test_a_newer_format_is_refused_and_not_touched(tmp_path: Path) -> None:
    database = filled(tmp_path)
    db = sqlite3.connect(database)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    before = database.read_bytes()
    with pytest.raises(SchemaTooNew, match=rf"up to format {len(schema.MIGRATIONS)}\. Got: format 99 .*pip install -U mnemic"):
        open_store(tmp_path)
    assert database.read_bytes() == before


def test_an_older_format_is_brought_up_to_date_at_once_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    formats = len(schema.MIGRATIONS)
    good = (f"{formats + 1:04}_colours", "ALTER TABLE items ADD COLUMN colour TEXT; CREATE TABLE colours (name TEXT);")
    broken = (f"{formats + 2:04}_broken", "ALTER TABLE missing ADD COLUMN colour TEXT;")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, good, broken])
    with pytest.raises(StoreError, match="no such table"):
        open_store(tmp_path)
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:-1])
    with open_store(tmp_path) as store:
        assert store.count("home") == 3
    db = sqlite3.connect(tmp_path / "mnemic.db")
    assert db.execute("PRAGMA user_version").fetchone() == (formats + 1,)
    assert [name for (name,) in db.execute("SELECT name FROM migrations ORDER BY name")] == [m[0] for m in schema.MIGRATIONS]
    assert db.execute("SELECT count(*) FROM colours").fetchone() == (0,)
    db.close()


def test_what_an_interrupted_creation_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "mnemic.db.new-1234").write_bytes(b"half")
    filled(tmp_path)
    with open_store(tmp_path) as store:
        assert store.count() == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="permissions work differently on Windows")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_cannot_be_written_says_so(exists: bool) -> None:
    # not tmp_path: its parents are closed to the other user that a superuser's test needs
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "store")
        if exists:
            filled(folder).chmod(0o444)
            folder.chmod(0o555)
        Path(root).chmod(0o555)
        said = said_without_superpowers(folder)
        if exists:
            folder.chmod(0o755)
        Path(root).chmod(0o755)
        assert "must be" in said
        assert "writ" in said
        assert "Change" in said
        assert str(folder) in said


def said_without_superpowers(folder: Path) -> str:
    """Return the error of opening a store in a child process that isn't the superuser, who may write everywhere."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        if not os.geteuid():
            os.setuid(65534)
        try:
            open_store(folder)
        except MnemicError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    said = os.read(read, 10_000).decode()
    os.close(read)
    return said
