"""`mnemic history`."""

from typing import Annotated

import typer

from . import options, output, session


def history(
    item_id: Annotated[str, typer.Argument(metavar="ID", help="Id as `mnemic list --status all` shows it.")],
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    as_json: options.Json = False,
) -> None:
    """Show what happened to an item, oldest first, with the texts it had. Loads no model.

    The first column is the number that `mnemic undo` takes.
    """
    with session.open_records(store) as records:
        events = records.history(item_id, scope)
    if as_json:
        output.emit_json(events)
        return
    kinds = [e.kind if e.undoes is None else f"{e.kind} of {e.undoes}" for e in events]
    rows = [(str(e.operation), output.when(e.at), kind, e.reason, e.text or "-") for e, kind in zip(events, kinds, strict=True)]
    output.table(("change", "when", "what", "why", "text"), rows)
