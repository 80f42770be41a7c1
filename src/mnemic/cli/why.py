"""`mnemic why`."""

from typing import Annotated

import typer

from . import options, output, session


def why(
    query: Annotated[list[str], typer.Argument(help="The question or prompt to explain; quotes are optional.")],
    model: options.Model = "smollm2",
    store: options.Store = options.DEFAULT_STORE,
    scope: options.Scope = "default",
    encoder: options.Encoder = None,
    readers: Annotated[
        list[str] | None,
        typer.Option(
            "--readers",
            metavar="NAME",
            help="Also ask, and show what each of these readers changed at every token: pointer, kv, hidden, or auto.",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="NATS", help="With --readers: name those that move a token by more than this."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Explain which memory would speak to a question and why, or why none does."""
    if budget is not None and not readers:
        raise typer.BadParameter("--budget only means something with --readers")
    text = " ".join(query)
    with session.open_memory(model, store, encoder, scope) as lm:
        explanation = lm.why(text)
        moved = lm.interference(text, options.chosen_readers(readers), budget=budget) if readers else None
    if as_json:
        output.emit_json(
            explanation if moved is None else {"explanation": explanation, "interference": moved, "over": moved.over}
        )
        return
    output.say(explanation.text)
    if moved is not None:
        output.table(("token", "reader", "KL, nats", "gain of the token, nats", "share of the norm"), moved.rows())
        if moved.over:
            output.note(f"Over the budget of {budget:g} nats: {', '.join(moved.over)}.")
