"""`mnemic train`: train a memory on a frozen model. Nothing of it is imported before it is asked for."""

from typing import Any

import typer

from . import output
from .fields import command_from
from .lazy import lazy


def _trainings() -> typer.Typer:
    from ..train import run

    app = typer.Typer()
    for name, help_text, config in (
        ("recurrent", "Train the recurrent memory on a text, the model frozen, and save it.", run.TrainRecurrentConfig),
        (
            "resonance",
            "Train prototypes and a resonance gate on a text, the model frozen, and save them.",
            run.TrainResonanceConfig,
        ),
    ):
        app.command(name, help=help_text)(command_from(config, _train))
    return app


def _train(config: Any) -> None:
    from ..evals.progress import Progress
    from ..train import run

    with Progress("reading", 1, shown=output.err.is_terminal) as bar:
        summary = run.run(config, tell=bar.stage)
    output.say(
        f"{summary.out}: {summary.memory:.4f} nats per token on text that it wasn't trained on, {summary.alone:.4f} without it,"
        f" after {summary.epochs} epochs."
    )


train = lazy(_trainings, "Train a memory on a frozen model.")
