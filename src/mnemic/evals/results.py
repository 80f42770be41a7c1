"""Results as files."""

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any


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
    """Write a summary as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(to_json(summary), ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)
