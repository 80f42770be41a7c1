"""Which statements of a conversation are remembered."""

from .admit import Admission, Heard, left_to_ask, ruled
from .judge import Judge, choose_judge

__all__ = ["Admission", "Heard", "Judge", "choose_judge", "left_to_ask", "ruled"]
