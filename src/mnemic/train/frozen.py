"""What a frozen host makes of windows, read once and kept: its last states, and what it says by itself."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import ConfigError, rule_got_do
from ..hosts.families import locate
from ..hosts.fingerprint import fingerprint
from ..hosts.reader import HostReader
from ..memories.tensors import write_tensors
from .top import Head

_AT_ONCE = 1024
"""Tokens that the host reads at a time: with a large vocabulary their logits take most of the memory."""
_VERSION = b"frozen-1"
_ENDING = ".safetensors"


@dataclass(frozen=True)
class Frozen:
    """One document.

    ids: `[N, W]`. states: `[N, W, D]` after the final norm, float16. nats: `[N, W-1]` of the host alone. normaliser: `[N, W-1]`,
    the log of the sum over its exponentiated logits, before each of these tokens.
    """

    ids: Tensor
    states: Tensor
    nats: Tensor
    normaliser: Tensor


def check_folder(folder: Path) -> None:
    """Refuse a folder for kept states that holds anything else.

    Raises:
        ConfigError: naming what is there.
    """
    there = [folder] if folder.is_file() else list(folder.iterdir()) if folder.is_dir() else []
    # what a killed process was writing begins with a dot, and is nobody's
    other = [p for p in there if p == folder or not (p.suffix == _ENDING or (p.name.startswith(".") and f"{_ENDING}." in p.name))]
    if other:
        raise ConfigError(
            rule_got_do("States are kept in a new folder or one that holds nothing else.", str(other[0]), "Choose another.")
        )


class Freezer:
    """Reads documents through a host, or takes them from a folder where they were kept."""

    def __init__(self, model: Any, tokenizer: Any, folder: Path | None) -> None:
        """Prepare to read.

        Raises:
            ConfigError: if the head isn't linear: what it says of a changed state can't be computed from its weights.
        """
        self._reader = HostReader(model, tokenizer)
        head = locate(model).head
        size = int(model.config.hidden_size)
        if not isinstance(head, torch.nn.Linear) or head.in_features != size:
            raise ConfigError(
                rule_got_do(
                    "Training at the top needs a linear head over the states themselves.",
                    f"a {type(head).__name__} beside {size} numbers",
                    "Train on another host.",
                )
            )
        self.head = Head(head.weight.detach().float(), None if head.bias is None else head.bias.detach().float())
        self._folder = folder
        # the fingerprint is the same for the same weights in another type
        self._host = f"{fingerprint(model)} {head.weight.dtype}"

    def read(self, documents: Sequence[Tensor], tell: Callable[[int], None]) -> list[Frozen]:
        """Return documents `[N, W]` as the host reads them; `tell` is called with the tokens that are done."""
        return [self._one(ids, tell) for ids in documents]

    def _one(self, ids: Tensor, tell: Callable[[int], None]) -> Frozen:
        path = self._path(ids)
        if path is not None and path.is_file():
            try:
                kept = load_file(path)
                tell(ids.numel())
                return Frozen(ids, kept["states"], kept["nats"], kept["normaliser"])
            except (SafetensorError, OSError, KeyError):
                # a cache: what can't be read is read anew
                path.unlink(missing_ok=True)
        layer, made = self._reader.num_layers, []
        at_once = max(1, _AT_ONCE // ids.shape[1])
        for begin in range(0, len(ids), at_once):
            rows = ids[begin : begin + at_once]
            made += self._reader.read_tokens(rows.tolist(), (layer,), losses=True)
            tell(rows.numel())
        states = torch.stack([read.states[layer] for read in made])
        if self._reader.after(states[0, :1]) is None:
            raise ConfigError(
                rule_got_do(
                    "Training at the top needs a host whose logits are what its head says of its states.",
                    "logits that are capped or scaled",
                    "Train on another host.",
                )
            )
        nats = torch.stack([read.losses for read in made if read.losses is not None])
        # window by window: the weights of all tokens at once would be as large as all states
        said = torch.stack([self._said(rows, tokens) for rows, tokens in zip(states, ids, strict=True)])
        frozen = Frozen(ids, states.half(), nats, nats + said)
        if path is not None:
            _keep(path, frozen)
        return frozen

    def _said(self, states: Tensor, ids: Tensor) -> Tensor:
        """Return the logit `[W-1]` of each token that comes."""
        said = (states[:-1] * self.head.weight[ids[1:]]).sum(-1)
        return said if self.head.bias is None else said + self.head.bias[ids[1:]]

    def _path(self, ids: Tensor) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(_VERSION + self._host.encode() + repr(tuple(ids.shape)).encode() + ids.numpy().tobytes())
        return self._folder / f"{digest.hexdigest()[:32]}{_ENDING}"


def _keep(path: Path, frozen: Frozen) -> None:
    """Write a document's reading; a cache that can't be written is none."""
    with suppress(ConfigError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, {"states": frozen.states, "nats": frozen.nats, "normaliser": frozen.normaliser}, {})
