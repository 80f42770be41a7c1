"""`mnemic ask`."""

import sys
from contextlib import closing
from typing import Annotated, Any

import typer

from ..errors import InputError, rule_got_do
from ..types import Reply, Spoke
from . import options, output, session


def ask(
    question: Annotated[list[str], typer.Argument(help="The question; quotes are optional. `-` reads it from standard input.")],
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    encoder: options.Encoder = None,
    memory: Annotated[bool, typer.Option("--memory/--no-memory", help="Answer with the memory, or as the base model.")] = True,
    readers: options.Readers = None,
    brief: Annotated[
        bool, typer.Option("--brief/--no-brief", help="End with the memory's answer, or let the model go on after it.")
    ] = True,
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Print words as they come.", show_default="on a terminal"),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Length of the answer at most.")] = 64,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, metavar="T", help="Sample at this temperature instead of the likeliest token.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.01, max=1.0, metavar="P", help="With --temperature: nucleus sampling.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="With --temperature: makes the answer repeatable.")] = None,
    as_json: options.Json = False,
) -> None:
    """Answer a question from what was learned.

    The answer goes to standard output; which memory spoke, and how sure it was, to standard error.
    """
    text = _question(question)
    choices: dict[str, Any] = {"readers": options.chosen_readers(readers), "brief": brief}
    choices |= _generate_options(max_new_tokens, temperature, top_p, seed)
    streamed = (output.out.is_terminal if stream is None else stream) and not as_json
    # without memory there is nothing to look into
    with session.open_memory(model, store if memory else ":memory:", encoder, scope) as lm:
        if streamed:
            # closed whatever happens, or an interrupted answer would be generated to its end
            with closing(lm.ask(text, memory=memory, stream=True, **choices)) as pieces:
                for piece in pieces:
                    sys.stdout.write(output.clean(piece))
                    sys.stdout.flush()
                sys.stdout.write("\n")
                reply = pieces.reply
        else:
            reply = lm.ask(text, memory=memory, **choices)
    if as_json:
        output.emit_json(reply)
        return
    if not streamed:
        output.say(reply.text)
    _show_memories(reply, memory=memory)


def _question(words: list[str]) -> str:
    text = sys.stdin.read() if words == ["-"] else " ".join(words)
    if not text.strip():
        raise InputError(
            rule_got_do("A question has words in it.", repr(text), 'Ask something: mnemic ask "What is my dog called?"')
        )
    return text.strip()


def _generate_options(max_new_tokens: int, temperature: float | None, top_p: float | None, seed: int | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {"max_new_tokens": max_new_tokens}
    if temperature is None:
        if top_p is not None or seed is not None:
            raise typer.BadParameter("--top-p and --seed only mean something with --temperature")
        return chosen
    chosen |= {"do_sample": True, "temperature": temperature}
    if top_p is not None:
        chosen["top_p"] = top_p
    if seed is not None:
        from torch import manual_seed

        manual_seed(seed)
    return chosen


def _loudness(spoke: Spoke) -> str:
    others = [name for name in spoke.readers if name != "pointer"]
    return ", ".join(([f"weight {spoke.weight:.2f}"] if spoke.weight else []) + others)


def _show_memories(reply: Reply, *, memory: bool) -> None:
    for spoke in reply.memories:
        output.note(f"memory {spoke.item.id} (score {spoke.score:.2f}, {_loudness(spoke)}): {output.line(spoke.item.text)}")
    if not reply.memories:
        output.note(
            "No memory fits this question: the base model answered." if memory else "Memory was off: the base model answered."
        )
    output.note(f"{reply.ms:.0f} ms")
