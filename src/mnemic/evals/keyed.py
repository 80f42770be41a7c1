"""`mnemic bench keys`: key–value pairs told in one segment and asked for several segments later.

A tiny model and a recurrent memory in its middle are trained together. The model sees one segment at a time, so that whatever
it answers has come through the state. Beside it: the same trained model with the state reset, which has nothing to answer from,
and a model whose memory has no output gate, trained as long.

The question holds keys alone: were their values between them, a model could name the last ones by elimination, and gradient
descent stays at that. Training begins with two pairs asked for at once; another pair, and then another segment between, comes
when what there is can be answered. The last third of the steps is spent on the whole task, however far that went.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM

from ..arguments import check_count
from ..errors import ConfigError, rule_got_do
from ..hosts import Handle, attach
from ..memories.recurrent import RecurrentMemory
from ..memories.recurrent.config import Cell
from ..train.segments import read_across
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published
from .scoring import Interval, bootstrap_mean

_WARM_UP = 100
_CLIP = 1.0
_COOL_DOWN = 1 / 3
"""Share of the steps at the end in which the learning rate falls, and the task is the whole one."""
_ENOUGH = 0.9
"""Share of right answers, a running mean, at which the task grows."""
_STEADY = 0.95
"""What stays of that mean at every step."""
_FEWEST = 2
"""Pairs at first."""
_HEADS = 4


@dataclass(frozen=True, kw_only=True)
class KeysConfig:
    """What `mnemic bench keys` measures."""

    pairs: int = 8
    """Pairs that are told; each key once, with any value."""
    values: int = 8
    """Values there are."""
    gap: int = 4
    """Segments of other tokens between telling and asking, each as long as the telling."""
    noise: int = 16
    """Other tokens there are."""
    hidden: int = 128
    """Width of the model."""
    layers: int = 3
    """Blocks of the model, at least 3: the memory is behind the middle one, and what it says has to be compared with the key."""
    size: int = 256
    """Numbers in the state."""
    cell: Cell = "mingru"
    """"gru" or "mingru"."""
    decay: float = 1.0
    """What stays of the state per token."""
    steps: int = 2500
    """Batches to train on."""
    rows: int = 64
    """Conversations per batch."""
    rate: float = 1e-3
    """Highest learning rate."""
    asked: int = 1000
    """New conversations to report."""
    seeds: int = 3
    """Models that are trained, beginning with `seed`."""
    seed: int = 0
    """Of weights and conversations."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("pairs", "values", "gap", "noise", "hidden", "size", "steps", "rows", "asked", "seeds"):
            check_count(name, getattr(self, name), 1)
        check_count("layers", self.layers, 3)
        if self.hidden % (2 * _HEADS) or self.rate <= 0:
            raise ConfigError(
                rule_got_do(
                    f"hidden is a multiple of {2 * _HEADS} and rate is positive.", (self.hidden, self.rate), "Correct them."
                )
            )


@dataclass(frozen=True, kw_only=True)
class KeysSummary:
    """The result of `mnemic bench keys`."""

    bench: str = "keys"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    carried: list[Interval]
    """Share of values that are named rightly, one for each seed."""
    reset: list[Interval]
    """The same with the state reset before the question."""
    plain: list[Interval]
    """Carried, by a memory without an output gate."""
    reached: list[tuple[int, int]]
    """Pairs and gap at which the task had grown for each seed, before the whole task began."""
    plain_reached: list[tuple[int, int]]
    """The same without an output gate."""
    chance: float
    parameters: int
    """Of model and memory together."""
    seconds: float


class _Task:
    """Draws conversations: pairs, noise, and the same pairs in another order."""

    def __init__(self, config: KeysConfig, seed: int) -> None:
        self._config, self._draw = config, torch.Generator().manual_seed(seed)

    @property
    def vocab(self) -> int:
        return self._config.pairs + self._config.values + self._config.noise

    def conversation(self, rows: int, pairs: int, gap: int) -> tuple[list[Tensor], Tensor]:
        """Return the segments, `[rows, 2 pairs]` each and the keys asked for `[rows, pairs]` at last, and their values."""
        c = self._config
        values = c.pairs + torch.randint(0, c.values, (rows, pairs), generator=self._draw)
        told = torch.stack([self._order(rows, c.pairs)[:, :pairs], values], -1)
        size = (rows, 2 * pairs)
        noise = [torch.randint(c.pairs + c.values, self.vocab, size, generator=self._draw) for _ in range(gap)]
        asked = told.gather(1, self._order(rows, pairs)[..., None].expand(-1, -1, 2))
        return [told.flatten(1), *noise, asked[..., 0]], asked[..., 1]

    def _order(self, rows: int, count: int) -> Tensor:
        return torch.rand(rows, count, generator=self._draw).argsort(dim=1)

    def gap(self, longest: int) -> int:
        """Return the gap of a training step, at most `longest`."""
        return int(torch.randint(0, longest + 1, (), generator=self._draw))


class _Course:
    """How much is asked for: another pair, then a longer gap, whenever the answers are mostly right."""

    def __init__(self, config: KeysConfig) -> None:
        self._config = config
        self.pairs, self.gap, self._right = min(_FEWEST, config.pairs), 0, 0.0

    def went(self, right: float) -> None:
        self._right = _STEADY * self._right + (1 - _STEADY) * right
        if self._right <= _ENOUGH or (self.pairs, self.gap) == (self._config.pairs, self._config.gap):
            return
        if self.pairs < self._config.pairs:
            self.pairs += 1
        else:
            self.gap += 1
        self._right = 0.0


def run(config: KeysConfig, *, progress: bool = False) -> KeysSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
    """
    begun = time.perf_counter()
    parameters = 0
    carried: list[Interval] = []
    reset: list[Interval] = []
    plain: list[Interval] = []
    reached: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    with Progress("training", 2 * config.steps * config.seeds, shown=progress) as bar:
        for seed in range(config.seed, config.seed + config.seeds):
            for gated in (True, False):
                task = _Task(config, seed)
                model, handle = _model(config, task.vocab, seed, gated=gated)
                reached[gated].append(_train(config, task, model, handle, bar))
                model.train(False)
                shares = [
                    bootstrap_mean(_right(config, task, model, handle, carry=carry), seed=config.seed) for carry in (True, False)
                ]
                (carried if gated else plain).append(shares[0])
                if gated:
                    reset.append(shares[1])
                    parameters = sum(weight.numel() for weight in [*model.parameters(), *handle.memories[0].parameters()])
                handle.detach()
    return KeysSummary(
        command=command_line("keys", config, KeysConfig()),
        environment=describe(None),
        config=published(config),
        carried=carried,
        reset=reset,
        plain=plain,
        reached=reached[True],
        plain_reached=reached[False],
        chance=1 / config.values,
        parameters=parameters,
        seconds=time.perf_counter() - begun,
    )


def _model(config: KeysConfig, vocab: int, seed: int, *, gated: bool) -> tuple[Any, Handle]:
    """Return a random model with a memory whose readout is random too: at zero it would be left out of the first steps."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    tokens = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, "tie_word_embeddings": False}
    sizes = {"hidden_size": config.hidden, "intermediate_size": 4 * config.hidden, "num_hidden_layers": config.layers}
    heads = {"num_attention_heads": _HEADS, "num_key_value_heads": _HEADS, "max_position_embeddings": 4 * config.pairs}
    model: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        AutoConfig.for_model("llama", vocab_size=vocab, **tokens, **sizes, **heads)
    )
    memory = RecurrentMemory(("middle",), config.size, config.decay, cell=config.cell, seed=seed, output_gate=gated)
    handle = attach(model, [memory])
    with torch.no_grad():
        memory.at["middle"].weight_out.normal_(0.0, 0.02)  # type: ignore[operator]
    torch.random.set_rng_state(state)
    model.train()
    return model, handle


def _train(config: KeysConfig, task: _Task, model: Any, handle: Handle, bar: Progress) -> tuple[int, int]:
    """Train, and return at how many pairs and which gap the task had grown before the whole of it began."""
    weights = [*model.parameters(), *handle.memories[0].parameters()]
    optimizer = torch.optim.AdamW(weights, lr=config.rate, weight_decay=0.01, betas=(0.9, 0.99))
    course, reached = _Course(config), (0, 0)
    for step in range(config.steps):
        left = 1 - step / config.steps
        if left > _COOL_DOWN:
            reached = course.pairs, course.gap
        else:
            course.pairs, course.gap = config.pairs, config.gap
        for group in optimizer.param_groups:
            group["lr"] = config.rate * min(1.0, (step + 1) / _WARM_UP, left / _COOL_DOWN)
        segments, values = task.conversation(config.rows, course.pairs, task.gap(course.gap))
        logits = read_across(model, handle, segments)
        loss = cross_entropy(logits.flatten(0, 1), values.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, _CLIP)
        optimizer.step()
        course.went(float((logits.detach().argmax(-1) == values).float().mean()))
        bar.advance()
    return reached


@torch.no_grad()
def _right(config: KeysConfig, task: _Task, model: Any, handle: Handle, *, carry: bool) -> list[float]:
    """Return of each of new conversations for which share of its keys the value is the likeliest token."""
    segments, values = task.conversation(config.asked, config.pairs, config.gap)
    said = read_across(model, handle, segments, carry=carry).argmax(-1)
    shares: list[float] = (said == values).float().mean(-1).tolist()
    return shares
