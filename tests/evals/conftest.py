"""A stand-in for MemoryLM: words are tokens, its base answers are a function of the text, its memory is whatever a test says."""

import hashlib
from contextlib import contextmanager

import numpy as np
import pytest

from mnemic.types import Hit, Item, Learned, Reply, Spoke


class Words:
    """A tokenizer of words."""

    def __call__(self, texts, add_special_tokens=True):
        return {"input_ids": [[self.id(word) for word in text.split()] for text in texts]}

    @staticmethod
    def id(word):
        return int.from_bytes(hashlib.sha256(word.encode()).digest()[:3], "big")


class Encoder:
    """Bags of words, so that a text is closest to the fact that shares its words."""

    def encode(self, texts):
        rows = np.zeros((len(texts), 512), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().replace("?", "").replace(".", "").split():
                row[Words.id(word) % 512] += 1
            row /= max(float(np.linalg.norm(row)), 1e-9)
        return rows


class FakeLM:
    """Knows nothing by itself. With memory it calls `fires(text, facts)`, which names a fact and what is said, or None."""

    def __init__(self, fires=None, obeys=True, breaks_after=None):
        self.fires = fires or (lambda text, facts: None)
        self.obeys = obeys
        self.breaks_after = breaks_after
        self.facts = []
        self.calls = []
        self.calibrated = self.settled_among = None
        self.closed = False
        self.tokenizer = Words()
        self.encoder = Encoder()

    def learn(self, texts, *, force=False):
        self.facts += texts
        return [Learned(action="added", item=item(text), reason="new", ms=2.0) for text in texts]

    def _reply(self, text, memory, length):
        if "\n" in text:
            # the fact in the prompt is the first line; an obedient model says its last word
            fact = text.split("\n")[0]
            said = " " + fact.rstrip(".").split()[-1] if self.obeys else " nothing"
            return Reply(text=said, token_ids=(Words.id(said),))
        found = self.fires(text, self.facts) if memory else None
        if found is not None:
            fact, said = found
            return Reply(text=f" {said}", token_ids=(Words.id(said),), memories=(Spoke(item=item(fact), score=0.9, weight=0.8),))
        said = f" base{Words.id(text) % 97}"
        return Reply(text=said, token_ids=(Words.id(said), length))

    def _many(self, kind, texts, memory, batch_size, max_new_tokens):
        if self.breaks_after is not None and len(self.calls) >= self.breaks_after:
            raise KeyboardInterrupt
        assert len(texts) <= batch_size
        self.calls.append((kind, memory, tuple(texts)))
        return [self._reply(text, memory, max_new_tokens) for text in texts]

    def generate(self, texts, *, memory, readers, batch_size, max_new_tokens):
        return self._many("generate", texts, memory, batch_size, max_new_tokens)

    def ask(self, texts, *, memory, readers, batch_size, max_new_tokens):
        return self._many("ask", texts, memory, batch_size, max_new_tokens)

    def recall(self, query, k):
        found = self.fires(query, self.facts)
        fact = found[0] if found is not None else self.facts[0]
        return [Hit(item=item(fact), score=0.9, parts={}, accepted=found is not None)]

    def score(self, prompts, targets, *, memory):
        replies = self._many("score", prompts, memory, len(prompts), 1)
        return [reply.text.strip() == target for reply, target in zip(replies, targets, strict=True)]

    def calibrate(self, examples, *, among, progress):
        self.calibrated, self.settled_among = examples, among
        progress("read", len(examples), len(examples))
        return "refitted"

    @contextmanager
    def _nothing(self):
        yield

    def close(self):
        self.closed = True


def item(text):
    return Item(
        id=str(Words.id(text)),
        scope="default",
        text=text,
        category=None,
        importance=0.5,
        source=None,
        reason="new",
        status="active",
        created=0.0,
        said=0.0,
        last_used=None,
        uses=0,
        supersedes=None,
        superseded_by=None,
    )


@pytest.fixture
def fake():
    """Return a function that makes a fake and a `loads` that hands it out."""

    def make(**settings):
        lm = FakeLM(**settings)

        def loads(*, model, store, encoder, device):
            assert store == ":memory:"
            return lm

        return lm, loads

    return make
