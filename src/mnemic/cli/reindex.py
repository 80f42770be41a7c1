"""`mnemic reindex`."""

from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output, session

if TYPE_CHECKING:
    from ..encoders import Encoder


def reindex(
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help='The new one: "minilm", "host", or a sentence-transformers folder or hub id ("owner/name").',
            show_default="none",
        ),
    ] = None,
    discard: Annotated[bool, typer.Option("--discard", help="Throw away what an interrupted reindex made.")] = False,
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    as_json: options.Json = False,
) -> None:
    """Change the encoder of a store: every text of every scope gets a new vector, nothing is learned again.

    Interrupted, it goes on when it is run again. Other processes may read and write meanwhile, with the old encoder; when it is
    done they are told to load the store with the new one. With the encoder that the store has, it mends texts that lost their
    vectors. The model is loaded only for `--encoder host`.
    """
    from ..store.reindex import reindex as run

    if (encoder is None) != discard:
        raise typer.BadParameter("give --encoder NAME or --discard, one of them")
    with session.open_records(store) as records:
        if encoder is None:
            there = records.discard_reindexing()
            if as_json:
                output.emit_json({"discarded": there})
            else:
                output.say("discarded what was made" if there else "nothing was under way")
            return
        new = _encoder(encoder, model)
        with output.progress("Encoding", None) as advance:
            done = run(records, new.id, new.dim, new.encode, report=advance)
    if as_json:
        output.emit_json(done)
        return
    output.say(f"{done.encoded} texts encoded by {done.encoder}" + (f", {done.before} were before" if done.before else ""))


def _encoder(name: str, model: str) -> "Encoder":
    from ..encoders import encoder_alone

    with output.waiting(f"Loading {name} ..."):
        return encoder_alone(name, model, notify=output.note)
