"""`mnemic recall`."""

from typing import Annotated

import typer

from . import options, output, session


def recall(
    query: Annotated[list[str], typer.Argument(help="What to look for; quotes are optional.")],
    k: options.K = 5,
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    encoder: options.Encoder = None,
    as_json: options.Json = False,
) -> None:
    """Show which memories fit a query, best first, without answering.

    `yes` under "speaks" means that the gate would let the memory speak in an answer.
    """
    with session.open_memory(model, store, encoder, scope) as lm:
        hits = lm.recall(" ".join(query), k=k)
    if as_json:
        output.emit_json(hits)
        return
    if not hits:
        output.note(f"Nothing is remembered in scope {scope!r} that could fit.")
        return
    rows = [
        (f"{hit.score:.3f}", "yes" if hit.accepted else "no", hit.item.id, hit.item.category or "-", hit.item.text)
        for hit in hits
    ]
    output.table(("score", "speaks", "id", "category", "text"), rows)
    if not any(hit.accepted for hit in hits):
        output.note("None of these fits well enough to speak: the base model would answer alone.")
