"""Options that several subcommands share."""

from typing import Annotated

import typer

DEFAULT_STORE = "~/.local/share/mnemic/default"
STORE_HELP = 'Folder of the store, or postgresql:// URL; ":memory:" keeps nothing.'

Store = Annotated[
    str,
    typer.Option("--store", "-s", envvar="MNEMIC_STORE", metavar="FOLDER|URL", help=STORE_HELP),
]
Scope = Annotated[
    str,
    typer.Option("--scope", envvar="MNEMIC_SCOPE", metavar="NAME", help="Whose memory this is. Scopes never see each other."),
]
Model = Annotated[
    str,
    typer.Option("--model", "-m", envvar="MNEMIC_MODEL", metavar="NAME", help='"smollm2", a local folder or a hub id.'),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        envvar="MNEMIC_ENCODER",
        metavar="NAME",
        help='"minilm", "host" for the model\'s own states, or a sentence-transformers folder or hub id ("owner/name").',
        show_default="minilm if installed, else host",
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        "--budget",
        envvar="MNEMIC_BUDGET",
        min=1,
        metavar="N",
        help="Items that a scope may have: beyond it, what is least worth keeping is forgotten (`mnemic prune`).",
        show_default="any number",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output and nothing else there.")]
Readers = Annotated[
    list[str] | None,
    typer.Option(
        "--readers",
        metavar="NAME",
        help="How an accepted memory is read out: pointer, kv, hidden (may be repeated), or auto.",
        show_default="pointer",
    ),
]
K = Annotated[int, typer.Option("-k", min=1, max=1000, metavar="N", help="How many items at most.")]


def chosen_readers(names: list[str] | None) -> list[str] | str | None:
    """Return the readers that were named, as the library takes them."""
    return "auto" if names == ["auto"] else names or None
