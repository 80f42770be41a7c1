"""An SQL store before it has items: how it is opened, and whose vectors it holds."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import ClassVar, Protocol, TypeVar

from ..arguments import check_count
from ..errors import EncoderMismatch, StoreError, rule_got_do
from . import erasure, vectors
from .base import Reindexing
from .database import Database
from .indexes import Indexes

_REINDEXED = "the store was reindexed while this process had it open."
Self = TypeVar("Self", bound="SqlBase")


class States(Protocol):
    """A bounded cache of token-level states. A blob of an older payload is never returned; it may lose anything at any time."""

    def get(self, payloads: Mapping[str, int], host: str) -> dict[str, bytes]:
        """Return the blobs of the items that have one for their present payload. `payloads` maps item id to payload number."""
        ...

    def put(self, states: Mapping[str, bytes], payloads: Mapping[str, int], host: str) -> None:
        """Cache blobs, dropping the least recently written beyond the bound."""
        ...

    def drop(self, items: Sequence[str]) -> None:
        """Remove everything that is cached of some items."""
        ...


class SqlBase(ABC):
    """An SQL database that a store's items are in, and the encoder of their vectors.

    Args:
        location: where it is, as errors may show it.
        states: cache of token-level states.
        indexes: search indexes of its scopes.
    """

    INTEGRITY: ClassVar[type[Exception]]
    """What the driver raises when a number or an id is there already."""

    def __init__(self, location: str, states: States, indexes: Indexes) -> None:
        self.location = location
        self._lock = threading.RLock()
        self._states = states
        self._indexes = indexes
        self._bound: vectors.Encoder | None = None
        """The encoder that the store was opened for."""
        self._indexed: vectors.Encoder | None = None
        """Whose vectors the indexes hold."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Database]:
        """Open the database to read; its errors are told in our words."""

    @abstractmethod
    def _writing(self, *, durable: bool = True) -> AbstractContextManager[Database]:
        """Begin a transaction that no other writer is in beside, and commit it; whatever goes wrong leaves nothing of it."""

    @abstractmethod
    def _moment(self) -> AbstractContextManager[Database]:
        """Open the database to read all as of one moment, whatever is written meanwhile."""

    @abstractmethod
    def _snapshot(self) -> AbstractContextManager[Database]:
        """Open the database to read a little as of one moment; nothing else is done by this store meanwhile."""

    @abstractmethod
    def _replace_vectors(self, db: Database) -> None:
        """Put `new_vectors` in the place of `vectors` and leave it empty, in a transaction of the caller's."""

    @abstractmethod
    def _switched(self) -> None:
        """Let go of everything that holds vectors of the encoder before, once they are replaced."""

    @abstractmethod
    def _sweep(self, item_id: str, scope: str, said: erasure.Said) -> tuple[int, tuple[str, ...]]:
        """Remove what is left of an erased item; return how many files were searched, and which still hold a piece."""

    @abstractmethod
    def check(self) -> list[str]:
        """Read the whole database and return what is wrong with it, in words; an empty list when it is sound."""

    @abstractmethod
    def close(self) -> None:
        """Close the store. It can't be used afterwards; closing twice is harmless."""

    @property
    @abstractmethod
    def format_version(self) -> int:
        """Version of the tables' format."""

    def __enter__(self: Self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the store."""
        self.close()

    @property
    def encoder_id(self) -> str | None:
        """Identity of the encoder whose vectors are stored; None while the store is new."""
        encoder = self._stored_encoder()
        return encoder[0] if encoder else None

    @property
    def dim(self) -> int | None:
        """Size E of the stored vectors; None while the store is new."""
        encoder = self._stored_encoder()
        return encoder[1] if encoder else None

    def open_for(self, encoder_id: str, dim: int) -> None:
        """Fix the encoder of a new store, or check it against an existing one.

        Raises:
            EncoderMismatch: with the remedy, if the store was written with another encoder.
        """
        check_count("dim", dim, 1)
        stored = self._stored_encoder()
        if stored is None:
            with self._writing() as db:
                # another process may have been faster: its row stays and is checked below
                db.execute("INSERT INTO encoder VALUES (1, ?, ?) ON CONFLICT DO NOTHING", (encoder_id, dim))
            stored = self._stored_encoder()
        if stored != (encoder_id, dim):
            raise _mismatch(stored, (encoder_id, dim), "or change the store to another: `mnemic reindex --encoder NAME`.")
        self._bound = stored

    def reindexing(self, encoder_id: str, dim: int) -> Reindexing:
        """Begin to change the store's encoder, or go on with what was begun; `store.reindex` does the whole of it.

        Raises:
            StoreError: if a change to another one is under way.
        """
        encoder = (encoder_id, check_count("dim", dim, 1))
        return vectors.SqlReindexing(encoder, self._reading, self._writing, self._replace_vectors, self._switched)

    def discard_reindexing(self) -> bool:
        """Throw away what was made of a change of encoder; return whether there was one."""
        with self._writing() as db:
            return vectors.discard(db)

    def _stored_encoder(self) -> vectors.Encoder | None:
        # read each time: another process may change it
        with self._reading() as db:
            return vectors.encoder_of(db)

    def _usable_encoder(self) -> vectors.Encoder | None:
        """Return the encoder whose vectors are stored; None while the store is new.

        Raises:
            EncoderMismatch: if it isn't any more the one that the store was opened for.
        """
        stored = self._stored_encoder()
        if self._bound is not None and stored is not None and stored != self._bound:
            raise _mismatch(stored, self._bound, _REINDEXED)
        return stored

    def _require_dim(self, expected: int | None = None) -> int:
        """Return the size of the vectors.

        Raises:
            StoreError: while the store is new.
            EncoderMismatch: if they aren't any more of the encoder that the store was opened for, or of the size expected.
        """
        stored = self._usable_encoder()
        if stored is None:
            raise StoreError(
                rule_got_do("A store must know its encoder before it takes items.", "a new store", "Call open_for first.")
            )
        if expected not in (None, stored[1]):
            raise _mismatch(stored, self._bound, _REINDEXED)
        return stored[1]

    def _require_same(self, encoder: vectors.Encoder) -> None:
        """Make sure that a search began and ended with the same encoder's vectors.

        Raises:
            EncoderMismatch: if they were replaced meanwhile.
        """
        stored = self._stored_encoder()
        if stored != encoder:
            with self._lock:
                # another encoder's vectors may have come into them
                self._indexes.close()
            raise _mismatch(stored, encoder, "the store was reindexed meanwhile.")


def _mismatch(stored: vectors.Encoder | None, got: vectors.Encoder | None, beside: str) -> EncoderMismatch:
    name, size = stored or ("", 0)
    mine = f"{got[0]!r} ({got[1]} numbers each)" if got else "vectors of another size"
    return EncoderMismatch(
        rule_got_do(
            f"This store's vectors were made by the encoder {name!r} ({size} numbers each).",
            mine,
            f"Load with encoder={name.rsplit(':', 2)[0]!r}; {beside}",
        )
    )
