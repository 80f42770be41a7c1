"""`mnemic prune`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output, session

if TYPE_CHECKING:
    from ..types import Pruned


def prune(
    budget: Annotated[
        int | None, typer.Option("--budget", min=0, metavar="N", help="How many items may be left.", show_default="none")
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option("--keep", min=0.0, max=1.0, metavar="0..1", help="Or the share of them that is kept.", show_default="none"),
    ] = None,
    category: Annotated[
        str | None, typer.Option("--category", "-c", metavar="NAME", help="Count and prune this category only.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask on a terminal.")] = False,
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    as_json: options.Json = False,
) -> None:
    """Forget what is least worth keeping, until a number or a share of the items is left. Loads no model.

    An item is worth more the more often it spoke, the less time has passed since, and the more important it is. What goes is one
    change: `mnemic undo` brings all of it back. Texts stay in the store, as those of every forgotten item do.
    """
    from ..store import retention

    if (budget is None) == (keep is None):
        raise typer.BadParameter("give --budget N or --keep SHARE, one of them")
    now = time.time()
    with session.open_records(store) as records:

        def pruned(*, dry: bool) -> "Pruned":
            return retention.prune(records, scope, budget=budget, keep=keep, category=category, dry_run=dry, now=now)

        if not dry_run and not yes and not as_json and session.interactive():
            going = len(pruned(dry=True).forgotten)
            typer.confirm(f"Forget {going} item{'s' if going != 1 else ''}?", abort=True, err=True)
        done = pruned(dry=dry_run)
    if as_json:
        output.emit_json(done)
        return
    rows = [
        (
            one.item.id,
            f"{one.score:.2f}",
            f"{one.item.importance:.2f}",
            str(one.item.uses),
            output.when(one.item.last_used),
            one.item.text,
        )
        for one in done.forgotten
    ]
    if rows:
        output.table(("id", "retention", "importance", "uses", "last used", "text"), rows)
    word = "would be forgotten" if dry_run else "forgotten"
    number = f" (change {done.operation}; `mnemic undo {done.operation}` brings them back)" if done.operation else ""
    output.note(f"{len(rows)} of {done.there} {word}{number}")
