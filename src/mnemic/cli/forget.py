"""`mnemic forget`."""

from typing import Annotated

import typer

from . import options, output, session


def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids as `mnemic list` or `mnemic recall` shows them.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the journal.")] = "asked on the command line",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask on a terminal.")] = False,
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    as_json: options.Json = False,
) -> None:
    """Forget items by id. Loads no model.

    Every id is looked up before the first is forgotten: an unknown one changes nothing.
    """
    with session.open_records(store) as records:
        found = [records.get(item_id, scope) for item_id in dict.fromkeys(ids)]
        if not yes and not as_json and session.interactive():
            for item in found:
                output.note(f"{item.id}  {output.line(item.text)}", style=None)
            typer.confirm("Forget?", abort=True, err=True)
        forgotten = [records.forget(item.id, scope, reason) for item in found]
    if as_json:
        output.emit_json(forgotten)
        return
    for item in forgotten:
        output.say(f"forgotten {item.id}  {output.line(item.text)}")
