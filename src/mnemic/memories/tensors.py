"""Tensors as a safetensors file, written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ..errors import ConfigError, rule_got_do


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write tensors and what is said about them. A file that is there already is replaced when the new one is on disk.

    Raises:
        ConfigError: if it can't be written there.
    """
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        fresh = Path(name)
        try:
            save_file(copies, fresh, metadata=dict(about))
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            rule_got_do("A file is written to a folder with room for it.", f"{path}: {error}", "Make the folder, or free space.")
        ) from error
