"""`mnemic bench recurrent`: what the recurrent memory's state does over a long text, and what it costs."""

from .bench import RecurrentBenchConfig, RecurrentSummary, run

__all__ = ["RecurrentBenchConfig", "RecurrentSummary", "run"]
