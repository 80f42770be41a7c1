"""`mnemic undo`."""

from typing import Annotated

import typer

from . import options, output, session


def undo(
    operation: Annotated[
        int | None,
        typer.Argument(metavar="[N]", min=1, help="Number of the change, as `mnemic history` shows it; else the last one."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the journal.")] = "asked on the command line",
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    as_json: options.Json = False,
) -> None:
    """Undo the last change of what is remembered, or the one with that number. Loads no model.

    What was learned is forgotten, what was forgotten or superseded comes back, what was corrected says again what it said. Again,
    it goes one change further back; the number of an undo brings back what it undid. What was erased stays erased.
    """
    with session.open_records(store) as records:
        items = records.undo(scope, reason, operation=operation)
        done = records.history(items[0].id, scope)[-1]
    if as_json:
        output.emit_json(items)
        return
    for item in items:
        output.say(f"{item.status} {item.id}  {output.line(item.text)}")
    output.note(f"change {done.operation} undid {done.undoes}; `mnemic undo {done.operation}` brings it back")
