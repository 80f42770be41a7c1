"""How commands get at a memory: with the language model, or light, with the store alone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotFound, rule_got_do
from . import output

if TYPE_CHECKING:
    from ..assistant import MemoryLM
    from ..store.base import Store


def interactive() -> bool:
    """Return whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and output.err.is_terminal


@contextmanager
def open_memory(
    model: str, store: str, encoder: str | None, scope: str, *, new: bool = False, budget: int | None = None
) -> Iterator["MemoryLM"]:
    """Load the model and open the store, and close both. Only with `new` is a store made that isn't there.

    The gate is that of MNEMIC_GATE, a file, or else the one of the package.

    Raises:
        NotFound: if there is no store at that place, or it was never taught anything in that scope but in others.
    """
    if not new:
        # said before the model is loaded, which takes seconds
        with open_records(store) as records:
            records.items(scope, limit=0)
    # the bars that transformers draws while it reads a file would tear the spinner; read when it is first imported
    os.environ.setdefault("TQDM_DISABLE", "1")
    with output.waiting(f"Loading {model} ..."):
        from ..assistant import load

        gate = os.environ.get("MNEMIC_GATE") or None
        memory = load(model=model, store=store, encoder=encoder, scope=scope, gate=gate, budget=budget, notify=output.note)
    with memory:
        yield memory


@contextmanager
def open_records(store: str) -> Iterator["Store"]:
    """Open the store without a language model. A folder that isn't there is an error and isn't made.

    Raises:
        NotFound: if there is no store at that place.
    """
    require_store(store)
    from ..store import open_store

    records = open_store(store)
    try:
        yield records
    finally:
        records.close()


def require_store(store: str) -> None:
    """Refuse a folder that isn't there.

    Raises:
        NotFound: if there is none.
    """
    from ..store import is_address

    if not is_address(store) and store != ":memory:" and not Path(store).expanduser().is_dir():
        raise NotFound(
            rule_got_do(
                "There has to be a store to look into.",
                f"no folder at {store}",
                "Teach something first (mnemic learn), or name another folder with --store or MNEMIC_STORE.",
            )
        )
