"""The reference page of the command line, written from the application itself.

python -m mnemic.cli.reference docs/cli.md
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from .app import app

HEAD = """# Command line

Written by `make docs` from the application; a test holds it current.

Every subcommand takes its texts from arguments, files or standard input, prints its result on standard output and everything else
on standard error. `--json` prints one JSON value on standard output and nothing else there: `learn` an array with an object per
text, `recall` and `list` an array, `ask` and `why` an object, `forget` an array of what it forgot, `doctor` an array of checks.
Without a terminal, tables become tab-separated lines.

| exit code | meaning |
|---|---|
| 0 | done; also when no memory fits a question (standard error says so) |
| 1 | an error, explained on standard error; for `doctor`: something is broken |
| 2 | wrong usage |
| 3 | no such item, scope or store |
| 130 | interrupted; `learn` says how many texts are already durable |
| 141 | the reader of the output went away |

| variable | stands for |
|---|---|
| `MNEMIC_STORE` | `--store` |
| `MNEMIC_SCOPE` | `--scope` |
| `MNEMIC_MODEL` | `--model` |
| `MNEMIC_ENCODER` | `--encoder` |
| `MNEMIC_DEBUG` | `--debug`: an error shows where it came from |
"""


def page() -> str:
    """Return the whole page as Markdown."""
    root = typer.main.get_command(app)
    return "\n".join([HEAD, *(_section(path, command) for path, command in _commands(root, ("mnemic",)))])


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    if hasattr(command, "commands"):
        for name in command.list_commands(None):
            yield from _commands(command.get_command(None, name), (*path, name))


def _section(path: tuple[str, ...], command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    given = [p for p in command.params if p.param_type_name == "option" and not p.hidden and "--help" not in p.opts]
    subcommand = ["COMMAND"] if hasattr(command, "commands") else []
    usage = " ".join([*path, *(["[OPTIONS]"] if given else []), *map(_metavar, arguments), *subcommand])
    lines = [f"## `{' '.join(path)}`", "", f"    {usage}", "", inspect.cleandoc(command.help or ""), ""]
    if arguments or given:
        lines += ["| | | default |", "|---|---|---|"]
        lines += [f"| `{_metavar(p)}` | {p.help or ''} | |" for p in arguments]
        lines += [f"| {_names(p)} | {p.help or ''} | {_default(p)} |" for p in given]
        lines.append("")
    return "\n".join(lines)


def _metavar(parameter: Any) -> str:
    name = parameter.metavar or f"{parameter.name.upper()}{'...' if parameter.nargs == -1 else ''}"
    return str(name)


def _names(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar}"
    names = [f"`{name}`" for name in (*option.opts, *option.secondary_opts)]
    names[-1] = f"{names[-1][:-1]}{value}`".replace("|", r"\|")
    return ", ".join(names)


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return str(option.show_default)
    default = option.default
    if default is None or default is False or callable(default) or default in ((), []):
        return ""
    if default is True:
        return "yes"
    return ", ".join(f"`{value}`" for value in (default if isinstance(default, list | tuple) else [default]))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
