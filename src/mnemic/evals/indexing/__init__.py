"""`mnemic bench index`: search in a store of a million items, and the way of a question to a verdict among a hundred thousand."""

from .bench import IndexConfig, IndexSummary, run

__all__ = ["IndexConfig", "IndexSummary", "run"]
