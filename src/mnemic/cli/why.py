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
    as_json: options.Json = False,
) -> None:
    """Explain which memory would speak to a question and why, or why none does."""
    with session.open_memory(model, store, encoder, scope) as lm:
        explanation = lm.why(" ".join(query))
    if as_json:
        output.emit_json(explanation)
    else:
        output.say(explanation.text)
