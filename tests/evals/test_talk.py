"""The corpus of conversations and their script."""

from mnemic.evals.scoring import normalise
from mnemic.evals.talk.corpus import PERSONAL, script, talk


def test_the_halves_share_no_text() -> None:
    halves = [talk("dev"), talk("test")]
    texts = [{normalise(t) for name in ("unrelated", "chatter", "lead_ins", "tails") for t in getattr(h, name)} for h in halves]
    assert not texts[0] & texts[1]
    assert len(halves[1].unrelated) >= 200
    assert len({relation.name for relation in PERSONAL}) >= 20


def test_every_fact_is_told_once_among_small_talk() -> None:
    conversations = script(30, 0, "test", chatter=50, turns=10, after=20)
    said = [one for conversation in conversations for one in conversation]
    assert [len(conversation) for conversation in conversations] == [10] * 8
    records = [one.record for one in said if one.record is not None]
    assert len({record.id for record in records}) == 30
    assert all(one.record is None for one in said[-20:])
    for one in said:
        if one.record is not None:
            assert normalise(one.record.fact) in normalise(one.text)
    assert script(30, 0, "test", chatter=50, turns=10, after=20) == conversations
    assert script(30, 1, "test", chatter=50, turns=10, after=20) != conversations
