"""Plain data that crosses rooms. Nothing here computes.

Dimension letters used in docstrings: `B` batch rows, `T` tokens, `D` hidden size, `V` vocabulary, `M` alternatives or slots,
`L` tokens of an alternative, `E` encoder size.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Action = Literal["added", "updated", "superseded", "skipped"]
Status = Literal["active", "superseded", "forgotten"]
Kind = Literal["add", "update", "supersede", "forget", "undo", "erase", "prune"]
FloatArray = npt.NDArray[np.float32]


class FoundAt(str):
    """A source that nobody named: where a text was found, like "facts.txt:3". It says nothing new about a known text."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Item:
    """One remembered text. Times are seconds since the epoch (UTC)."""

    id: str
    scope: str
    text: str
    category: str | None
    importance: float
    """0 to 1; ranks between items that fit a query equally well."""
    source: str | None
    """Where the text came from: a file and line, "cli", whatever the caller said."""
    reason: str
    """Why it was admitted, in words."""
    status: Status
    created: float
    said: float
    """When its text was last taught: a correction of spelling, or saying it again after something else, counts."""
    last_used: float | None
    uses: int
    supersedes: str | None
    superseded_by: str | None


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """An item to be written. `key` is the L2-normalised encoder vector `[E]`."""

    text: str
    scope: str
    key: FloatArray
    reason: str
    category: str | None = None
    importance: float = 0.5
    source: str | None = None
    supersedes: str | None = None
    """Id of the active item of the same scope that this one replaces."""
    also_supersedes: tuple[str, ...] = ()
    """Ids of further ones that it replaces: other wordings of what the first one said."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a store's journal. `item_id` lives in the item's scope; `at` is seconds since the epoch."""

    seq: int
    at: float
    kind: Kind
    item_id: str
    reason: str
    operation: int
    """Number of the first event of the operation that this one belongs to: what `undo` takes."""
    text: str | None = None
    """The text that an "add" or "update" brought; only `history` fills it in."""
    undoes: int | None = None
    """Number of the operation that an "undo" undid; only `history` fills it in."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """One event of an item's past, as it is exported. Numbers are those of the store that it comes from.

    undoes: number of the operation that this event's operation undid. status, said, superseded_by: what the
    item was after it; said is the event that brought its text. text to key: what the event brought, None for nothing. key: `[E]`.
    """

    event: int
    at: float
    kind: Kind
    reason: str
    operation: int
    undoes: int | None
    status: str
    said: int | None
    superseded_by: str | None
    text: str | None
    category: str | None
    importance: float | None
    source: str | None
    key: FloatArray | None


@dataclass(frozen=True, kw_only=True)
class Record:
    """An item with its whole past, as it is exported."""

    id: str
    scope: str
    created: float
    supersedes: str | None
    uses: int
    last_used: float | None
    past: tuple[Past, ...]


@dataclass(frozen=True)
class Restored:
    """How many items were written, and how many were there already, by their ids."""

    added: int
    known: int


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What `erase` did.

    files: how many were searched. left: names of those that still hold a piece of the text or of a vector. related: ids of items
    that it superseded or was superseded by, which are still there and may say something alike.
    """

    item_id: str
    files: int
    left: tuple[str, ...]
    related: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """An item and how much it is worth keeping, in the units of `store.retention`."""

    item: Item
    score: float


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What pruning did, or with `dry_run` would do.

    budget: how many active items were to be left. there: how many there were, of the category where one was named. forgotten: the
    least worth keeping first. operation: what `undo` takes; None if nothing was forgotten.
    """

    scope: str
    budget: int
    there: int
    forgotten: tuple[Judged, ...]
    operation: int | None
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What `learn` did with one text. `item` is the stored item, or for "skipped" the one that made it unnecessary, if any."""

    action: Action
    item: Item | None
    reason: str
    ms: float


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One candidate of a recall. `score` is the gate's probability; `parts` are the features it came from."""

    item: Item
    score: float
    parts: dict[str, float]
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class Spoke:
    """A memory that spoke in a reply: gate probability `score`, the pointer's share of the output distribution `weight`.

    `weight` is 0 where the pointer isn't among the `readers` that read the item out.
    """

    item: Item
    score: float
    weight: float
    readers: tuple[str, ...] = ("pointer",)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A generated text, without the prompt. `memories` is empty when the base model spoke alone."""

    text: str
    token_ids: tuple[int, ...]
    memories: tuple[Spoke, ...] = ()
    prompt: str = ""
    """What was looked up; empty where a message only tells something."""
    learned: tuple[Learned, ...] = ()
    """What `chat` remembered of the message."""
    not_learned: str = ""
    """Why something of it that should have been remembered couldn't be; empty where all was."""
    ms: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage: "encode", "route", "generate"."""
