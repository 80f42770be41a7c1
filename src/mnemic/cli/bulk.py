"""`mnemic learn --bulk`: a file of any size, without the model."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from ..errors import ConfigError, rule_got_do
from ..inputs import STANDARD_INPUT, BadLine
from . import output


def learn_in_bulk(
    file: Path,
    model: str,
    store: str,
    encoder: str | None,
    scope: str,
    stop: Event,
    workers: int,
    budget: int | None,
    *,
    as_json: bool,
    **about: Any,
) -> bool:
    """Learn a file, say what came of it, and return whether it was stopped. The model is loaded for the encoder "host" alone."""
    from ..bulk import encoding_here, encoding_workers, learn_file
    from ..encoders import HOST, check_encoder, encoder_alone, usual_encoder
    from ..store import open_store

    name = usual_encoder() if encoder is None else check_encoder(encoder)
    if workers > 1 and name == HOST:
        raise ConfigError(
            rule_got_do(
                "Several workers each load a text encoder.", "the model's own states", "Use one worker, or --encoder minilm."
            )
        )
    with ExitStack() as stack:
        records = stack.enter_context(open_store(store))
        if workers > 1:
            encoding = stack.enter_context(encoding_workers(partial(encoder_alone, name, model), workers))
        else:
            with output.waiting(f"Loading {name} ..."):
                loaded = encoder_alone(name, model, notify=output.note)
            encoding = stack.enter_context(encoding_here(loaded))
        advance = stack.enter_context(output.progress("Learning", None))
        done = learn_file(
            records,
            encoding,
            str(file) if str(file) == STANDARD_INPUT else file,
            scope,
            workers=workers,
            budget=budget,
            stop=stop.is_set,
            report=lambda count, total: advance(count),
            **about,
        )
    if as_json:
        output.emit_json(done)
    else:
        say_skipped(done.bad, done.refused, "standard input" if str(file) == STANDARD_INPUT else file.name)
        pruned = f", {done.pruned} pruned to the budget" if done.pruned else ""
        output.say(f"{done.added} added, {done.known} known already, {done.refused} refused{pruned} in {done.seconds:.1f} s")
    return done.stopped


def say_skipped(bad: Sequence[BadLine], count: int, name: str) -> None:
    """Name the lines of a file that were left out."""
    for line in bad:
        output.note(f"skipped line {line.line} of {name}: {line.reason}", style="yellow")
    if count > len(bad):
        output.note(f"skipped {count - len(bad)} more lines of {name}", style="yellow")
