"""The command line: one file per subcommand, no model logic."""

from .app import app, main

__all__ = ["app", "main"]
