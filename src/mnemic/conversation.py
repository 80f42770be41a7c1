"""Messages of a conversation: checked, rendered for the model, and cut to its window."""

import hashlib
import json
import re
import secrets
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .arguments import is_several, short
from .errors import ConfigError, InputError, rule_got_do
from .files import whole_file
from .generation import Prompt, templated
from .store.checks import check_text

ROLES = ("system", "user", "assistant")
Message = dict[str, str]
_HEAD = {"mnemic": "conversation", "format": 1}
_PLAIN = {"system": "", "user": "User: ", "assistant": "Assistant: "}


@dataclass(frozen=True)
class Origin:
    """Where a remembered statement was said: the nth message of the user, from character `start` to `end`.

    `str` of it is the source of the item; `Origin.of` reads it back.
    """

    conversation: str
    turn: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"conversation {self.conversation}, turn {self.turn}, characters {self.start}-{self.end}"

    @classmethod
    def of(cls, source: str | None) -> "Origin | None":
        """Return the origin that a source names, or None if it names another kind of place."""
        match = re.fullmatch(r"conversation (.+), turn (\d+), characters (\d+)-(\d+)", source or "")
        return match and cls(match[1], *(int(match[n]) for n in (2, 3, 4)))


def fingerprint(messages: Sequence[Message]) -> str:
    """Return a short name for a conversation that has none: a digest of how it began."""
    return hashlib.sha256(json.dumps(messages[0], sort_keys=True).encode()).hexdigest()[:12]


def new_name() -> str:
    """Return a name for a new conversation."""
    return secrets.token_hex(6)


class Saved(NamedTuple):
    """A conversation from a file."""

    messages: list[Message]
    name: str


def check_messages(messages: object) -> list[Message]:
    """Return the messages of a conversation that is to be answered, as plain dicts.

    Raises:
        InputError: if they aren't a list of {"role", "content"}, with a system prompt at most at the beginning and the user's
            message at the end.
    """
    if not is_several(messages) or not messages:
        raise _wrong(short(messages), "Pass a list.")
    found = []
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            raise _wrong(f"message {number + 1}: {short(message)}", 'Give each a "role" and a "content".')
        role, content = message["role"], message["content"]
        if role not in ROLES or (role == "system" and number):
            raise _wrong(f"message {number + 1} with role {short(role)}", "Begin with the system prompt, if any.")
        # a model may have said anything, or nothing
        if role != "assistant" or not isinstance(content, str):
            check_text(content)
        found.append({"role": role, "content": content})
    if found[-1]["role"] != "user":
        raise _wrong(f"a last message of the {found[-1]['role']}", "End with what the user says.")
    return found


def _wrong(got: str, do: str) -> InputError:
    rule = 'A conversation is a list of {"role": "system" | "user" | "assistant", "content": text} that ends with the user.'
    return InputError(rule_got_do(rule, got, do))


def render(tokenizer: Any, messages: Sequence[Message]) -> Prompt:
    """Return a conversation through the chat template, or in plain lines where the model has none.

    What is looked up for it is its last message.
    """
    lines = [f"{_PLAIN[message['role']]}{message['content']}" for message in messages]
    return templated(tokenizer, messages, plain="\n".join([*lines, "Assistant:"]))


def render_within(tokenizer: Any, messages: Sequence[Message], room: int | None) -> Prompt:
    """Return a conversation of at most `room` tokens (None: of any length): its oldest turns are left out.

    The system prompt and the last message stay, whatever their length. What stays between them begins with the user.
    """
    system = list(messages[:1]) if messages[0]["role"] == "system" else []
    turns = list(messages[len(system) :])
    begins = [number for number, turn in enumerate(turns) if turn["role"] == "user" or not number]

    def kept(begin: int) -> Prompt:
        return render(tokenizer, [*system, *turns[begin:]])

    # the less is kept the sooner it fits
    first = bisect_left(
        begins, True, hi=len(begins) - 1, key=lambda begin: room is None or _tokens(tokenizer, kept(begin)) <= room
    )
    return kept(begins[first])


def _tokens(tokenizer: Any, prompt: Prompt) -> int:
    return len(tokenizer(prompt.text, add_special_tokens=not prompt.chat, verbose=False)["input_ids"])


def save(path: Path, messages: Sequence[Message], name: str) -> None:
    """Write a conversation to a file, for its owner alone, whole or not at all.

    Raises:
        ConfigError: if it can't be written.
    """
    try:
        with whole_file(path, private=True) as file:
            # a model may have said what is no UTF-8: escaped it is
            json.dump({**_HEAD, "name": name, "messages": list(messages)}, file)
    except OSError as error:
        raise ConfigError(rule_got_do("A conversation needs a file that can be written.", str(error), "Name another.")) from error


def load(path: Path) -> Saved:
    """Return the conversation in a file; one without a name gets a new one.

    Raises:
        InputError: if it can't be read or holds none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(rule_got_do("A conversation is a file that was saved.", f"{path.name}: {error}", "Check it.")) from error
    if not isinstance(value, dict) or {name: value.get(name) for name in _HEAD} != _HEAD or "messages" not in value:
        raise InputError(rule_got_do("A conversation is a file that was saved.", path.name, "Name one that /save wrote."))
    messages, name = value["messages"], value.get("name")
    name = name if isinstance(name, str) and name.isalnum() else new_name()
    if messages == []:
        return Saved([], name)
    # one that ends with an answer is as good as one that waits for it
    checked = check_messages([*messages, {"role": "user", "content": "."}] if isinstance(messages, list) else messages)
    return Saved(checked[:-1], name)
