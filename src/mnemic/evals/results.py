"""Results as files, without the folders of the machine they were made on."""

import dataclasses
import json
import math
import shlex
from pathlib import Path
from typing import Any

from .files import write_text


def to_json(summary: Any) -> dict[str, Any]:
    """Return a summary dataclass as plain JSON data; what isn't a number becomes null."""
    data: dict[str, Any] = _plain(dataclasses.asdict(summary))
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def write_json(path: Path, summary: Any) -> None:
    """Write a summary as JSON, whole or not at all.

    Raises:
        InputError: if the file can't be written.
    """
    write_text(path, json.dumps(to_json(summary), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def published(config: Any) -> dict[str, Any]:
    """Return the settings of a bench as they are published: files and local models by their last name, no log."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name != "log"}
    for name, value in values.items():
        if isinstance(value, Path):
            values[name] = value.name
        elif name in ("model", "encoder") and value is not None and Path(value).expanduser().is_absolute():
            values[name] = Path(value).name
        elif isinstance(value, tuple):
            values[name] = [one.name if isinstance(one, Path) else one for one in value]
    return values


def command_line(bench: str, config: Any, default: Any) -> str:
    """Return the command that makes a result, with settings at their defaults left out."""
    usual = published(default)
    parts = [f"mnemic bench {bench}"]
    for name, value in published(config).items():
        flag = name.replace("_", "-")
        if value == usual[name]:
            continue
        if isinstance(value, bool):
            parts.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            parts += [f"--{flag} {shlex.quote(str(one))}" for one in (value if isinstance(value, list) else [value])]
    return " ".join(parts)
