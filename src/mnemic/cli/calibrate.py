"""`mnemic calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigError, InputError, rule_got_do
from . import options, output, session

if TYPE_CHECKING:
    from ..assistant import Injections

SHOWN = 10
_NEIGHBOURS = 200
"""Generated questions about other people's things, beside the unrelated ones of the package."""


def calibrate(
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            "-q",
            metavar="FILE",
            help="Questions that no item has to do with, one per line. Without it, those of the package.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.5, metavar="0..0.5", help="Raise the threshold until at most this share wakes a memory."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where the gate with that threshold goes.")
    ] = None,
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    encoder: options.Encoder = None,
    as_json: options.Json = False,
) -> None:
    """State how often a memory of this store speaks when it shouldn't: its false-injection rate, on a corpus of questions.

    With `--rate` and `--out`, the threshold is settled on every second question and the rate stated on the others, which it
    hasn't seen. `MNEMIC_GATE=FILE`, or `mnemic.load(gate=FILE)`, then uses that gate; nothing else changes.
    """
    if (rate is None) != (out is None):
        raise typer.BadParameter("--rate and --out go together: what is settled is written")
    if out is not None and out.exists():
        raise ConfigError(rule_got_do("A gate is written to a new file.", str(out), "Name another."))
    if out is not None and not out.expanduser().parent.is_dir():
        raise ConfigError(rule_got_do("A gate is written to a folder that exists.", str(out), "Make it first."))
    asked, corpus = _questions(questions)
    if len(asked) < 1 + (rate is not None):
        raise InputError(
            rule_got_do(
                "A threshold is settled on one half of the questions and stated on the other.", f"{len(asked)}", "Give more."
            )
        )
    with session.open_memory(model, store, encoder, scope) as lm:
        if not lm.store.count(scope):
            output.note(f"Nothing is remembered in scope {scope!r}: nothing can wake.")
        with output.waiting(f"Asking {len(asked)} questions ..."):
            before = None if rate is None else lm.injections(asked[1::2])
            if rate is not None and out is not None:
                lm.settle(asked[::2], rate)
                lm.gate.save(out)
            found = lm.injections(asked if rate is None else asked[1::2])
        items = lm.store.count(scope)
    if as_json:
        output.emit_json({"corpus": corpus, "items": items, "before": before, "found": found, **_interval(found)})
        return
    if before is not None:
        output.say(f"Before: {_stated(before, items, corpus)}")
    output.say(f"{'Now: ' if before is not None else ''}{_stated(found, items, corpus)}")
    for one in found.woken[:SHOWN]:
        output.say(f"  {one.score:.2f}  {output.line(one.query)}  ->  {output.line(one.item.text)}")


def _questions(path: Path | None) -> tuple[list[str], str]:
    """Return the questions, each once, and what they are called."""
    if path is not None:
        from ..inputs import read_texts

        return list(dict.fromkeys(record.text for record in read_texts(path, "text"))), path.name
    from ..evals.generator import generate
    from ..evals.talk.corpus import PERSONAL, talk

    neighbours = [r.neighbour_questions[0] for r in generate(_NEIGHBOURS, 1, "test", relations=PERSONAL)]
    half = [list(talk("dev").unrelated), list(talk("test").unrelated), neighbours]
    return [q for one in half for q in one], "the package's unrelated questions and questions about other people's things"


def _stated(found: "Injections", items: int, corpus: str) -> str:
    shares = _interval(found)
    return (
        f"{len(found.woken)} of {found.queries} questions woke one of {items} items: false-injection rate {shares['rate']:.1%}"
        f" [{shares['low']:.1%}, {shares['high']:.1%}] on {corpus}."
    )


def _interval(found: "Injections") -> dict[str, float]:
    from ..evals.scoring import wilson

    share = wilson(len(found.woken), found.queries)
    return {"rate": share.value, "low": share.low, "high": share.high}
