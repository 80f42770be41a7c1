"""`mnemic export` and `mnemic import`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..inputs import STANDARD_INPUT
from . import options, output, session

if TYPE_CHECKING:
    from ..transfer import Imported


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines file to write; `-` is standard output.")],
    every: Annotated[bool, typer.Option("--all", help="Every scope, not just one.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
) -> None:
    """Write what is remembered to a file, with its whole past, that `mnemic import` reads back without loss. Loads no model."""
    from .. import transfer

    wanted = None if every else scope
    with session.open_records(store) as records:
        if str(file) == STANDARD_INPUT:
            transfer.write(records, sys.stdout, wanted)
            return
        done = transfer.export(records, file, wanted, overwrite=force)
    output.say(f"{done.items} item{'s' if done.items != 1 else ''} written to {file}")


def import_items(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `mnemic export` wrote.")],
    into: Annotated[
        str | None, typer.Option("--into", metavar="NAME", help="Put everything in this scope.", show_default="where it was")
    ] = None,
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    encoder: options.Encoder = None,
    as_json: options.Json = False,
) -> None:
    """Write what an export holds into the store, all or nothing.

    Items that are there already, by their ids, stay as they are: importing twice changes nothing. An id that another scope has is
    an error. The model is loaded only where the export's vectors were made by another encoder than the store's (a new store's is
    the export's, unless `--encoder` names one). Exports of other programs are learned: `mnemic learn --format mem0|mcp`.
    """
    done = _imported(file, into, model, store, encoder)
    if as_json:
        output.emit_json(done)
        return
    encoded = ", their vectors made anew" if done.encoded else ""
    output.say(f"{done.added} items added{encoded}; {done.known} were there already")


def _imported(file: Path, into: str | None, model: str, store: str, encoder: str | None) -> "Imported":
    from .. import transfer
    from ..store import is_address, open_store

    # what is wrong with the file is said before a store is made for it
    source = file.expanduser()
    head = transfer.read_head(source)
    if store != ":memory:" and (is_address(store) or not Path(store).expanduser().exists()):
        transfer.check(source)
    with open_store(store) as records:
        light = head["encoder"] if records.encoder_id is None and encoder is None else records.encoder_id
        if light == head["encoder"]:
            return transfer.import_(records, file, None, scope=into)
    with session.open_memory(model, store, encoder, "default", new=True) as lm:
        return lm.import_(file, scope=into)
