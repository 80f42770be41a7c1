"""The contract suite, public: what every memory must hold on every host."""

from .models import tiny_model
from .trace import TraceMemory

__all__ = ["TraceMemory", "tiny_model"]
