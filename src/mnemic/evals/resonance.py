"""`mnemic bench resonance`: what a trained resonance gate does to text it was trained for, other text, typos and token noise.

Whether damping what is strange and adding what prototypes say helps or harms is an open question: effects are signed. Beside the
gate: its two halves trained alone, and the plain alternative to damping, one temperature for all states, chosen on the
development part.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..arguments import check_count
from ..errors import ConfigError, InputError, rule_got_do
from ..memories.resonance import ResonanceMemory
from ..train.corpus import documents, windows
from ..train.frozen import Freezer, Frozen
from ..train.material import Material, MaterialConfig, prepare, texts_of
from ..train.passes import step_top
from ..train.resonance import ResonanceTraining
from ..train.run import load_single
from ..train.top import Head, exact_loss
from ..train.trainer import Trainer, only
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published
from .scoring import Interval, mean_over_seeds

_TEMPERATURES = tuple(round(0.8 + 0.025 * n, 3) for n in range(13))
"""Factors of all states that development text chooses from."""
_PIECE = 8
"""Windows of one file that count as a document."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, kw_only=True)
class ResonanceConfig(MaterialConfig, ResonanceTraining):
    """What `mnemic bench resonance` measures: a text, how gates are trained on it, and what else they are tried on."""

    other: tuple[Path, ...] = ()
    """Texts of other kinds; may be repeated."""
    typos: float = 0.05
    """Share of the letters that are left out, doubled, exchanged with the next one, or replaced."""
    noise: float = 0.1
    """Share of the tokens that are replaced by any other; what is measured is the tokens that are left."""
    tokens: int = 20_000
    """Tokens of each text to report, at most."""
    seeds: int = 3
    """How many gates of each kind are trained, beginning with `seed`."""
    model: str = "smollm2"
    """The language model."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        MaterialConfig.__post_init__(self)
        ResonanceTraining.__post_init__(self)
        if self.parts != "both":
            raise ConfigError(rule_got_do("The bench trains every part of the gate.", repr(self.parts), "Leave `parts` out."))
        check_count("seeds", self.seeds, 1)
        check_count("tokens", self.tokens, self.window)
        if not (0 < self.typos < 1 and 0 < self.noise < 1):
            raise ConfigError(
                rule_got_do("typos and noise are shares between 0 and 1.", (self.typos, self.noise), "Give e.g. 0.05 and 0.1.")
            )


@dataclass(frozen=True, kw_only=True)
class ResonanceEffect:
    """What one gate does to one text: nats per token with it minus without, paired by document; below 0 it helps."""

    gate: str
    effect: Interval
    seeds: list[float]


@dataclass(frozen=True, kw_only=True)
class ResonanceText:
    """One text. resonance: the best match of its states with a prototype, of the whole gate, over documents and seeds."""

    title: str
    tokens: int
    documents: int
    alone: Interval
    resonance: Interval
    effects: list[ResonanceEffect]


@dataclass(frozen=True, kw_only=True)
class ResonanceSummary:
    """The result of `mnemic bench resonance`."""

    bench: str = "resonance"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    texts: list[ResonanceText]
    temperature: float
    """The factor of all states that development text chose."""
    gates: list[dict[str, float]]
    """Of each seed's whole gate: damping, strength, focus, prototypes in ART memory and settled ones, epochs."""
    seconds: float


class _Text(NamedTuple):
    """Documents as the host read them; counted: for each document which tokens `[N, W-1]` are measured."""

    title: str
    frozen: list[Frozen]
    counted: list[Tensor]


_Shift = Callable[[Tensor], Tensor]
"""Returns what is added to states `[1, W, D]`."""
_KINDS = {"gate": "both", "damping alone": "damping", "readout alone": "readout"}
_PLAIN = "one temperature"


def run(
    config: ResonanceConfig, *, progress: bool = False, loads: Callable[[str], tuple[Any, Any]] = load_single
) -> ResonanceSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens model and tokenizer.

    Raises:
        ConfigError: if the model or a setting can't be used.
        InputError: if a text can't be used.
    """
    begun = time.perf_counter()
    with Progress("reading", 2 + len(_KINDS) * config.seeds, shown=progress) as bar:

        def tell(stage: str, done: int, size: int) -> None:
            bar.say(f"{stage} {done}/{size}")

        texts = texts_of(config)
        others = [documents(path.expanduser(), None)[0] for path in config.other]
        model, tokenizer = loads(config.model)
        material = prepare(config, texts, model, tokenizer, tell)
        bar.advance()
        cases = _cases(config, material, others, model, tokenizer)
        alone = [[_nats(case, number, material.head, None) for number in range(len(case.frozen))] for case in cases]
        bar.advance()
        found: dict[str, list[list[list[float]]]] = {kind: [] for kind in _KINDS}
        matches, gates = [], []
        for seed in range(config.seed, config.seed + config.seeds):
            for kind, parts in _KINDS.items():
                recipe = replace(only(ResonanceTraining, config), seed=seed, parts=parts)  # type: ignore[arg-type]
                trainer = Trainer(model, material.frozen, material.parts, material.head, recipe, tell=tell)
                try:
                    trained = trainer.train(folder=None, tell=tell)
                    memory = trained.memory
                    assert isinstance(memory, ResonanceMemory)
                    found[kind].append(_all_nats(cases, material.head, partial(_shift, memory)))
                    if parts == "both":
                        matches.append([[_resonance(memory, d) for d in case.frozen] for case in cases])
                        gates.append(_numbers(memory, len(trained.losses)))
                finally:
                    trainer.handle.detach()
                bar.advance()
        temperature = _temperature(material)
        found[_PLAIN] = [_all_nats(cases, material.head, lambda states: (temperature - 1) * states)]
    return ResonanceSummary(
        command=command_line("resonance", config, ResonanceConfig()),
        environment=describe(None),
        config=published(config),
        texts=[
            _summed(
                case, alone[n], [m[n] for m in matches], {kind: [s[n] for s in seeds] for kind, seeds in found.items()}, config
            )
            for n, case in enumerate(cases)
        ],
        temperature=temperature,
        gates=gates,
        seconds=time.perf_counter() - begun,
    )


def _cases(config: ResonanceConfig, material: Material, others: Sequence[str], model: Any, tokenizer: Any) -> list[_Text]:
    freezer = Freezer(model, tokenizer, None if config.states is None else config.states.expanduser())
    draw = np.random.default_rng(config.split_seed)
    limit = config.tokens // config.window
    held = _first([material.frozen[i].ids for i in material.parts.held], limit)

    def read(title: str, cut: Sequence[Tensor], counted: Sequence[Tensor] | None = None) -> _Text:
        if not cut:
            raise InputError(rule_got_do("A text to report fills a window.", title, "Give a longer one, or smaller windows."))
        every = [torch.ones(len(ids), config.window - 1, dtype=torch.bool) for ids in cut]
        both = [(ids, here) for ids, here in zip(cut, counted or every, strict=True) if here.any()]
        return _Text(title, freezer.read([ids for ids, _ in both], lambda tokens: None), [here for _, here in both])

    wrong = [with_typos(tokenizer.decode(ids.flatten()), config.typos, draw) for ids in held]
    replaced = [torch.from_numpy(draw.random(ids.shape) < config.noise) for ids in held]
    vocabulary = len(material.head.weight)
    noisy = [
        torch.where(changed, torch.from_numpy(draw.integers(0, vocabulary, ids.shape)), ids)
        for ids, changed in zip(held, replaced, strict=True)
    ]
    out = [
        read("held-out part", held),
        read("with typos", _first(windows(tokenizer, wrong, config.window), limit)),
        read("with token noise", noisy, [~changed[:, 1:] for changed in replaced]),
    ]
    for path, text in zip(config.other, others, strict=True):
        cut = [ids for whole in windows(tokenizer, [text], config.window) for ids in torch.split(whole, _PIECE)]
        # spread over the file: a book begins with its contents
        count = min(len(cut), -(-limit // _PIECE))
        chosen = [cut[place] for place in np.linspace(0, len(cut) - 1, count).astype(int)] if cut else []
        out.append(read(path.name, _first(chosen, limit)))
    return out


def _first(cut: Sequence[Tensor], limit: int) -> list[Tensor]:
    """Return documents `[N, W]` up to so many windows in all, as many of each as its share."""
    total = sum(len(ids) for ids in cut)
    kept = [ids[: len(ids) * limit // total] if total > limit else ids for ids in cut]
    return [ids for ids in kept if len(ids)]


def with_typos(text: str, share: float, draw: np.random.Generator) -> str:
    """Return a text a share of whose letters is left out, doubled, exchanged with the next character, or replaced."""
    out, place = [], 0
    while place < len(text):
        letter = text[place]
        if not letter.isalpha() or draw.random() >= share:
            out.append(letter)
        else:
            match draw.integers(4):
                case 0:
                    pass
                case 1:
                    out.append(letter * 2)
                case 2:
                    out.append(text[place + 1 : place + 2] + letter)
                    place += 1
                case _:
                    out.append(_LETTERS[draw.integers(len(_LETTERS))])
        place += 1
    return "".join(out)


@torch.no_grad()
def _nats(case: _Text, number: int, head: Head, shift: _Shift | None) -> float:
    """Return the mean nats of the tokens of one document that are counted; None: of the host alone."""
    document, counted = case.frozen[number], case.counted[number]
    rows = []
    for ids, kept, here in zip(document.ids, document.states.float(), counted, strict=True):
        added = torch.zeros_like(kept) if shift is None else shift(kept[None])[0]
        rows.append(exact_loss(added, kept, ids, head)[here])
    return float(torch.cat(rows).mean())


def _all_nats(cases: Sequence[_Text], head: Head, shift: _Shift) -> list[list[float]]:
    return [[_nats(case, number, head, shift) for number in range(len(case.frozen))] for case in cases]


def _shift(memory: ResonanceMemory, states: Tensor) -> Tensor:
    return step_top(memory, states, {})[0]


@torch.no_grad()
def _resonance(memory: ResonanceMemory, document: Frozen) -> float:
    matches, _ = memory.place("top").matches(document.states.flatten(0, 1).float())
    return float(matches.max(-1).values.clamp(min=0.0).mean())


def _numbers(memory: ResonanceMemory, epochs: int) -> dict[str, float]:
    place = memory.place("top")
    return {
        "damping": float(place.damping.detach()),
        "strength": float(place.strength.detach()),
        "focus": float(place.focus.detach()),
        "prototypes": float(place.prototypes.cell.used.sum()),
        "settled": float(place.prototypes.occupied.sum()),
        "epochs": float(epochs),
    }


def _temperature(material: Material) -> float:
    development = [material.frozen[i] for i in material.parts.development]
    every = [torch.ones(d.ids.shape[0], d.ids.shape[1] - 1, dtype=torch.bool) for d in development]
    case = _Text("development", development, every)
    sizes = [d.ids.numel() for d in development]

    def loss(factor: float) -> float:
        nats = [_nats(case, number, material.head, lambda states: (factor - 1) * states) for number in range(len(development))]
        return sum(n * size for n, size in zip(nats, sizes, strict=True))

    return min(_TEMPERATURES, key=loss)


def _summed(
    case: _Text,
    alone: Sequence[float],
    matches: Sequence[Sequence[float]],
    found: dict[str, list[list[float]]],
    config: ResonanceConfig,
) -> ResonanceText:
    sizes = [int(counted.sum()) for counted in case.counted]
    effects = []
    for kind, nats in found.items():
        less = np.array(nats) - np.array(alone)
        weights = np.array(sizes) / sum(sizes)
        effects.append(
            ResonanceEffect(
                gate=kind,
                effect=mean_over_seeds(less.tolist(), sizes, config.seed),
                seeds=[float(v) for v in less @ weights],
            )
        )
    return ResonanceText(
        title=case.title,
        tokens=sum(sizes),
        documents=len(sizes),
        alone=mean_over_seeds([alone], sizes, config.seed),
        resonance=mean_over_seeds(matches, sizes, config.seed),
        effects=effects,
    )
