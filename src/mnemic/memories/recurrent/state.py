"""The state of a conversation as a file: written whole or not at all, refused on another model."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ...arguments import check_path
from ...errors import CheckpointMismatch, InputError, rule_got_do
from ..base import Memory, State
from ..tensors import write_tensors

FORMAT_VERSION = 1
_WHOSE = "memory"


def save_state(path: str | Path, state: State, memory: Memory) -> None:
    """Write a state with the identity of the memory and its host.

    Args:
        path: a safetensors file; an older one is replaced when the new one is complete.
        state: as `Handle.states(cache)` returns it, or `RecurrentMemory.carried`.
        memory: whose it is, attached or once attached.

    Raises:
        ConfigError: if it can't be written there.
    """
    write_tensors(Path(check_path("path", path)), state, {_WHOSE: _identity(memory)})


def load_state(path: str | Path, memory: Memory) -> State:
    """Return a state that `save_state` wrote, bit for bit.

    Raises:
        CheckpointMismatch: if the file is no state, or one of another memory or model.
        InputError: if a number in it isn't finite.
    """
    try:
        with safe_open(check_path("path", path), framework="pt") as file:
            identity = (file.metadata() or {}).get(_WHOSE)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except (OSError, SafetensorError) as error:
        raise CheckpointMismatch(
            rule_got_do("A state is a file that save_state wrote.", f"{path}: {error}", "Save it again.")
        ) from error
    if identity != _identity(memory):
        raise CheckpointMismatch(
            rule_got_do(
                "A state belongs to the memory and the model it was made with.",
                f"{path} of {identity}, not {_identity(memory)}",
                "Load that model and memory.",
            )
        )
    check_finite(state)
    return state


def check_finite(state: State) -> None:
    """Refuse a state that holds something else than numbers: it would spoil every token from there on.

    Raises:
        InputError: naming the tensor.
    """
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(
                rule_got_do("Every number of a state is finite.", f"{name!r} isn't", "Go back to an earlier state, or reset().")
            )


def _identity(memory: Memory) -> str:
    return json.dumps(
        {"name": memory.name, "host": memory.bound_to, "format": FORMAT_VERSION, **_made_of(memory)}, sort_keys=True
    )


def _made_of(memory: Memory) -> dict[str, object]:
    """Return the settings that a state's meaning depends on: not how fast it fades, nor how it is read."""
    return {name: value for name, value in memory.settings().items() if name not in ("decay", "output_gate")}
