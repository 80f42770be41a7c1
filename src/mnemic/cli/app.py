"""The application: its subcommands in the order that `mnemic --help` shows them."""

from typing import Annotated

import typer

from .. import __version__
from .ask import ask
from .bench import bench
from .calibrate import calibrate
from .chat import chat
from .doctor import doctor
from .erase import erase
from .exits import EPILOG, Group
from .forget import forget
from .history import history
from .learn import learn
from .list import list_items
from .plot import plot
from .prune import prune
from .recall import recall
from .reindex import reindex
from .train import train
from .transfer import export, import_items
from .undo import undo
from .why import why

app = typer.Typer(
    name="mnemic",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mnemic {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="MNEMIC_DEBUG", help="Show where an error came from.")] = False,
) -> None:
    """Memory for language models: teach a frozen model facts, keep them, know why it said so."""


app.command("learn")(learn)
app.command("ask")(ask)
app.command("chat")(chat)
app.command("recall")(recall)
app.command("why")(why)
app.command("calibrate")(calibrate)
app.command("list")(list_items)
app.command("history")(history)
app.command("forget")(forget)
app.command("prune")(prune)
app.command("undo")(undo)
app.command("erase")(erase)
app.command("reindex")(reindex)
app.command("export")(export)
app.command("import")(import_items)
app.add_typer(bench, name="bench")
app.add_typer(train, name="train")
app.add_typer(plot, name="plot")
app.command("doctor")(doctor)


def main() -> None:
    """Run the command line; never returns."""
    app()
