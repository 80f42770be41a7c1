"""`python -m mnemic`."""

from .cli import main

main()
