"""Progress of a training on disk: weights, the optimizer's moments, the course; taken up again bit for bit."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import ConfigError, rule_got_do
from ..memories.tensors import write_tensors

FILE = "progress.safetensors"


@dataclass(frozen=True)
class Progress:
    """What a checkpoint says beside the weights, which are loaded in place. best: the weights of the best epoch."""

    course: dict[str, Any]
    best: dict[str, Tensor]


def save(
    folder: Path,
    identity: str,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    course: dict[str, Any],
    best: dict[str, Tensor],
) -> None:
    """Write progress, whole or not at all.

    Raises:
        ConfigError: if it can't be written there.
    """
    tensors = {f"now.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(rule_got_do("Progress is written to a folder.", f"{folder}: {error}", "Choose another.")) from error
    write_tensors(folder / FILE, tensors, {"identity": identity, "course": json.dumps(course)})


def load(folder: Path, identity: str, module: nn.Module, optimizer: torch.optim.Optimizer) -> Progress | None:
    """Take up progress, if there is any: weights and moments are loaded into module and optimizer.

    Raises:
        ConfigError: if it is of another training or damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except (OSError, SafetensorError) as error:
        raise ConfigError(rule_got_do("Progress is a file that training wrote.", f"{path}: {error}", "Remove it.")) from error
    if about.get("identity") != identity:
        raise ConfigError(
            rule_got_do(
                "A training goes on with the settings, the text and the model it was begun with.",
                f"{path}, of which {_differing(identity, about.get('identity'))} differs",
                f"Train as before, or remove {folder.name}.",
            )
        )
    module.load_state_dict(_under("now.", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        index, moment = name.split(".", 1)
        state.setdefault(int(index), {})[moment] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return Progress(course=json.loads(about["course"]), best=_under("best.", tensors))


def _differing(identity: str, other: str | None) -> str:
    """Return the names of what two identities, JSON objects, don't have in common."""
    try:
        here, there = json.loads(identity), json.loads(other or "{}")
        return ", ".join(sorted(name for name in {*here, *there} if here.get(name) != there.get(name)))
    except (ValueError, TypeError):
        return "everything"


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
