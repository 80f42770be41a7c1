"""Files of other programs as texts to learn: mem0's exports, and the file of the MCP reference memory server."""

import json
from collections.abc import Iterator
from typing import Any

Found = tuple[int, dict[str, Any] | str]
"""Number of a line or entry from 1, and what `inputs` takes from a line of JSON Lines, or what is wrong."""


def mem0(data: bytes) -> Iterator[Found]:
    """Yield the memories of a mem0 export: a list, or an object with `results` or `memories`, of objects with `memory`.

    Source is `mem0:` and the id; the first of `categories` is the category.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield 1, f"it isn't JSON: {error}"
        return
    if isinstance(value, dict):
        value = value.get("results", value.get("memories"))
    if not isinstance(value, list):
        yield 1, 'it is no list of memories, and has no "results"'
        return
    for number, entry in enumerate(value, 1):
        text = entry.get("memory", entry.get("text")) if isinstance(entry, dict) else None
        if not isinstance(text, str):
            yield number, 'it has no "memory"'
            continue
        categories = entry.get("categories")
        category = categories[0] if isinstance(categories, list) and categories else entry.get("category")
        source = f"mem0:{entry['id']}" if isinstance(entry.get("id"), str | int) else None
        yield number, {"text": text, "category": category, "source": source}


def mcp(data: bytes) -> Iterator[Found]:
    """Yield what the MCP reference memory server knows: a sentence for each observation and each relation.

    Its file has a JSON object per line, of type "entity" (name, entityType, observations) or "relation" (from, to, relationType).
    Names are written without their underscores.
    """
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"it isn't JSON: {error}"
            continue
        kind = entry.get("type") if isinstance(entry, dict) else None
        if kind == "entity" and isinstance(entry.get("name"), str) and isinstance(entry.get("observations"), list):
            for observation in entry["observations"]:
                if not isinstance(observation, str):
                    yield number, "an observation isn't text"
                    continue
                text = f"{_plain(entry['name'])}: {observation}"
                yield number, {"text": text, "category": entry.get("entityType"), "source": f"mcp:{entry['name']}"}
        elif kind == "relation" and all(isinstance(entry.get(name), str) for name in ("from", "relationType", "to")):
            words = " ".join(_plain(entry[name]) for name in ("from", "relationType", "to"))
            yield number, {"text": f"{words}.", "category": None, "source": f"mcp:{entry['from']}"}
        else:
            yield number, 'it is neither an "entity" with a name and observations nor a "relation" from one to another'


def _plain(name: str) -> str:
    return name.replace("_", " ")
