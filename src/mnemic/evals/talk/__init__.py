"""`mnemic bench chat`: facts told in conversation among small talk, asked a restart later; and how admission is fitted."""

from .bench import ChatConfig, ChatSummary, run

__all__ = ["ChatConfig", "ChatSummary", "run"]
