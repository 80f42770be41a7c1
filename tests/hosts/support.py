"""What the tests of hosts share."""

import torch

from mnemic.hosts import attach
from mnemic.hosts.calls import cache_name
from mnemic.memories.base import Memory, Site
from mnemic.testing import TraceMemory

LOGITS = Site("logits")
TOKENS = torch.tensor([[3, 14, 15, 9, 2, 6], [5, 35, 8, 9, 7, 9]])


def armed(model, **options):
    memory = TraceMemory(**options)
    handle = attach(model, memory)
    memory.arm()
    return handle


def caching(module, cache):
    """The keyword by which the forward of a model or decoder is given a cache, whatever this transformers calls it."""
    return {cache_name(module): cache}


class Counting(Memory):
    """Counts how often a sequence begins; writes down what it was given."""

    name = "counting"

    def __init__(self, sites=(LOGITS,)):
        super().__init__()
        self.at = sites
        self.begun = []
        self.steps = []

    def bind(self, host):
        self.host = host

    def sites(self):
        return self.at

    def active(self):
        return True

    def begin(self, token_ids, mask):
        self.begun.append((None if token_ids is None else token_ids.tolist(), mask.tolist()))
        return {"n": torch.zeros(mask.shape[0])}

    def step(self, x, state, context):
        self.steps.append(context)
        return x, {"n": state["n"] + context.mask.sum(1)}
