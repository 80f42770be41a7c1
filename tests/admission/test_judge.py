"""The judge: fitted, saved, refused; and what it decides in a message."""

from pathlib import Path

import numpy as np
import pytest

from mnemic.admission import Admission, Judge, choose_judge
from mnemic.admission.features import NUM_FORMS, forms_of, matrix, tokens_of
from mnemic.admission.fit import fit
from mnemic.encoders import load_encoder
from mnemic.errors import CheckpointMismatch, ConfigError

KEEP = [f"My {thing} is called {name}." for thing in ("dog", "cat", "boat", "son") for name in ("Max", "Mo", "Lu", "Pip", "Ann")]
DROP = [
    f"I am {how} {when}." for how in ("tired", "bored", "happy", "late") for when in ("today", "now", "again", "tonight", "too")
]


def nothing(texts: object) -> np.ndarray:
    raise AssertionError("a judge of words alone needs no encoder")


def test_names_and_numbers_are_masked() -> None:
    assert tokens_of("My dog Rex is 7.") == [
        "my", "dog", "<name>", "is", "<number>", "<begin> my", "my dog", "dog <name>", "<name> is", "is <number>",
    ]  # fmt: skip
    assert forms_of("").shape == (NUM_FORMS,)
    assert matrix([], ["my"], None).shape == (0, NUM_FORMS + 1)


def test_what_is_to_be_kept_is_told_from_what_is_not(tmp_path: Path) -> None:
    judge, report = fit(KEEP, DROP, rate=0.1)
    assert report.kept == 1
    assert report.junk <= 0.1
    path = tmp_path / "judge.safetensors"
    judge.save(path)
    again = Judge.load(path)
    assert (again.vocabulary, again.bias, again.threshold, again.about) == (
        judge.vocabulary, judge.bias, judge.threshold, judge.about,
    )  # fmt: skip
    np.testing.assert_array_equal(again.weights, judge.weights)
    first = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["judge.safetensors"]

    message = "Hello there, I am tired today. By the way, my boat is called Lu. It is blue. What is my dog called?"
    found = Admission(again, nothing).hear(message)
    (kept,) = [one for one in found if one.admitted]
    assert kept.text == "My boat is called Lu. It is blue."
    assert message[kept.start : kept.end] == "my boat is called Lu. It is blue."
    assert kept.why.startswith("said in a conversation, score")
    assert kept.score is not None
    assert kept.score >= again.threshold
    assert [one.why.split(",")[0] for one in found if not one.admitted] == ["small talk", "a question"]


def test_the_threshold_lets_through_the_stated_share_of_what_was_not_seen() -> None:
    rng = np.random.default_rng(0)
    noise = [
        f"I {rng.choice(['saw', 'ate', 'had'])} {rng.integers(1000)} {rng.choice(['cats', 'pies', 'tunes'])}." for _ in range(200)
    ]
    for rate in (0.05, 0.3):
        _, report = fit(noise[:100], noise[100:], rate=rate)
        # a quantile of a hundred scores
        assert report.junk <= rate + 0.01


def test_what_can_not_be_fitted_or_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 10 statements of each sort"):
        fit(KEEP[:9], DROP)
    with pytest.raises(ConfigError, match="rate between 0 and 1"):
        fit(KEEP, DROP, rate=1.0)
    judge, _ = fit(KEEP, DROP)
    with pytest.raises(ConfigError, match="a folder that exists"):
        judge.save(tmp_path / "none" / "judge.safetensors")
    path = tmp_path / "judge.safetensors"
    path.write_bytes(b"nothing of ours")
    with pytest.raises(CheckpointMismatch, match="a safetensors file of ours"):
        Judge.load(path)


@pytest.mark.smollm2
def test_the_shipped_judge_tells_facts_from_talk() -> None:
    encoder = load_encoder("minilm", None, 0)
    admission = Admission(choose_judge(encoder.id), encoder.encode)
    facts = (
        "My sister works at the harbour.",
        "I'm allergic to hazelnuts.",
        "By the way, our cat is called Tuffet.",
        "I'm a nurse.",
    )
    talk = ("I'm so tired today.", "Thanks, that was great!", "I just burnt my toast.", "What a day that was!")
    assert [any(one.admitted for one in admission.hear(text)) for text in facts + talk] == [True] * 4 + [False] * 4


def test_every_encoder_has_a_judge() -> None:
    assert choose_judge("some other encoder:384").encoder_id is None
    for name in ("minilm", "words"):
        from mnemic.admission.judge import shipped

        judge = Judge.load(shipped(name))
        assert choose_judge(judge.encoder_id or "none").encoder_id == judge.encoder_id
        assert 0 < judge.about["junk"] <= 0.05  # type: ignore[operator]
