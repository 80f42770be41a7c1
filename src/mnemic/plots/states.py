"""`mnemic plot states`: a recurrent memory's states over a text."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..arguments import check_count
from ..checkpoint import load_pretrained
from ..errors import ConfigError, InputError, rule_got_do
from ..hosts.calls import cache_name, returned_cache
from ..memories.recurrent import RecurrentMemory
from ..train.corpus import documents
from ..train.run import load_single
from . import drawing

_WINDOW = 256
"""Tokens that the host sees at a time; the states go on."""
_SHOWN = 64
"""Numbers of a state whose activations are shown."""


@dataclass(frozen=True, kw_only=True)
class StatesConfig:
    """What `mnemic plot states` draws."""

    memory: Path = Path("recurrent")
    """Folder of a trained recurrent memory."""
    data: Path = Path("text.txt")
    """A UTF-8 text."""
    tokens: int = 2048
    """Of the text, from its beginning."""
    every: int = 8
    """Tokens from one reading of the states to the next."""
    model: str = "smollm2"
    """The language model."""
    out: Path = Path("states.png")
    """The picture: .png, .svg or .pdf."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("tokens", "every"):
            check_count(name, getattr(self, name), 1)


def run(
    config: StatesConfig,
    *,
    tell: Callable[[str, int, int], None] = lambda stage, done, size: None,
    loads: Callable[[str], tuple[Any, Any]] = load_single,
) -> Path:
    """Draw the states.

    Args:
        config: what to draw.
        tell: told of a stage, how much of it is done, and its size.
        loads: opens model and tokenizer.

    Raises:
        ConfigError: if the picture can't be drawn, or the folder holds something else.
        CheckpointMismatch: if the memory is of another model.
        InputError: if the text can't be used.
    """
    drawing.check_out(config.out)
    (text,) = documents(config.data.expanduser(), None)
    model, tokenizer = loads(config.model)
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][: config.tokens]
    if not ids:
        raise InputError(rule_got_do("A text has at least one token.", str(config.data), "Give another."))
    handle = load_pretrained(config.memory.expanduser(), model)
    try:
        memory = handle.memories[0]
        if not isinstance(memory, RecurrentMemory):
            raise ConfigError(
                rule_got_do("States are drawn of a recurrent memory.", memory.name, "Train one with `mnemic train recurrent`.")
            )
        read = _read(model, handle, memory, torch.tensor(ids), config, tell)
    finally:
        handle.detach()
    _draw(read, config)
    return config.out


@torch.no_grad()
def _read(
    model: Any, handle: Any, memory: RecurrentMemory, ids: Tensor, config: StatesConfig, tell: Callable[[str, int, int], None]
) -> dict[str, Tensor]:
    """Return the states `[N, K]` of each site, one for every so many tokens."""
    found: dict[str, list[Tensor]] = {site: [] for site in memory.config.sites}
    name = cache_name(model)
    for begin in range(0, len(ids), _WINDOW):
        cache: Any = None
        for at in range(begin, min(begin + _WINDOW, len(ids)), config.every):
            piece = ids[None, at : min(at + config.every, begin + _WINDOW)]
            passed: dict[str, Any] = {} if cache is None or name is None else {name: cache}
            cache = returned_cache(model(piece, use_cache=True, logits_to_keep=1, **passed))
            (state,) = handle.states(cache)
            if state is None:
                raise ConfigError(
                    rule_got_do("States are drawn of a trained memory.", "one whose readout is zero", "Train it first.")
                )
            for site, rows in found.items():
                rows.append(state[site][0])
            tell("read", at + piece.shape[1], len(ids))
        memory.carry_on(state)
    return {site: torch.stack(rows) for site, rows in found.items()}


def _draw(read: dict[str, Tensor], config: StatesConfig) -> None:
    figure, axes = drawing.panels(2 * len(read), title=f"States of {config.memory.name} over {config.data.name}")
    for (site, states), (above, below) in zip(read.items(), zip(axes[::2], axes[1::2], strict=True), strict=True):
        places = [config.every * (i + 1) for i in range(len(states))]
        above.plot(places, states.norm(dim=-1).tolist())
        above.set(title=f"{site}: size of the state", xlabel="tokens", ylabel="norm")
        extent = (0, places[-1], min(_SHOWN, states.shape[1]), 0)
        shown = below.imshow(states[:, :_SHOWN].T.tolist(), aspect="auto", cmap="coolwarm", vmin=-1, vmax=1, extent=extent)
        below.set(title=f"{site}: activations of its numbers", xlabel="tokens", ylabel="number")
        figure.colorbar(shown, ax=below)
    drawing.save(figure, config.out)
