"""Stores of every kind, opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemic.store import Store, open_store
from store.reference import ReferenceStore
from store.samples import DIM, ENCODER


@pytest.fixture(params=["reference", "memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind, opened for an encoder of 8 numbers."""
    made = (
        ReferenceStore()
        if request.param == "reference"
        else open_store(":memory:" if request.param == "memory" else tmp_path / "s")
    )
    made.open_for(ENCODER, DIM)
    yield made
    made.close()


@pytest.fixture(params=["memory", "folder"])
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The embedded store in memory and in a folder, opened for an encoder of 8 numbers."""
    made = open_store(":memory:" if request.param == "memory" else tmp_path / "s")
    made.open_for(ENCODER, DIM)
    yield made
    made.close()
