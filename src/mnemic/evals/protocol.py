"""What the bench needs of the model it measures: the user's object, or a stand-in of the same shape."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from ..types import FloatArray, Hit, Learned, Reply


class Encodes(Protocol):
    """A text encoder."""

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return L2-normalised vectors `[len(texts), E]`."""
        ...


class BenchLM(Protocol):
    """A model that can be taught, asked, and asked as if it had no memory."""

    @property
    def encoder(self) -> Encodes:
        """The text encoder."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The host's tokenizer."""
        ...

    @property
    def model(self) -> Any:
        """The host model."""
        ...

    @property
    def handle(self) -> Any:
        """What `attach` returned."""
        ...

    def recall(self, query: str, k: int = 5) -> list[Hit]:
        """Return the items that fit a query best."""
        ...

    def learn(self, text: list[str], *, force: bool = False) -> list[Learned]:
        """Teach texts."""
        ...

    def generate(
        self, prompt: list[str], *, memory: bool, readers: Sequence[str] | str | None, batch_size: int, **options: Any
    ) -> list[Reply]:
        """Continue texts."""
        ...

    def ask(
        self, question: list[str], *, memory: bool, readers: Sequence[str] | str | None, batch_size: int, **options: Any
    ) -> list[Reply]:
        """Answer questions through the chat template."""
        ...

    def score(self, prompts: list[str], targets: list[str], *, memory: bool, readers: Sequence[str] | str | None) -> list[bool]:
        """Return per prompt whether every token of its target is the most likely one when the target is fed."""
        ...

    def calibrate(self, examples: Sequence[Any], *, among: Sequence[Any], progress: Callable[[str, int, int], None]) -> object:
        """Refit the gate on examples and settle its threshold among others."""
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


class Loads(Protocol):
    """What opens a model: `mnemic.load`."""

    def __call__(self, *, model: str, store: str, encoder: str | None, device: str | None) -> BenchLM:
        """Open the model over a store."""
        ...


def load_default(*, model: str, store: str, encoder: str | None, device: str | None) -> BenchLM:
    """Open a model with `mnemic.load`."""
    from ..assistant import load

    return cast(BenchLM, load(model=model, store=store, encoder=encoder, device=device))
