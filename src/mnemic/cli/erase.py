"""`mnemic erase`."""

from typing import Annotated

import typer

from ..store import is_address
from . import options, output, session
from .exits import FAILED

_IN_A_FOLDER = (
    "Other processes may have the store open: close them, and the last one to close empties the logs. Files that aren't the"
    " store's are yours to remove."
)
_ON_A_SERVER = (
    "Old transactions of other programs may hold it, or the table is too large to be written anew meanwhile: run VACUUM (FULL)"
    " on it at a quiet hour, as its owner."
)


def erase(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids as `mnemic list --status all` shows them.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask on a terminal.")] = False,
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    as_json: options.Json = False,
) -> None:
    """Remove items for good, by id, and search every file of the store for what is left of them. Loads no model.

    Every id is looked up before the first is erased: an unknown one changes nothing. There is no way back.
    """
    with session.open_records(store) as records:
        found = [records.get(item_id, scope) for item_id in dict.fromkeys(ids)]
        if not yes and not as_json and session.interactive():
            for item in found:
                output.note(f"{item.id}  {output.line(item.text)}", style=None)
            typer.confirm("Erase for good?", abort=True, err=True)
        erased = [records.erase(item.id, scope) for item in found]
    if as_json:
        output.emit_json(erased)
    else:
        for one in erased:
            output.say(f"erased {one.item_id}, searched {one.files} files")
            if one.related:
                output.note(f"still there, and about the same: {', '.join(one.related)}")
    left = sorted({name for one in erased for name in one.left})
    if left:
        output.error(f"Still there may be a part in: {', '.join(left)}. {_ON_A_SERVER if is_address(store) else _IN_A_FOLDER}")
        raise typer.Exit(FAILED)
