"""Command line options made from a configuration dataclass: names, types, defaults and help are written once, there."""

import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import typer

C = TypeVar("C")


def field_help(config: type) -> dict[str, str]:
    """Return the docstring under each field of a dataclass and of those it inherits from, on one line."""
    found: dict[str, str] = {}
    for one in (c for c in reversed(config.__mro__) if dataclasses.is_dataclass(c)):
        body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, doc in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(doc, ast.Expr):
                found[field.target.id] = " ".join(str(ast.literal_eval(doc.value)).split())
    return found


def command_from(config: type[C], body: Callable[..., None], *extra: inspect.Parameter) -> Callable[..., None]:
    """Return a function for `typer` that takes an option per field, builds the configuration and calls `body(config, **extra)`.

    Args:
        config: a dataclass whose fields all have defaults and docstrings. Tuples become options that may be repeated.
        body: what to do with it.
        extra: further parameters, passed on by name.
    """
    hints, helps = get_type_hints(config), field_help(config)
    fields = dataclasses.fields(config)  # type: ignore[arg-type]  # any dataclass
    parameters = [_parameter(field, hints[field.name], helps[field.name]) for field in fields]

    def command(**given: Any) -> None:
        values = {f.name: given.pop(f.name) for f in fields}
        body(config(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}), **given)

    everything = [*parameters, *extra]
    command.__signature__ = inspect.Signature(everything)  # type: ignore[attr-defined]  # typer reads the options from here
    command.__annotations__ = {p.name: p.annotation for p in everything}
    return command


def _parameter(field: "dataclasses.Field[Any]", hint: Any, text: str) -> inspect.Parameter:
    default: Any = field.default
    flag = f"--{field.name.replace('_', '-')}"
    if hint is bool:
        option: Any = typer.Option(f"{flag}/--no-{flag[2:]}", help=text)
    else:
        option = typer.Option(flag, metavar=_metavar(hint), help=text)
    if get_origin(hint) is tuple:
        hint, default = list[get_args(hint)[0]], list(default)  # type: ignore[misc]  # a type made at run time
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[hint, option])


def _metavar(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType, tuple):
        return _metavar(get_args(hint)[0])
    return {int: "N", float: "X", Path: "PATH"}.get(hint, "NAME")
