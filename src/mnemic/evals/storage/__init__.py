"""`mnemic bench store`: what a store promises, tried: killed writers, many processes at once, erasing, durable writes."""

from .bench import StoreConfig, StoreSummary, run

__all__ = ["StoreConfig", "StoreSummary", "run"]
