"""Groups of commands whose modules are imported when one of them, or their list, is wanted."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup


def lazy(make: Callable[[], typer.Typer], text: str) -> typer.Typer:
    """Return a group with the commands that `make` makes when it is asked."""

    class Lazy(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            self._load()
            return super().list_commands(ctx)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            self._load()
            return super().get_command(ctx, cmd_name)

        def _load(self) -> None:
            if not self.commands:
                whole: Any = typer.main.get_command(make())
                self.commands.update(whole.commands)

    return typer.Typer(cls=Lazy, no_args_is_help=True, help=text)
