"""Conversations with a model that has a memory: what is asked is looked up, what is told may be remembered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal, overload

from .admission import Admission, Heard, choose_judge, left_to_ask
from .arguments import check_count, is_several
from .conversation import Message, Origin, check_messages, fingerprint, render_within
from .encoders import Encoder
from .errors import ConfigError, MnemicError, rule_got_do
from .generation import DEFAULTS, Prompt, Streamed
from .host_texts import HostTexts
from .readers import Choice
from .store.checks import check_label, check_text
from .types import FoundAt, Learned, Reply


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A conversation that is to be answered: its messages, what was heard in the last one, and the prompt."""

    talk: list[Message]
    heard: list[Heard]
    prompt: Prompt


class Talking:
    """The part of `MemoryLM` that holds conversations."""

    tokenizer: Any
    texts: HostTexts
    encoder: Encoder

    @cached_property
    def admission(self) -> Admission:
        """What decides which statements of a message are remembered."""
        return Admission(choose_judge(self.encoder.id), self.encoder.encode)

    @overload
    def chat(
        self,
        messages: Sequence[Mapping[str, str]],
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        brief: bool = ...,
        stream: Literal[False] = ...,
        remember: bool = ...,
        conversation: str | None = ...,
        **options: Any,
    ) -> Reply: ...
    @overload
    def chat(
        self,
        messages: Sequence[Mapping[str, str]],
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        brief: bool = ...,
        *,
        stream: Literal[True],
        remember: bool = ...,
        conversation: str | None = ...,
        **options: Any,
    ) -> Streamed: ...
    @overload
    def chat(
        self,
        messages: Sequence[Sequence[Mapping[str, str]]],
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        brief: bool = ...,
        stream: Literal[False] = ...,
        remember: bool = ...,
        conversation: str | None = ...,
        batch_size: int = ...,
        **options: Any,
    ) -> list[Reply]: ...
    def chat(
        self,
        messages: Sequence[Mapping[str, str]] | Sequence[Sequence[Mapping[str, str]]],
        memory: bool = True,
        scope: str | None = None,
        readers: Choice = None,
        brief: bool = True,
        stream: bool = False,
        remember: bool = False,
        conversation: str | None = None,
        batch_size: int = 16,
        **options: Any,
    ) -> Reply | list[Reply] | Streamed:
        """Answer the last message of a conversation. The memory is asked about that message alone, without what it only tells.

        Where the conversation and the answer don't fit into the model's window, the oldest turns are left out; the system prompt
        and the last message stay. Further arguments as for `ask`.

        Args:
            messages: `{"role": "system" | "user" | "assistant", "content": text}` each, the user's last; or several such
                conversations.
            memory: False for the base model alone.
            scope: whose memories; None for the default.
            readers: as for `ask`.
            brief: where a memory speaks, the reply ends with its answer.
            stream: return an iterator over pieces of text; its `reply` is there when it has ended. One conversation only.
            remember: learn what the user states about themselves in the last message, when it has been answered: never a
                question, a request, quoted text or an example. `learned` of the reply says what, `not_learned` what went wrong.
                `hear` tells beforehand.
            conversation: its name, in the source of what is remembered; None for a digest of its first message.
            batch_size: conversations per batch.
            options: for the model's own `generate`.

        Raises:
            InputError: if it is no conversation, or system prompt and last message are too long by themselves.
            ConfigError: as `generate`, or if something is to be remembered without memory.
        """
        several = bool(messages) and is_several(messages) and is_several(messages[0])
        talks = [check_messages(one) for one in (messages if several else [messages])]
        if remember and not memory:
            raise ConfigError(
                rule_got_do("What is remembered needs a memory.", "remember=True with memory=False", "Leave one of them out.")
            )
        check_label("conversation", conversation)
        longest = check_count("max_new_tokens", options.get("max_new_tokens", DEFAULTS["max_new_tokens"]), 1)
        room = None if self.texts.window is None else max(1, self.texts.window - longest)
        turns = [self._turn(talk, room, memory=memory) for talk in talks]

        def finish(reply: Reply, turn: Turn) -> Reply:
            if not remember:
                return reply
            name = fingerprint(turn.talk) if conversation is None else conversation
            learned: list[Learned] = []
            # an answer isn't lost because something can't be remembered
            try:
                for one in self._learn_heard(turn, name, scope):
                    learned.append(one)
            except MnemicError as error:
                return replace(reply, learned=tuple(learned), not_learned=str(error))
            return replace(reply, learned=tuple(learned))

        if stream:
            if several:
                raise ConfigError(
                    rule_got_do("One conversation is streamed at a time.", f"{len(talks)}", "Answer them one by one.")
                )
            (turn,) = turns
            ended = partial(finish, turn=turn)
            return self._stream(turn.prompt, memory, scope, readers, options, brief=brief, finish=ended)
        replies = self._run([turn.prompt for turn in turns], memory, scope, readers, batch_size, options, brief=brief)
        finished = [finish(reply, turn) for reply, turn in zip(replies, turns, strict=True)]
        return finished if several else finished[0]

    def _turn(self, talk: list[Message], room: int | None, *, memory: bool) -> "Turn":
        message = talk[-1]["content"]
        heard = self.hear(message) if memory else []
        prompt = render_within(self.tokenizer, talk, room)
        return Turn(talk=talk, heard=heard, prompt=replace(prompt, query=left_to_ask(message, heard)))

    def _learn_heard(self, turn: "Turn", name: str, scope: str | None) -> Iterator[Learned]:
        number = sum(one["role"] == "user" for one in turn.talk)
        for one in turn.heard:
            if one.admitted:
                # where it was said is no news about a text that is known
                yield self._learn_one(one.text, FoundAt(str(Origin(name, number, one.start, one.end))), scope)

    def hear(self, message: str) -> list[Heard]:
        """Return the sentences of a user's message, each with whether `chat` would remember it, and why.

        Raises:
            InputError: if it is no text.
        """
        check_text(message)
        return self.admission.hear(message)

    def _run(
        self,
        prompts: Sequence[Prompt],
        memory: bool,
        scope: str | None,
        readers: Choice,
        batch_size: int,
        options: dict[str, Any],
        *,
        brief: bool = False,
    ) -> list[Reply]:
        """Answer prompts."""
        raise NotImplementedError

    def _stream(
        self,
        prompt: Prompt,
        memory: bool,
        scope: str | None,
        readers: Choice,
        options: dict[str, Any],
        *,
        brief: bool,
        finish: Callable[[Reply], Reply] = lambda reply: reply,
    ) -> Streamed:
        """Answer a prompt piece by piece; `finish` makes the reply of what was answered."""
        raise NotImplementedError

    def _learn_one(self, text: str, source: str, scope: str | None) -> Learned:
        """Teach a text."""
        raise NotImplementedError
