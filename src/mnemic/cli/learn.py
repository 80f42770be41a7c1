"""`mnemic learn`."""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from ..inputs import STANDARD_INPUT, Format, OnError, TextRecord, read_texts, said_about
from ..store.checks import check_text
from ..types import Action, FoundAt, Learned
from . import options, output, session
from .bulk import learn_in_bulk, say_skipped
from .exits import INTERRUPTED

if TYPE_CHECKING:
    from ..assistant import MemoryLM

CHUNK = 32
"""Texts handed over at a time: what an interrupt waits for, and the step of the progress bar."""

ARGUMENT = FoundAt("command line")
"""Source of a text given as an argument."""

SHOWN = 20
"""Up to this many results are listed one by one."""


def learn(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to learn, one per argument. `-` reads standard input.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Text, a fact per line, or .jsonl with a `text` per line. May be repeated."
        ),
    ] = None,
    format: Annotated[
        Format,
        typer.Option(
            "--format",
            metavar="auto|text|jsonl|mem0|mcp",
            help="How to read files and standard input; mem0: its export, mcp: the file of the MCP reference memory server.",
        ),
    ] = "auto",
    category: Annotated[
        str | None, typer.Option("--category", "-c", metavar="NAME", help="Category of texts that name none.")
    ] = None,
    importance: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, metavar="0..1", help="Importance of texts that name none.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the text comes from; by default the file and line.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Store texts as they are, whatever is known already.")] = False,
    bulk: Annotated[
        Path | None,
        typer.Option(
            "--bulk",
            metavar="FILE",
            help="A file of any size, or `-`: streamed, encoded in batches and not read by the model. Repeated, it goes on.",
            show_default="none",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that encode, for --bulk.")] = 1,
    on_error: Annotated[
        OnError,
        typer.Option(
            "--on-error", metavar="stop|skip", help="What a broken line of a file does: nothing is learned, or it is left out."
        ),
    ] = "stop",
    keep_good: Annotated[bool, typer.Option("--keep-good", help="The same as --on-error skip.")] = False,
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    encoder: options.Encoder = None,
    budget: options.Budget = None,
    as_json: options.Json = False,
) -> None:
    """Teach texts: as arguments, from files, or from standard input.

    Every text is durable once it is reported. Teaching the same again changes nothing: an interrupted run can simply be repeated.
    With --bulk nothing is compared with what is known but for the exact text: nothing is superseded, and importance is 0.5.
    """
    on_error = "skip" if keep_good else on_error
    if bulk is not None:
        if texts or file or force:
            raise typer.BadParameter("--bulk stands alone: without texts, --file and --force")
        about = {"format": format, "category": category, "importance": importance, "source": source, "on_error": on_error}
        with _stop_on_interrupt() as stop:
            stopped = learn_in_bulk(bulk, model, store, encoder, scope, stop, workers, budget, as_json=as_json, **about)
        if stopped:
            output.note("Interrupted. Run the same command again for the rest.", style="yellow")
            raise typer.Exit(INTERRUPTED)
        return
    if workers > 1:
        raise typer.BadParameter("--workers is for --bulk")
    records = _gather(texts or [], file or [], format, on_error)
    started = perf_counter()
    with session.open_memory(model, store, encoder, scope, new=True, budget=budget) as lm, _stop_on_interrupt() as stop:
        results = _teach(lm, [said_about(r, category, importance, source) for r in records], stop, force=force)
        stopped = stop.is_set()
    if as_json:
        output.emit_json(results)
    else:
        _report(results, perf_counter() - started)
    if stopped and len(results) < len(records):
        output.note("Interrupted. Run the same command again for the rest.", style="yellow")
        raise typer.Exit(INTERRUPTED)


def _gather(texts: Sequence[str], files: Sequence[Path], format: Format, on_error: OnError) -> list[TextRecord]:
    """Read everything before anything is learned, so that a broken input leaves nothing half done."""
    records = [
        TextRecord(text=check_text(text), source=ARGUMENT, line=number)
        for number, text in enumerate((t for t in texts if t != STANDARD_INPUT), 1)
    ]
    sources: list[str | Path] = [*files, *([STANDARD_INPUT] if STANDARD_INPUT in texts else [])]
    for source in sources:
        reader = read_texts(source, format, on_error)
        records += reader
        say_skipped(reader.bad, reader.bad_count, reader.name)
    if not texts and not files:
        raise typer.BadParameter("nothing to learn: give a text, --file FILE, or - for standard input")
    return records


def _teach(lm: "MemoryLM", records: Sequence[TextRecord], stop: Event, *, force: bool) -> list[Learned]:
    """Learn chunk by chunk. Whatever ends it early, what is already durable is said."""
    results: list[Learned] = []
    try:
        with output.progress("Learning", len(records)) as advance:
            for start in range(0, len(records), CHUNK):
                if stop.is_set():
                    break
                chunk = records[start : start + CHUNK]
                results += lm.learn(
                    [record.text for record in chunk],
                    category=[record.category for record in chunk],
                    importance=[record.importance for record in chunk],
                    source=[record.source for record in chunk],
                    force=force,
                )
                advance(len(results))
    finally:
        if len(results) < len(records) and len(records) > 1:
            output.note(f"{len(results)} of {len(records)} texts are done and durable.", style="yellow")
    return results


@contextmanager
def _stop_on_interrupt() -> Iterator[Event]:
    """Yield an event that Ctrl-C sets: the texts in hand are finished, so that the count is exact. A second one stops at once."""
    stop = Event()

    def first(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        output.note("Stopping after the texts in hand ...")
        signal.signal(signal.SIGINT, previous)

    previous = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, first)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)


def _report(results: Sequence[Learned], seconds: float) -> None:
    if len(results) <= SHOWN:
        for result in results:
            item = f"{result.item.id}  {output.line(result.item.text)}" if result.item else "-"
            output.say(f"{result.action:<10} {item}  ({output.line(result.reason)})")
    if len(results) > 1:
        counts = Counter(result.action for result in results)
        kinds: tuple[Action, ...] = ("added", "updated", "superseded", "skipped")
        output.note(", ".join(f"{counts[kind]} {kind}" for kind in kinds) + f" in {seconds:.1f} s")
