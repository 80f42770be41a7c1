"""Training of one memory on a frozen host, on windows that the host can't see across."""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..arguments import check_count, check_numbers
from ..errors import ConfigError, InputError, rule_got_do
from ..hosts import Handle, attach
from ..memories.base import Memory, State
from . import checkpoint
from .corpus import Parts, Streams
from .frozen import Frozen
from .passes import AtTop, Inside, Pass, Window
from .together import Together
from .top import Head

_CLIP = 1.0
_WARM_UP = 30
_SAMPLES = 1_000_003
"""Between the seeds of two trainings' samples: more than a training has steps."""
Stage = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and its size."""


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """How a memory is trained, whatever the text. What it is made of and begins with is said by its subclass."""

    rows: int = 16
    """Documents read side by side."""
    truncate: int = 4
    """Windows per step; gradients flow back through them."""
    epochs: int = 4
    """Passes over the text at most."""
    patience: int = 2
    """Epochs without a better development loss after which training stops."""
    rate: float = 3e-3
    """Highest learning rate; it rises over the first 30 windows and falls along a cosine."""
    weight_decay: float = 0.01
    """Of AdamW."""
    common: int = 2000
    """Most frequent tokens that the training loss sums over; reported losses sum over all."""
    sample: int = 2000
    """Tokens drawn for each window that stand for all others in the training loss."""
    seed: int = 0
    """Of weights and the order of documents."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("rows", "truncate", "epochs", "patience", "common", "sample"):
            check_count(name, getattr(self, name), 1)
        check_count("seed", self.seed, 0)
        check_numbers(self)
        if not self.rate > 0 or not self.weight_decay >= 0:
            raise ConfigError(
                rule_got_do("rate is positive and weight_decay isn't negative.", (self.rate, self.weight_decay), "Correct them.")
            )

    @property
    def carries(self) -> bool:
        """Whether the state goes on from window to window in training."""
        return False

    @property
    def at_top(self) -> bool:
        """Whether the memory sits at the top alone, where states that were kept take the place of the host."""
        return True

    @abstractmethod
    def make(self) -> Memory:
        """Return a new memory.

        Raises:
            ConfigError: if a setting can't be used.
        """

    @abstractmethod
    def begin(self, memory: Memory, documents: Sequence[Frozen], tell: Stage) -> None:
        """Prepare the memory, once attached, for documents that it will be trained on."""


R = TypeVar("R", bound=Recipe)


def only(kind: type[R], settings: Any) -> R:
    """Return a recipe of that kind with the fields that settings of a larger kind have."""
    return kind(**{f.name: getattr(settings, f.name) for f in fields(kind)})


@dataclass(frozen=True)
class Trained:
    """A trained memory, attached, and the development loss after each epoch, in nats per token."""

    handle: Handle
    memory: Memory
    losses: list[float]


@dataclass
class _Course:
    """Where training is: what a checkpoint holds."""

    epoch: int = 0
    step: int = 0
    best: float = math.inf
    losses: list[float] = field(default_factory=list)


class Trainer:
    """Trains one memory on documents that the host has read."""

    def __init__(
        self,
        model: Any,
        frozen: Sequence[Frozen],
        parts: Parts,
        head: Head,
        recipe: Recipe,
        together: Together | None = None,
        tell: Stage = lambda stage, done, size: None,
    ) -> None:
        """Attach a new memory to the model.

        Args:
            model: the host.
            frozen: documents as it read them.
            parts: which of them are for what.
            head: of the host.
            recipe: how to train.
            together: other processes that train the same memory on other documents; None for this one alone.
            tell: told what goes on.

        Raises:
            ConfigError: if a setting can't be used.
        """
        self._frozen, self._parts, self._recipe = frozen, parts, recipe
        self._together = together or Together()
        self._sizes = [len(document.ids) for document in frozen]
        self.memory = recipe.make()
        self.handle = attach(model, [self.memory])
        recipe.begin(self.memory, [frozen[i] for i in parts.train], tell)
        self._weights = [weight for weight in self.memory.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(self._weights, lr=recipe.rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.99))
        if recipe.at_top:
            counts = torch.bincount(torch.cat([frozen[i].ids.flatten() for i in parts.train]), minlength=len(head.weight))
            order = counts[counts > 0].argsort(descending=True, stable=True)[: recipe.common]
            self._pass: Pass = AtTop(self.memory, head, torch.nonzero(counts)[:, 0][order], recipe.sample)
        else:
            self._pass = Inside(self.memory, model, self.handle)

    def train(self, *, folder: Path | None, tell: Stage) -> Trained:
        """Train until the epochs are over or the development loss stops falling; the best epoch's weights are kept.

        Args:
            folder: where progress is kept after each epoch, and taken up again bit for bit; None for nowhere.
            tell: told what goes on.

        Raises:
            ConfigError: if the folder holds the progress of another training.
        """
        course, best = _Course(), None
        identity = self._identity()
        if folder is not None:
            found = checkpoint.load(folder, identity, self.memory, self._optimizer)
            if found is not None:
                course, best = _Course(**found.course), found.best
        begun = self._together.of_first(float(course.epoch))
        if self._together.any(begun != course.epoch):
            raise ConfigError(
                rule_got_do(
                    "Processes of one training go on from the same epoch.",
                    f"epochs {begun:g} and {course.epoch}",
                    "Keep progress where all of them see it, or remove it and begin anew.",
                )
            )
        steps = sum(self._windows(epoch) for epoch in range(self._recipe.epochs))
        while course.epoch < self._recipe.epochs and not self._over(course):
            self._epoch(course, steps, tell)
            # one process decides for all when it is enough
            loss = self._together.of_first(self.loss(self._parts.development, how=self.how, tell=tell))
            if not math.isfinite(loss):
                raise ConfigError(rule_got_do("A training stays finite.", f"a loss of {loss}", "Lower the rate."))
            course.epoch += 1
            course.losses.append(loss)
            if loss < course.best:
                course.best = loss
                best = {name: value.clone() for name, value in self.memory.state_dict().items()}
            if folder is not None and self._together.first:
                checkpoint.save(folder, identity, self.memory, self._optimizer, asdict(course), best or {})
        if best:
            self.memory.load_state_dict(best)
        return Trained(self.handle, self.memory, course.losses)

    @property
    def how(self) -> str:
        """How windows are read in training: "carried" or "reset"."""
        return "carried" if self._recipe.carries else "reset"

    def loss(self, documents: Sequence[int], *, how: str, tell: Stage = lambda stage, done, size: None) -> float:
        """Return nats per token of documents; arguments as for `nats`."""
        nats = self.nats(documents, how=how, tell=tell)
        return float(sum(n.sum() for n in nats) / sum(n.numel() for n in nats))

    @torch.no_grad()
    def nats(self, documents: Sequence[int], *, how: str, tell: Stage = lambda stage, done, size: None) -> list[Tensor]:
        """Return nats `[N, W-1]` of every token, summed over the whole vocabulary, for each document.

        Args:
            documents: their numbers.
            how: "alone": the host without memory; "carried" from window to window; "reset" at each window; "other": each window
                begins from the state at the end of the next document.
            tell: told what goes on.

        Raises:
            InputError: for the state of another document where there is one only.
        """
        if how == "other" and len(documents) < 2:
            raise InputError(rule_got_do("Another document needs two or more.", f"{len(documents)}", "Give a longer text."))
        out = []
        for number, index in enumerate(documents):
            state, rows = self._pass.fresh(1), []
            if how == "other":
                for window in self._of(documents[(number + 1) % len(documents)]):
                    _, state = self._pass.measure(window, state)
            start = state
            for window in self._of(index):
                if how == "alone":
                    rows.append(self._pass.alone(window))
                else:
                    nats, state = self._pass.measure(window, state if how == "carried" else start)
                    rows.append(nats)
            out.append(torch.stack(rows))
            tell("measure", number + 1, len(documents))
        return out

    def _of(self, document: int) -> list[Window]:
        return [Window(self._frozen[document], place) for place in range(self._sizes[document])]

    def _over(self, course: _Course) -> bool:
        since = len(course.losses) - 1 - int(np.argmin(course.losses)) if course.losses else 0
        return since >= self._recipe.patience

    def _order(self, epoch: int, rank: int) -> list[int]:
        """Return the documents of one process in one epoch."""
        order: list[int] = np.random.default_rng([self._recipe.seed, epoch]).permutation(self._parts.train).tolist()
        return order[rank :: self._together.size]

    def _windows(self, epoch: int) -> int:
        """Return how many windows the longest row of an epoch has: a document isn't divided between rows."""

        def count(rank: int) -> int:
            streams = Streams(self._sizes, self._recipe.rows, self._order(epoch, rank))
            return sum(1 for _ in iter(lambda: streams.step(lambda row: None), []))

        return max(count(rank) for rank in range(self._together.size))

    def _epoch(self, course: _Course, steps: int, tell: Stage) -> None:
        recipe = self._recipe
        mine = self._order(course.epoch, self._together.rank)
        streams, state = Streams(self._sizes, recipe.rows, mine), self._pass.fresh(recipe.rows)
        losses: list[Tensor] = []

        def begin(row: int) -> None:
            nonlocal state
            keep = torch.ones(recipe.rows, dtype=torch.bool)
            keep[row] = False
            state = {name: torch.where(keep.view(-1, *[1] * (value.ndim - 1)), value, 0) for name, value in state.items()}

        windows, more = 0, True
        while more:
            places = streams.step(begin)
            # a process without documents goes on beside the others until all are through
            more = self._together.any(bool(places))
            if places:
                draw = torch.Generator().manual_seed(_SAMPLES * recipe.seed + course.step)
                loss, state = self._loss(places, state if recipe.carries else self._pass.fresh(recipe.rows), draw)
                losses.append(loss)
            windows += more
            course.step += more
            if windows and (windows % recipe.truncate == 0 if more else windows % recipe.truncate):
                self._descend(losses, course, steps)
                state = {name: value.detach() for name, value in state.items()}
                losses = []
                tell(f"epoch {course.epoch + 1}", course.step, steps)

    def _loss(self, places: Sequence[tuple[int, int, int]], state: State, draw: torch.Generator) -> tuple[Tensor, State]:
        """Return the loss of the next windows, (row, document, window) of each, and the state of all rows after them."""
        rows = torch.tensor([row for row, _, _ in places])
        here = [Window(self._frozen[document], window) for _, document, window in places]
        nats, after = self._pass.train(here, {name: value[rows] for name, value in state.items()}, draw)
        return nats.mean(), {name: value.index_copy(0, rows, after[name]) for name, value in state.items()}

    def _descend(self, losses: Sequence[Tensor], course: _Course, steps: int) -> None:
        warm, cool = min(1.0, course.step / _WARM_UP), 0.5 * (1 + math.cos(math.pi * min(1.0, course.step / steps)))
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.rate * warm * cool
        self._optimizer.zero_grad()
        if losses:
            torch.stack(list(losses)).mean().backward()  # type: ignore[no-untyped-call]
        self._together.share_gradients(self._weights)
        torch.nn.utils.clip_grad_norm_(self._weights, _CLIP)
        self._optimizer.step()

    def _identity(self) -> str:
        """Return what a training that is taken up again must have in common with the one that was begun."""
        text = hashlib.sha256()
        for index in [*self._parts.train, -1, *self._parts.development]:
            ids = self._frozen[index].ids
            text.update(f"{index} {tuple(ids.shape)}".encode() + ids.numpy().tobytes())
        about = {"host": self.memory.bound_to, "text": text.hexdigest(), "processes": self._together.size}
        return json.dumps({**asdict(self._recipe), **about}, sort_keys=True)
