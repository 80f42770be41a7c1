"""`mnemic doctor --repair`."""

from collections.abc import Sequence
from pathlib import Path

import typer

from ..errors import ConfigError, rule_got_do
from . import output, session
from .exits import FAILED


def mend(store: str, *, yes: bool, as_json: bool) -> None:
    """Mend a store and say what was done and what is lost; exit with 1 where something stays broken."""
    from ..store import is_address
    from ..store.repair import repair
    from ..store.soundness import NO_VECTOR

    if is_address(store) or store == ":memory:":
        raise ConfigError(rule_got_do("A store that is mended is a folder.", "another location", "Name it with --store."))
    session.require_store(store)

    def accept(lost: Sequence[str]) -> bool:
        if yes or as_json or not session.interactive():
            return yes
        for line in lost:
            output.note(f"lost: {line}", style="yellow")
        return typer.confirm("Go on without that?", err=True)

    done = repair(Path(store).expanduser(), accept=accept)
    if as_json:
        output.emit_json(done)
    else:
        for line in done.mended:
            output.say(line)
        for line in done.lost:
            output.say(f"lost: {line}" if done.aside else f"would be lost: {line}", style="yellow")
        for line in done.left:
            output.say(f"left: {line}", style="yellow")
        if any(line.endswith(NO_VECTOR) for line in done.left):
            output.note("`mnemic reindex` with the store's own encoder makes the vectors again.")
        if not done.mended and not done.left:
            output.say("nothing to mend")
        if done.lost and not done.aside:
            output.note("Repeat with --yes to save the rest without that.")
    if done.left:
        raise typer.Exit(FAILED)
