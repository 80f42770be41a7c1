"""Prompts in, token ids out: what lies between `MemoryLM` and the model's own `generate`."""

import atexit
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import ConfigError, rule_got_do
from .types import Reply

DEFAULTS: dict[str, Any] = {"max_new_tokens": 64, "do_sample": False}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What the model is fed (`text`), and what is looked up for it (`query`), None for nothing.

    chat: `text` holds its special tokens already.
    """

    text: str
    query: str | None
    chat: bool


def render_question(tokenizer: Any, question: str) -> Prompt:
    """Return a question through the chat template, or in the plain form where the model has none."""
    messages = [{"role": "user", "content": question}]
    return templated(tokenizer, messages, plain=f"Question: {question}\nAnswer:")


def templated(tokenizer: Any, messages: Sequence[dict[str, str]], *, plain: str) -> Prompt:
    """Return messages through the chat template, or a plain text where the model has none; looked up is the last message."""
    query = messages[-1]["content"]
    if getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return Prompt(text=text, query=query, chat=True)
    return Prompt(text=plain, query=query, chat=False)


def answer_tokens(tokenizer: Any, prompt: Prompt, prompt_ids: Sequence[int], answer: str) -> tuple[int, ...]:
    """Return an answer's tokens as they follow a prompt: with a space before it, unless the prompt ends in one.

    Tokenised together with the prompt, because tokenizers differ in what they do at the start of a text.
    """
    gap = "" if not prompt.text or prompt.text[-1].isspace() else " "
    special = not prompt.chat
    together = tuple(tokenizer(prompt.text + gap + answer, add_special_tokens=special, verbose=False)["input_ids"])
    if special and together and together[-1] == tokenizer.eos_token_id and prompt_ids[-1] != tokenizer.eos_token_id:
        together = together[:-1]
    start = len(prompt_ids)
    if together[:start] == tuple(prompt_ids) and len(together) > start:
        return together[start:]
    return tuple(tokenizer(gap + answer, add_special_tokens=False, verbose=False)["input_ids"])


def word_starts(tokenizer: Any, size: int) -> Tensor:
    """Return `[size]` bool: which tokens begin a word, a sign or a line, and so may follow a finished word.

    A colon does not: "7" would go on as "7:30". Byte-level tokenizers write a leading space or line end as one of "ĠĊ",
    sentencepiece as "▁".
    """
    starts = torch.zeros(size, dtype=torch.bool)
    special = set(tokenizer.all_special_ids)
    for token, i in tokenizer.get_vocab().items():
        if i < size:
            starts[i] = i in special or token[:1] in "ĠĊĉ▁" or not (token[:1].isalnum() or token == ":")
    return starts


Answers = tuple[tuple[int, ...], ...]
"""What a memory may say in a row, as token ids."""


def answer_ended(new: Sequence[int], answers: Answers) -> int | None:
    """Return how many of a row's new tokens are one of its answers, or None while it has said none to its end."""
    return next((len(a) for a in answers if len(a) <= len(new) and tuple(new[: len(a)]) == a), None)


def generate_batch(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], options: dict[str, Any], until: Sequence[Answers] = ()
) -> list[list[int]]:
    """Return the new tokens of each row, without padding and without the end token.

    Args:
        model: the host.
        tokenizer: its tokenizer.
        prompts: token ids of each row.
        options: for the host's own `generate`.
        until: answers of each row behind which it stops; none for no row.

    Raises:
        ConfigError: if the options ask for several sequences per prompt.
    """
    taken = sorted(set(options) & {"generation_config", "return_dict_in_generate", "pad_token_id", "input_ids", "attention_mask"})
    if taken:
        raise ConfigError(
            rule_got_do(
                "Some options are set here.", ", ".join(taken), "Give single options (max_new_tokens, temperature, ...) instead."
            )
        )
    settings = {**DEFAULTS, **options}
    if "max_length" in options and "max_new_tokens" not in options:
        del settings["max_new_tokens"]
    if settings.get("num_return_sequences", 1) != 1:
        raise ConfigError(
            rule_got_do(
                "One reply per prompt.",
                f"num_return_sequences={settings['num_return_sequences']}",
                "Repeat the prompt, or use the model's own generate.",
            )
        )
    ids, mask = _left_padded(prompts, tokenizer.pad_token_id, model.device)
    if any(until):
        settings["stopping_criteria"] = [*settings.get("stopping_criteria", ()), _StopBehind(until, ids.shape[1])]
    with torch.inference_mode():
        try:
            out = model.generate(input_ids=ids, attention_mask=mask, pad_token_id=tokenizer.pad_token_id, **settings)
        except ValueError as error:
            if not options:
                raise
            raise ConfigError(
                rule_got_do("Options are those of the model's own `generate`.", str(error), "Leave out or correct what it names.")
            ) from error
    ends = _end_ids(model, settings)
    rows = [_until_end(row, ends) for row in out[:, ids.shape[1] :].tolist()]
    return [row[: answer_ended(row, answers)] for row, answers in zip(rows, until or [()] * len(rows), strict=True)]


class _StopBehind:
    """Ends each row behind its answer (a `StoppingCriteria` of transformers, by its shape)."""

    def __init__(self, until: Sequence[Answers], width: int) -> None:
        self._until, self._width = until, width

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Return `[rows]` bool: which rows end here. Beams of one prompt are rows that follow each other."""
        each = len(input_ids) // len(self._until)
        new = input_ids[:, self._width :].tolist()
        ended = [answer_ended(row, self._until[i // each]) is not None for i, row in enumerate(new)]
        return torch.tensor(ended, device=input_ids.device)


def force_batch(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], goals: Sequence[Sequence[int]]) -> list[bool]:
    """Return for each row whether every goal token is the likeliest one when prompt and goal are fed."""
    longest = max(map(len, goals))
    ids, mask = _left_padded([[*p, *g] for p, g in zip(prompts, goals, strict=True)], tokenizer.pad_token_id, model.device)
    with torch.inference_mode():
        # some models count positions by the column, padding included: they are told where each row's text begins
        positions = (mask.cumsum(dim=1) - 1).clamp_min(0)
        out = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=longest + 1)
    best = out.logits[:, :-1].argmax(dim=-1)
    return [best[row, best.shape[1] - len(goal) :].tolist() == list(goal) for row, goal in enumerate(goals)]


def stream_batch(
    model: Any,
    tokenizer: Any,
    prompt: Sequence[int],
    options: dict[str, Any],
    send: Callable[[str], None],
    until: Sequence[Answers] = (),
) -> list[int]:
    """Generate for one prompt, sending text as it comes; returns the new tokens."""
    from transformers import TextStreamer

    class Sender(TextStreamer):
        """Passes finished pieces on instead of printing them."""

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            send(text)

    streamer = Sender(tokenizer, skip_prompt=True, skip_special_tokens=True)
    return generate_batch(model, tokenizer, [prompt], {**options, "streamer": streamer}, until)[0]


class _Stopped(Exception):
    """The reader went away."""


class Streamed(Iterator[str]):
    """Pieces of a reply as they are generated; when they have ended, `reply` is the whole."""

    def __init__(self, run: Callable[[Callable[[str], None]], Reply]) -> None:
        """Start `run`, which is given where to send pieces and returns the reply."""
        self._pieces: queue.Queue[str | None] = queue.Queue()
        self._reply: Reply | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(run,), daemon=True)
        # a program that ends in the midst of it would tear the model down under the thread
        atexit.register(self.close)
        self._thread.start()

    @property
    def reply(self) -> Reply:
        """The whole reply.

        Raises:
            ConfigError: before the last piece was taken.
        """
        if self._reply is None:
            raise ConfigError(
                rule_got_do("A streamed reply is there when its pieces have ended.", "pieces left", "Iterate to the end.")
            )
        return self._reply

    def close(self) -> None:
        """Stop generating at the next token."""
        self._stopped.set()
        self._thread.join()
        atexit.unregister(self.close)

    def __next__(self) -> str:
        try:
            piece = self._pieces.get()
        except BaseException:
            # an interrupt while waiting: nothing may go on in the background
            self.close()
            raise
        if piece is None:
            self._thread.join()
            atexit.unregister(self.close)
            self._pieces.put(None)
            if self._error is not None:
                raise self._error
            raise StopIteration
        return piece

    def _work(self, run: Callable[[Callable[[str], None]], Reply]) -> None:
        try:
            self._reply = run(self._send)
        except _Stopped:
            pass
        except BaseException as error:  # handed to the thread that reads
            self._error = error
        finally:
            self._pieces.put(None)

    def _send(self, piece: str) -> None:
        if self._stopped.is_set():
            raise _Stopped
        if piece:
            self._pieces.put(piece)


def _left_padded(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(len(p) for p in prompts)
    ids = torch.full((len(prompts), width), pad, dtype=torch.long)
    mask = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(list(prompt))
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def _end_ids(model: Any, settings: dict[str, Any]) -> frozenset[int]:
    ends = settings.get("eos_token_id", model.generation_config.eos_token_id)
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def _until_end(row: list[int], ends: frozenset[int]) -> list[int]:
    for i, token in enumerate(row):
        if token in ends:
            return row[:i]
    return row
