"""Load what `Handle.save_pretrained` wrote."""

from pathlib import Path

from torch import nn

from . import registry
from .arguments import check_path
from .errors import CheckpointMismatch, ConfigError, rule_got_do
from .hosts import Handle, HostParts, attach, host_spec
from .hosts.saving import SavedMemory, load_memories
from .memories.base import Memory

_SHIPPED = Path(__file__).parent / "memories"


def shipped(name: str = "recurrent") -> Path:
    """Return the folder of a trained memory that comes with the package; `load_pretrained` attaches it.

    Args:
        name: "recurrent", for SmolLM2-135M-Instruct.

    Raises:
        ConfigError: for any other name.
    """
    folder = _SHIPPED / str(name) / "weights"
    if name != "recurrent" or not folder.is_dir():
        raise ConfigError(
            rule_got_do('A memory that comes with the package is "recurrent".', repr(name), "Train one of your own.")
        )
    return folder


def load_pretrained(path: str | Path, model: nn.Module, *, parts: HostParts | None = None) -> Handle:
    """Attach to `model` the memories saved at `path`.

    Args:
        path: the folder that `save_pretrained` wrote.
        model: the model they were saved from, in whatever floating point type.
        parts: as for `attach`.

    Raises:
        CheckpointMismatch: if the checkpoint is damaged, or of another format version or model.
        ConfigError: if a saved memory isn't registered.
        HostNotSupported: as `attach`.
    """
    saved = load_memories(Path(check_path("path", path)), host_spec(model, parts=parts))
    memories = [_make(entry) for entry in saved]
    handle = attach(model, memories, parts=parts)
    try:
        for memory, entry in zip(memories, saved, strict=True):
            _fill(memory, entry)
    except CheckpointMismatch:
        handle.detach()
        raise
    return handle


def _make(entry: SavedMemory) -> Memory:
    cls = registry.get(entry.name)
    try:
        return cls(**entry.settings)
    except TypeError as error:
        raise CheckpointMismatch(
            rule_got_do(f"Memory {entry.name!r} is made from its saved settings.", error, "Use the Mnemic that wrote it.")
        ) from error


def _fill(memory: Memory, entry: SavedMemory) -> None:
    here = memory.state_dict()
    wrong = sorted(here.keys() ^ entry.tensors.keys())
    wrong += [name for name, tensor in entry.tensors.items() if name in here and here[name].shape != tensor.shape]
    if wrong:
        raise CheckpointMismatch(
            rule_got_do(
                f"Saved tensors fit memory {entry.name!r}.",
                f"missing, unknown or differently shaped: {', '.join(wrong)}",
                "Use the Mnemic that wrote it.",
            )
        )
    memory.load_state_dict(dict(entry.tensors))
