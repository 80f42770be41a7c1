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
    rows = [(str(e.operation), output.when(e.at), e.kind, e.reason, e.text or "-") for e in events]
    output.table(("change", "when", "what", "why", "text"), rows)
