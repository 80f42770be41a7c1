"""From a file to documents that the host has read: what training and measuring begin with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arguments import check_count
from ..errors import ConfigError, InputError, rule_got_do
from .corpus import Parts, documents, split, windows
from .frozen import Freezer, Frozen, check_folder
from .top import Head

_PARTS = 3
"""Documents are needed for each of the parts of a text."""


@dataclass(frozen=True, kw_only=True)
class MaterialConfig:
    """Which text, and how it is cut."""

    data: Path = Path("text.txt")
    """A UTF-8 text."""
    separator: str | None = None
    """A regular expression for the beginning of a line at which a document begins; without one the file is one document."""
    window: int = 128
    """Tokens that the host sees at a time; it can't see across."""
    development: float = 0.1
    """Share of the text to stop by."""
    held: float = 0.25
    """Share of the text that isn't trained on, to report."""
    split_seed: int = 0
    """Of the draw of those shares."""
    states: Path | None = None
    """Folder in which the host's states are kept; without one they are read anew each time."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_count("window", self.window, 2)
        check_count("split_seed", self.split_seed, 0)
        if not (0 < self.development < 1 and 0 < self.held < 1 and self.development + self.held < 1):
            raise ConfigError(
                rule_got_do(
                    "development and held are shares that leave something to train on.",
                    (self.development, self.held),
                    "Give e.g. 0.1 and 0.25.",
                )
            )


@dataclass(frozen=True)
class Material:
    """Documents as the host read them, and which are for what."""

    frozen: list[Frozen]
    parts: Parts
    head: Head


def texts_of(config: MaterialConfig) -> list[str]:
    """Return the documents: what can be refused before a model is loaded.

    Raises:
        InputError: if the text can't be used.
        ConfigError: if the separator is no expression, or the folder for states is something else.
    """
    if config.states is not None:
        check_folder(config.states.expanduser())
    found = documents(config.data.expanduser(), config.separator)
    if len(found) < _PARTS:
        raise InputError(
            rule_got_do(
                "There are documents to train on, to stop by and to report.",
                f"{len(found)} in {config.data.name}",
                "Say where one begins, e.g. --separator ' = [^=]'.",
            )
        )
    return found


def prepare(
    config: MaterialConfig, texts: Sequence[str], model: Any, tokenizer: Any, tell: Callable[[str, int, int], None]
) -> Material:
    """Read documents through the host.

    Args:
        config: how they are cut and divided.
        texts: as `texts_of` returns them.
        model: the host.
        tokenizer: its tokenizer.
        tell: told of a stage, how much of it is done, and its size.

    Raises:
        InputError: if they are too short or too few.
        ConfigError: if the host can't be trained on.
    """
    cut = windows(tokenizer, texts, config.window)
    parts = split([len(ids) for ids in cut], development=config.development, held=config.held, seed=config.split_seed)
    freezer = Freezer(model, tokenizer, None if config.states is None else config.states.expanduser())
    total, done = sum(ids.numel() for ids in cut), 0

    def said(tokens: int) -> None:
        nonlocal done
        done += tokens
        tell("read", done, total)

    return Material(freezer.read(cut, said), parts, freezer.head)
