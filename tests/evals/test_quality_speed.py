from pathlib import Path

import pytest
import torch

from mnemic.errors import ConfigError, InputError
from mnemic.evals import quality, speed
from mnemic.evals.generator import generate
from mnemic.types import Reply


class Writer:
    """Mixin: continuations of a given text, with or without memory."""

    def __init__(self, lm, with_memory, without, hit):
        self.lm, self.with_memory, self.without, self.hit = lm, with_memory, without, hit
        self.asked = []

    def __call__(self, texts, *, memory, readers, batch_size, max_new_tokens, min_new_tokens):
        assert max_new_tokens == min_new_tokens
        self.asked.append((tuple(texts), memory, max_new_tokens))
        said = self.with_memory if memory else self.without
        words = said.split()
        spoke = self.lm._reply(texts[0], True, 1).memories if memory else ()
        return [Reply(text=said, token_ids=tuple(map(hash, words)), memories=spoke if self.hit(text) else ()) for text in texts]


def fires(text, facts):
    return facts[0], "x"


def test_loops_and_dull_text_are_seen(fake):
    lm, loads = fake(fires=fires)
    prose = "the quick brown fox jumps over a lazy dog while nobody looks at the moon above"
    lm.generate = Writer(lm, "go on and " * 5, prose, hit=lambda text: True)
    result = quality.run(quality.QualityConfig(n=5, tokens=16), loads=loads)
    assert result.hits == result.asked == 5
    base, given, memory = result.arms
    assert base.loops.value == 0.0
    # 15 words give 12 4-grams of which 3 are different
    assert memory.loops.value == pytest.approx(1 - 3 / 12)
    assert memory.loops_difference.value == pytest.approx(1 - 3 / 12)
    assert memory.entropy_ratio.high < 0.6
    # the base model went on from each taught answer, to the same length
    forced = [(text, length) for texts, spoke, length in lm.generate.asked[2:] for text in texts if not spoke]
    records = generate(5, 0, "test")
    assert sorted(forced) == sorted((f"{r.prompt} {r.target}", 16 - len(r.target.split())) for r in records)
    assert given.entropy.value > base.entropy.value
    assert result.samples[0]["no memory"] == prose
    assert lm.closed


def test_like_text_gives_a_ratio_of_one_and_only_hits_count(fake):
    lm, loads = fake(fires=fires)
    lm.generate = Writer(lm, "one two three four five", "one two three four five", hit=lambda text: len(text) % 2 == 0)
    result = quality.run(quality.QualityConfig(n=20, tokens=16), loads=loads)
    assert 0 < result.hits < 20
    memory = result.arms[-1]
    assert (memory.entropy_ratio.low, memory.entropy_ratio.high) == (1.0, 1.0)
    assert memory.loops_difference.value == 0.0


def test_quality_without_a_hit_or_data_is_refused(fake, tmp_path):
    lm, loads = fake()
    lm.generate = Writer(lm, "a", "b", hit=lambda text: False)
    with pytest.raises(ConfigError, match="At least one prompt makes a memory speak"):
        quality.run(quality.QualityConfig(n=2), loads=loads)
    with pytest.raises(ConfigError, match="at least 1"):
        quality.QualityConfig(tokens=0)
    path = tmp_path / "few.json"
    path.write_text('[{"id": "1", "subject": "a", "fact": "a b.", "prompt": "a", "target": "b"}]', encoding="utf-8")
    with pytest.raises(InputError, match=r"must hold start \+ n records \(5\).*1 from 0 on in few.json"):
        quality.run(quality.QualityConfig(data=path, n=5), loads=loads)


class Inputs(dict):
    def to(self, device):
        return self


class Timed:
    """A model whose plain generation takes one tick of a fake clock, and with memory `slowdown` ticks."""

    def __init__(self, fake, clock, slowdown):
        self.fake, self.clock, self.slowdown = fake, clock, slowdown
        self.attached = True
        self.handle = self
        self.encoder = self
        self.tokenizer = self
        self.model = torch.nn.Identity()
        self.model.base_model = decoder = torch.nn.Identity()
        self.model.device = "cpu"
        self.model.generate = self._plain
        self.decoder = decoder
        self.closed = False

    def detach(self):
        self.attached = False

    def encode(self, texts):
        self.clock.now += 0.5
        return self.fake.encoder.encode(texts)

    def __call__(self, texts, return_tensors):
        return Inputs(input_ids=torch.zeros((1, 3), dtype=torch.long))

    def decode(self, ids, skip_special_tokens):
        assert len(ids) == 4
        return ""

    def _plain(self, input_ids, max_new_tokens, min_new_tokens, do_sample):
        assert not self.attached
        assert not do_sample
        self.clock.now += 1.0
        return torch.zeros((1, 3 + max_new_tokens), dtype=torch.long)

    def generate(self, texts, *, memory, readers, batch_size, max_new_tokens, min_new_tokens):
        assert self.attached
        assert memory
        self.clock.now += self.slowdown
        return [self.fake._reply(texts[0], bool(self.fake.facts), 1)]

    def learn(self, texts, *, force=False):
        if len(texts) == 1:
            for _ in range(2):
                with torch.no_grad():
                    self.decoder(torch.zeros(1))
            self.clock.now += 0.75
        return self.fake.learn(texts)

    def recall(self, query, k):
        self.clock.now += 0.25
        return []

    def close(self):
        self.closed = True


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def timed(fake, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    made = []

    def make(fires, slowdown):
        def loads(*, model, store, encoder, device):
            # the plain model needs no store; what is timed writes to a folder
            assert (store == ":memory:") == (not made)
            assert made == [] or Path(store).is_dir()
            made.append(Timed(fake(fires=fires)[0], clock, slowdown))
            return made[-1]

        return loads, made

    return make


def test_the_ratio_is_of_paired_times(timed):
    loads, made = timed(fires, slowdown=1.25)
    result = speed.run(speed.SpeedConfig(items=30, pairs=20, tokens=4, writes=3), loads=loads)
    full, empty = result.arms
    assert (full.ratio.value, full.ratio.low, full.ratio.n) == pytest.approx((0.8, 0.8, 20))
    assert full.plain.value == 4.0
    assert empty.ratio.value == pytest.approx(0.8)
    assert result.forwards == 2.0
    parts = {part.title: part.median for part in result.parts}
    # the fake encodes outside of learn, so what is taken off for the encoder leaves 0.25 s
    assert parts == pytest.approx(
        {
            "learn, all of it": 750.0,
            "learn, forward passes": 0.0,
            "learn, encoder": 500.0,
            "learn, the rest": 250.0,
            "learn may take: two passes of the text, the encoder, 5 ms": 505.0,
            "recall, 5 of all facts": 250.0,
        }
    )
    assert all(lm.closed for lm in made)
    assert not made[1].decoder._forward_hooks


def test_too_few_hits_are_said(timed):
    loads, made = timed(lambda text, facts: None, slowdown=1.0)
    with pytest.raises(ConfigError, match=r"4 prompts must count \(10 facts, a hit\).*0 of 10"):
        speed.run(speed.SpeedConfig(items=10, pairs=4, tokens=4), loads=loads)
    assert all(lm.closed for lm in made)


def test_speed_needs_something_to_measure():
    with pytest.raises(ConfigError, match="pairs, tokens and writes are at least 1"):
        speed.SpeedConfig(pairs=0)


def test_an_answer_as_long_as_a_continuation_is_refused(fake):
    lm, loads = fake(fires=fires)
    lm.generate = Writer(lm, "a", "b", hit=lambda text: True)
    with pytest.raises(ConfigError, match=r"longer than any answer.*Raise tokens"):
        quality.run(quality.QualityConfig(n=3, tokens=1), loads=loads)
    assert lm.closed
