"""`mnemic list`."""

from contextlib import suppress
from datetime import date, datetime, time
from typing import Annotated, Literal

import typer

from ..errors import InputError, rule_got_do
from ..types import Item
from . import options, output, session


def list_items(
    category: Annotated[str | None, typer.Option("--category", "-c", metavar="NAME", help="Only this category.")] = None,
    status: Annotated[
        Literal["active", "superseded", "forgotten", "all"],
        typer.Option("--status", metavar="active|superseded|forgotten|all", help="Which items to show."),
    ] = "active",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, metavar="N", help="How many at most.", show_default="all")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help='As it was then: a local date, which is its end, or date and time ("2026-05-01 14:30").',
            show_default="now",
        ),
    ] = None,
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    as_json: options.Json = False,
) -> None:
    """List what is remembered, oldest first. Loads no model."""
    then = None if as_of is None else _seconds(as_of)
    with session.open_records(store) as records:
        items = records.items(scope, status=None if status == "all" else status, category=category, limit=limit, as_of=then)
    if as_json:
        output.emit_json(items)
        return
    if not items:
        output.note(f"Nothing to list in scope {scope!r}.")
        return
    output.table(("id", "category", "status", "learned", "text"), [_row(item) for item in items])
    output.note(f"{len(items)} item{'s' if len(items) != 1 else ''}")


def _row(item: Item) -> tuple[str, ...]:
    return item.id, item.category or "-", item.status, output.when(item.created), item.text


def _seconds(text: str) -> float:
    with suppress(ValueError):
        # a day alone is all of it
        return datetime.combine(date.fromisoformat(text), time.max).timestamp()
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise InputError(
            rule_got_do("A time is a date, or a date and a time.", repr(text), 'Write it like "2026-05-01 14:30".')
        ) from error
