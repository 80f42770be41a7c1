"""`mnemic plot`: pictures of what memories keep. Nothing of it is imported before it is asked for."""

from typing import Any

import typer

from . import output
from .fields import command_from
from .lazy import lazy


def _plots() -> typer.Typer:
    from ..plots import influence, resonance, states

    app = typer.Typer()
    app.command("states", help="Draw a recurrent memory's states over a text: their sizes and activations.")(
        command_from(states.StatesConfig, lambda config: _watched(states.run, config))
    )
    app.command("resonance", help="Draw a text, line by line, before adaptive resonance: matches, prototypes, promotions.")(
        command_from(resonance.ResonanceConfig, lambda config: _watched(resonance.run, config))
    )
    app.command("influence", help="Draw the curves of a result of `mnemic bench influence`.")(
        command_from(influence.InfluenceConfig, lambda config: output.say(f"written: {influence.run(config)}"))
    )
    return app


def _watched(run: Any, config: Any) -> None:
    from ..evals.progress import Progress

    with Progress("reading", 1, shown=output.err.is_terminal) as bar:
        out = run(config, tell=bar.stage)
    output.say(f"written: {out}")


plot = lazy(_plots, "Draw what memories keep.")
"""Pictures in files."""
