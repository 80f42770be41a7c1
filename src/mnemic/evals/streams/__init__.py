"""`mnemic bench streams`: adaptive resonance on streams of sentences, beside the methods that one would use otherwise."""

from .bench import StreamsConfig, StreamsSummary, run

__all__ = ["StreamsConfig", "StreamsSummary", "run"]
