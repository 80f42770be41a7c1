"""`mnemic chat`."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError, InputError, MnemicError, rule_got_do
from ..store import CONVERSATION, is_address, without_password
from . import options, output, session

if TYPE_CHECKING:
    from ..assistant import MemoryLM
    from ..types import Reply

SHOWN = 20
"""Memories that `/memories` lists unless it is told how many."""
_BARE = ("help", "why", "private", "clear")
_REMEMBERED = {"added": "remembered", "updated": "remembered", "superseded": "remembered instead", "skipped": "known already"}
_QUOTES = '"""'
_HELP = """/help            this
/remember TEXT   learn a text, whatever it is; what you state about yourself is learnt by itself
/forget [ID]     hide an item; without an id the one that spoke last, or was remembered last
/undo [N]        take back the last change of what is remembered, or the one with that number
/why             why the last answer's memory spoke, or none did
/memories [N]    the latest N items
/private         recall, remember and keep nothing from now on; again: as before
/save FILE       write the conversation to a file
/load FILE       go on with a saved one
/clear           forget what was said, not what is remembered
/bye             leave (also Ctrl-D)
Lines between two lines of three quotes are one message."""


def chat(
    model: options.Model = "smollm2",
    system: Annotated[str | None, typer.Option("--system", "-s", metavar="TEXT", help="System prompt.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-o", metavar="NAME=VALUE", help="For the model's generate, e.g. temperature=0.7; may be repeated."
        ),
    ] = None,
    go_on: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the last conversation of this store.")] = False,
    remember: Annotated[
        bool, typer.Option("--remember/--no-remember", help="Learn by itself what you state about yourself.")
    ] = True,
    store: Annotated[
        str,
        typer.Option("--store", envvar="MNEMIC_STORE", metavar="FOLDER|URL", help=options.STORE_HELP),
    ] = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    encoder: options.Encoder = None,
    readers: options.Readers = None,
) -> None:
    """Talk to a model that remembers what it was taught, in this conversation or years ago.

    What you state about yourself is remembered ("My sister lives in Leeds."), and said so; questions, requests, quoted text and
    small talk aren't. `/help` lists what begins with a slash. What is said is kept in the store's folder until the next
    conversation, for `-c`; of a store on a server nothing is kept, but by `/save`.
    """
    chosen = {**_options(option or []), "readers": options.chosen_readers(readers)}
    keep = None if store == ":memory:" or is_address(store) else Path(store).expanduser() / CONVERSATION
    if go_on and (keep is None or not keep.is_file()):
        raise InputError(
            rule_got_do(
                "-c goes on with a conversation that is kept in a store's folder.",
                f"none at {without_password(store)}",
                "Leave it out, or take up a saved one with /load FILE.",
            )
        )
    with session.open_memory(model, store, encoder, scope, new=True) as lm:
        talk = Talk(lm, system, chosen, keep, remember=remember)
        if go_on:
            talk.load(str(keep))
        if session.interactive():
            output.note("/help for help, /bye or Ctrl-D to leave")
        for message, block in _messages(">>> " if session.interactive() else ""):
            # a mistake is no reason to lose a conversation
            try:
                if block or not message.startswith("/"):
                    talk.answer(message)
                elif not talk.obey(message[1:]):
                    break
            except MnemicError as error:
                output.error(str(error))


class Talk:
    """One conversation on a terminal or in a pipe."""

    def __init__(
        self, lm: "MemoryLM", system: str | None, generate: dict[str, Any], keep: Path | None, *, remember: bool
    ) -> None:
        from ..conversation import new_name

        self._lm, self._generate, self._keep, self._remembers = lm, generate, keep, remember
        self._name = new_name()
        self._system = [] if system is None else [{"role": "system", "content": system}]
        self._messages = list(self._system)
        self._last: Reply | None = None
        self._private = False
        self._unheard = False
        """Whether the last answer was given in private."""
        self._before_private = 0
        self._commands: dict[str, Callable[[str], object]] = {
            "help": lambda rest: output.say(_HELP),
            "remember": self._remember,
            "forget": self._forget,
            "undo": self._undo,
            "why": self._why,
            "memories": self._memories,
            "private": self._switch,
            "save": self._save,
            "load": self.load,
            "clear": self._clear,
        }

    def obey(self, line: str) -> bool:
        """Do what a line says, without its slash. Return whether the conversation goes on."""
        name, _, rest = line.partition(" ")
        if name in ("bye", "exit", "quit"):
            return False
        command = self._commands.get(name)
        if command is None:
            raise InputError(rule_got_do("What begins with a slash is a command.", f"/{name}", "/help lists them."))
        if rest.strip() and name in _BARE:
            raise InputError(rule_got_do(f"/{name} takes nothing behind it.", output.line(rest), f"Say /{name} alone."))
        command(rest.strip())
        return True

    def answer(self, message: str) -> None:
        """Answer what the user says, piece by piece."""
        messages = [*self._messages, {"role": "user", "content": message}]
        public = not self._private
        stream = self._lm.chat(
            messages,
            memory=public,
            stream=True,
            remember=public and self._remembers,
            conversation=self._name,
            **self._generate,
        )
        try:
            # closed whatever happens, or an interrupted answer would be generated to its end
            with closing(stream) as pieces:
                for piece in pieces:
                    sys.stdout.write(output.clean(piece))
                    sys.stdout.flush()
        except KeyboardInterrupt:
            output.note(
                "\nStopped; neither the message nor the answer is part of the conversation. /undo takes back what was remembered."
            )
            return
        sys.stdout.write("\n")
        self._last = stream.reply
        self._unheard = self._private
        self._messages = [*messages, {"role": "assistant", "content": self._last.text}]
        for spoke in self._last.memories:
            output.note(f"memory {spoke.item.id} (score {spoke.score:.2f}): {output.line(spoke.item.text)}")
        if self._last.prompt and not self._last.memories and not self._private:
            # what a model makes up looks like an answer
            output.note("No memory fits this question: the base model answered.")
        for learned in self._last.learned:
            if learned.item is not None:
                output.note(f"{_REMEMBERED[learned.action]} {learned.item.id}: {output.line(learned.item.text)}")
        if self._last.not_learned:
            output.error(self._last.not_learned)
        self._kept()

    def _kept(self) -> None:
        from ..conversation import save

        if self._keep is not None and not self._private:
            # a conversation goes on even where it can't be kept
            with suppress(ConfigError):
                save(self._keep, self._messages, self._name)

    def _remember(self, text: str) -> None:
        self._refuse_in_private("/remember")
        if not text:
            raise InputError(rule_got_do("/remember takes a text.", "none", "/remember My dog is called Biscuit."))
        learned = self._lm.learn(text, source="chat")
        item = f" {learned.item.id}" if learned.item else ""
        output.note(f"{learned.action}{item}: {output.line(learned.reason)}")

    def _forget(self, item_id: str) -> None:
        item = self._lm.forget(item_id or self._meant(), reason="asked in a conversation")
        output.note(f"forgotten {item.id}: {output.line(item.text)}")
        output.note("What was said in this conversation stays in it; /clear forgets that.")

    def _meant(self) -> str:
        """Return the id of the item that spoke last, or else was remembered last."""
        last = self._last
        ids = [] if last is None else [spoke.item.id for spoke in last.memories]
        # what was known already was taught at another time
        fresh = [] if last is None else [one.item.id for one in last.learned if one.item and one.action != "skipped"]
        ids += fresh[::-1]
        if not ids:
            raise InputError(rule_got_do("An item is forgotten by its id.", "none, and none spoke", "/memories lists them."))
        return ids[0]

    def _undo(self, number: str) -> None:
        if number and not (number.isdecimal() and int(number)):
            raise InputError(rule_got_do("/undo takes a number from 1.", number, "Leave it out for the last change."))
        for item in self._lm.undo(int(number) if number else None, reason="asked in a conversation"):
            output.note(f"{item.status} {item.id}: {output.line(item.text)}")

    def _why(self, rest: str) -> None:
        if self._last is None:
            raise InputError(rule_got_do("An answer is explained.", "nothing was asked yet", "Ask something first."))
        output.say("Memory was off." if self._unheard else self._lm.why(self._last).text)

    def _memories(self, count: str) -> None:
        if count and not (count.isdecimal() and int(count)):
            raise InputError(rule_got_do("/memories takes a number from 1.", count, "Leave it out for the latest."))
        items = self._lm.items()[-int(count or SHOWN) :]
        for item in items:
            output.say(f"{item.id}  {output.line(item.text)}")
        if not items:
            output.note("Nothing is remembered yet.")

    def _switch(self, rest: str) -> None:
        self._private = not self._private
        if self._private:
            self._before_private = len(self._messages)
            output.note("Private: nothing is recalled, remembered or kept.")
        else:
            self._messages, self._last = self._messages[: self._before_private], None
            self._kept()
            output.note("No longer private; what was said in private is gone.")

    def _save(self, name: str) -> None:
        from ..conversation import save

        self._refuse_in_private("/save")
        if not name:
            raise InputError(rule_got_do("/save takes a file's name.", "none", "/save talk.json"))
        path = Path(name).expanduser()
        if path.exists():
            raise ConfigError(rule_got_do("A conversation is saved to a new file.", name, "Name another."))
        save(path, self._messages, self._name)
        output.note(f"{len(self._messages)} messages written to {name}")

    def load(self, name: str) -> None:
        """Go on with a saved conversation."""
        from ..conversation import load

        self._refuse_in_private("/load")
        if not name:
            raise InputError(rule_got_do("/load takes a file's name.", "none", "/load talk.json"))
        messages, self._name = load(Path(name).expanduser())
        said = [message for message in messages if message["role"] != "system"]
        # a system prompt that was given now wins
        self._messages = [*(self._system or [m for m in messages if m["role"] == "system"]), *said]
        self._last, self._before_private = None, len(self._messages)
        output.note(f"{len(said)} messages taken up")

    def _refuse_in_private(self, command: str) -> None:
        if self._private:
            raise ConfigError(rule_got_do("Nothing is remembered or kept in private.", command, "Leave it with /private first."))

    def _clear(self, rest: str) -> None:
        from ..conversation import new_name

        self._messages, self._last, self._name = list(self._system), None, new_name()
        self._before_private = len(self._messages)
        self._kept()
        output.note("Nothing was said yet.")


def _messages(prompt: str) -> Iterator[tuple[str, bool]]:
    """Yield what is typed until the input ends: lines, or blocks between lines of three quotes; and whether it was a block."""
    block: list[str] | None = None
    while True:
        try:
            line = input("... " if prompt and block is not None else prompt)
        except EOFError:
            break
        except KeyboardInterrupt:
            output.note("\n/bye or Ctrl-D to leave")
            block = None
            continue
        if line.strip() == _QUOTES:
            if block is not None:
                yield "\n".join(block), True
            block = [] if block is None else None
        elif block is not None:
            block.append(line)
        elif line.strip():
            yield line.strip(), False
    if block:
        output.error(f"The last message has no closing {_QUOTES} and wasn't said.")


def _options(given: list[str]) -> dict[str, Any]:
    """Return the options for `generate`; numbers and truth values as such, sampling on where it has to be."""
    chosen: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name.isidentifier() or not equals:
            raise typer.BadParameter(f"an option is NAME=VALUE, got {one!r}")
        try:
            chosen[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            chosen[name] = value
    if chosen.keys() & {"temperature", "top_p", "top_k"}:
        chosen.setdefault("do_sample", True)
    return chosen
