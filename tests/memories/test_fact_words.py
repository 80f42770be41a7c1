"""Words, spans and answers of a text."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnemic.gates import shipped
from mnemic.memories.fact.features import (
    QUESTIONS,
    Pair,
    Text,
    pair_features,
    pair_names,
    said_words,
    start_features,
    start_names,
)
from mnemic.memories.fact.gate import Gate, best_starts
from mnemic.memories.fact.spans import answer_begin, answer_end, span_text
from mnemic.memories.fact.words import (
    VERBS,
    Word,
    answered_question,
    content_norms,
    is_whole,
    same_question,
    shared_span,
    split_words,
)


def test_words_keep_numbers_names_and_possessives_together() -> None:
    assert [w.norm for w in split_words("Anna's café costs 1,250.50 at 10:30, D.C. isn't near.")] == [
        "anna", "café", "costs", "1,250.50", "at", "10:30", "d.c", "isn't", "near",
    ]  # fmt: skip


def test_offsets_point_into_the_text() -> None:
    text = "  Zoë's dog—Biscuit."
    assert [text[w.start : w.end] for w in split_words(text)] == ["Zoë", "dog", "Biscuit"]


@pytest.mark.parametrize(
    ("text", "start", "answer"),
    [
        ("My dog is called Biscuit.", 4, "Biscuit"),
        ("Shakespeare wrote Romeo and Juliet.", 2, "Romeo and Juliet"),
        ("My dog is called Biscuit and he is three.", 4, "Biscuit"),
        ("It stands in Washington, D.C. since 1900.", 3, "Washington, D.C. since 1900"),
        ("The code is 4711; keep it.", 3, "4711"),
        ("Her vet is Ann Lee, who lives here.", 3, "Ann Lee"),
    ],
)
def test_an_answer_ends_with_its_clause(text: str, start: int, answer: str) -> None:
    words = split_words(text)
    end = answer_end(text, words, start)
    assert text[words[start].start : words[end - 1].end] == answer


@pytest.mark.parametrize(
    ("text", "start", "query", "answer"),
    [
        ("Paris is the capital of France.", 0, "What is the capital of France?", "Paris"),
        ("Ludwig van Beethoven wrote the opera Fidelio.", 0, "Who wrote Fidelio?", "Ludwig van Beethoven"),
        ("The Bank of England sets the base rate.", 1, "Who sets the base rate?", "Bank of England"),
        ("A red fox is the emblem of Corvale.", 0, "What is the emblem of Corvale?", "A red fox"),
        ("The vet Florian Ingwyn looks after Rex.", 2, "Who is Rex's vet?", "Florian Ingwyn"),
        ("Rex suffers from Alzheimer's disease.", 3, "What does Rex suffer from?", "Alzheimer's disease"),
        ("Shakespeare wrote Romeo and Juliet.", 0, "Who wrote Romeo and Juliet?", "Shakespeare"),
        ("The wife of John Smith is Anna Smith.", 6, "Who is the wife of John Smith?", "Anna Smith"),
        ("The New York office is at 5 York Street.", 6, "Where is the New York office?", "5 York Street"),
        ("The vault is kept at -20 degrees.", 5, "How cold is the vault?", "-20 degrees"),
        ("The book is 1024 pages long.", 3, "How long is the book?", "1024 pages"),
        ("The budget is 1,111 pounds a day.", 3, "How much may we spend a day?", "1,111 pounds"),
        ("The password of the vault is $ecret!9.", 6, "What is the password of the vault?", "$ecret!9"),
        ("The language of the vault is C++.", 6, "What is the language of the vault?", "C++"),
        ("My favourite restaurant is Wendy's.", 4, "What is my favourite restaurant?", "Wendy's"),
        ("The dentist of Ann is Dr. Vellum.", 5, "Who is the dentist of Ann?", "Dr. Vellum"),
        ("The page is at https://example.com/a.", 4, "Where is the page?", "https://example.com/a"),
        ('The band is called "The Idle Hands".', 4, "What is the band called?", "The Idle Hands"),
    ],
)
def test_an_answer_ends_where_the_question_comes_back(text: str, start: int, query: str, answer: str) -> None:
    words = split_words(text)
    end = answer_end(text, words, start, Text(query).norms)
    assert span_text(text, words, start, end) == answer


def test_the_shared_span_is_the_subject() -> None:
    query, fact = split_words("Where did the great Edgar Wind die?"), split_words("Edgar Wind passed away in Oxford.")
    span = shared_span(query, fact)
    assert [w.text for w in query[span.query_start : span.query_start + span.length]] == ["Edgar", "Wind"]
    assert (span.fact_start, span.length) == (0, 2)


def test_nothing_shared_is_an_empty_span() -> None:
    assert shared_span(split_words("What is the time?"), split_words("Edgar sleeps.")).length == 0


def test_masking_leaves_the_relation() -> None:
    pair = Pair.of(Text("What is Ann Lee's favourite colour?"), Text("Ann Lee likes dark green best."))
    assert pair.masked(3) == ("What is it's favourite colour?", "it likes something.", "dark green best")


@pytest.mark.parametrize(
    ("query", "item", "cosine", "near"),
    [
        ("How do I get to work?", "I commute by tram.", 0.4, True),
        ("How do I get to work?", "I commute by tram.", 0.1, False),
        # without an encoder nothing says that they are alike
        ("How do I get to work?", "I commute by tram.", float("nan"), False),
        ("How does Ann get to work?", "I commute by tram.", 0.4, False),
        ("Which tram does Ann take?", "I commute by tram.", 0.1, True),
    ],
)
def test_texts_about_their_speaker_are_judged_without_a_word_in_common(query, item, cosine, near) -> None:
    assert replace(Pair.of(Text(query), Text(item)), cosine=cosine).near is near


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Where does it sleep?", "where"),
        ("How old is it?", "how many"),
        ("How is it?", "how"),
        ("Do you know who it is?", "who"),
        ("Tell me its age.", ""),
        ("How", "how"),
    ],
)
def test_what_a_question_asks(text, asks) -> None:
    assert QUESTIONS[Text(text).asks] == asks


def test_a_clause_knows_what_it_shares_with_the_question() -> None:
    pair = Pair.of(Text("Where is the spare key?"), Text("The spare key hangs in the shed, and the dog barks."))
    table = start_features(pair, 0)
    columns = dict(zip(start_names(0), table.T, strict=True))
    assert columns["clause"].tolist() == [0] * 7 + [1] * 4
    assert columns["clause_shared"].tolist() == [1.0] * 7 + [0.0] * 4
    # behind "in"
    assert columns["behind_place"].tolist() == [0.0] * 5 + [1.0] + [0.0] * 5


def test_features_have_their_names() -> None:
    pair = Pair.of(Text("How old is my sister's goat?"), Text("The age of my sister's goat is 7 years."))
    found = dict(zip(pair_names(0), pair_features(pair, 7, 0), strict=True))
    assert (found["query_speaker"], found["fact_speaker"]) == (1, 1)
    assert (found["query_owned_missing"], found["fact_owned_missing"], found["owned_shared"]) == (0, 0, 2)
    assert QUESTIONS[int(found["asks"])] == "how many"
    assert (found["answer_digit"], found["answer_time"], found["answer_proper"]) == (1, 1, 1)


def test_content_norms_are_distinct_and_in_order() -> None:
    assert content_norms("The dog and the Dog's bowl") == ["dog", "bowl"]


@pytest.mark.parametrize(
    ("item", "query", "said"),
    [
        ("Paris is the capital city of France.", "What is the capital of France?", ["capital", "city", "France"]),
        ("The capital of Guatemala is Guatemala City.", "What is the capital of Guatemala?", ["capital", "Guatemala"]),
        ("Ann Lee plays the piano.", "Which instrument does Ann Lee play?", ["Ann", "Lee"]),
    ],
)
def test_what_the_query_says_begins_no_answer(item: str, query: str, said: list[str]) -> None:
    pair = Pair.of(Text(query), Text(item))
    assert [w.text for w, is_said in zip(pair.item.words, said_words(pair), strict=True) if is_said] == said


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("What is my dog called?", True),
        ("what is my dog called", True),
        ("which colour is my car", True),
        ("how many rooms does the inn have ", True),
        ("what's my cat called", True),
        ("where's my kayak", True),
        ("When Ann was six she moved to Leeds, where her dog was called", False),
        ("When he was a child Tom lived near", False),
        ("What I do know is her cat is named", False),
        ("Tell me the code.", True),
        ("Who is the author of", False),
        ("What Ann likes most is", False),
        ("When hungry, Ann dreams of", False),
        ("Where the river bends, the town", False),
        ("The capital of France is", False),
        ("why", False),
    ],
)
def test_a_question_is_whole_without_its_sign_and_an_open_text_is_not(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


def test_the_shared_run_of_long_texts_is_found() -> None:
    words = split_words("the cat and the dog of the house " * 400)
    assert shared_span(words, words).length == len(words) - 1  # it begins with a stop word


@pytest.mark.parametrize(
    ("text", "start", "query", "answer"),
    [
        ("The bakery is known for its smoked beetroot pie.", 7, "What is the bakery known for?", "smoked beetroot pie"),
        ("My kayak stands in the basement.", 5, "Where is my kayak?", "the basement"),
        ("My kayak stands in the basement.", 5, "My kayak stands in", "basement"),
        ("I get a rash from house dust.", 6, "What gives me a rash?", "house dust"),
        ("Frida always orders plum wine.", 4, "What does Frida drink?", "wine"),
        ("The team meets in the big Dome Room.", 6, "Where does the team meet?", "Dome Room"),
        ("Rex is treated by the vet Rowan Falrow.", 6, "Who is the vet of Rex?", "Rowan Falrow"),
        ("The password is in the drawer: swordfish.", 6, "What is the password?", "swordfish"),
        ("What is served at the weekly meeting? peppermint tea", 7, "Which drink is served?", "peppermint tea"),
        ("After the long hot summer, apples ripen.", 5, "Which fruit ripens?", "apples ripen"),
        ("My doctor told me to avoid salt.", 6, "What is bad for me?", "salt"),
        ("Plum wine is what Frida drinks.", 0, "What does Frida drink?", "Plum wine is what Frida drinks"),
    ],
)
def test_a_thing_is_called_by_its_whole_phrase(text: str, start: int, query: str, answer: str) -> None:
    words, asked = split_words(text), frozenset(content_norms(query))
    begin = answer_begin(text, words, start, whole=query.endswith("?"), asked=asked)
    assert span_text(text, words, begin, len(words)) == answer


def test_what_stands_beside_the_shared_words_tells_namesakes_apart() -> None:
    def beside(query: str, item: str) -> dict[str, float]:
        pair = Pair.of(Text(query), Text(item))
        return dict(zip(pair_names(0), pair_features(pair, len(pair.item.words) - 1, 0), strict=True))

    mine = beside("Who made my easel?", "My father's easel is a product of Grannexa.")
    assert (mine["fact_novel_before"], mine["query_novel_before"], mine["same_before"]) == (1, 0, 0)
    fathers = beside("Who made my father's easel?", "My father's easel is a product of Grannexa.")
    assert (fathers["fact_novel_before"], fathers["query_novel_before"], fathers["same_before"]) == (0, 0, 1)
    assert np.isnan(beside("Who are you?", "My father's easel is a product of Grannexa.")["same_before"])


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ("When does the shop open? At nine.", "When does the shop open?", "At nine."),
        ("Q: Who has the key? A: Ann", "Who has the key?", "Ann"),
        ("Question: Who has the key?\nAnswer: Ann Lee", "Who has the key?", "Ann Lee"),
        ("  Is the café open? Yes", "Is the café open?", "Yes"),
        ("Which room is the meeting in? A.12", "Which room is the meeting in?", "A.12"),
        ("Who wrote Brave New World? A. Huxley", "Who wrote Brave New World?", "A. Huxley"),
        ("Which film came out in 2001? A.I.", "Which film came out in 2001?", "A.I."),
        ("On which continent is Emma (novel) set? Europe", "On which continent is Emma (novel) set?", "Europe"),
        ("Ali Kanaan plays for what team? Sagesse", "Ali Kanaan plays for what team?", "Sagesse"),
    ],
)
def test_a_question_and_its_answer_are_told_apart(text: str, question: str, answer: str) -> None:
    parts = answered_question(text)
    assert parts is not None
    assert text[parts.begin : parts.end] == question
    assert text[parts.answer :] == answer


@pytest.mark.parametrize(
    "text",
    ["My dog is called Biscuit.", "Who has the key?", "Who has it? Who?", "Why? Because.", "Who has the key? ...", "?? Ann"],
)
def test_other_texts_are_no_answered_questions(text: str) -> None:
    assert answered_question(text) is None


def test_labels_are_no_words_of_an_item() -> None:
    plain, labelled = Text("Who has the key? Ann Lee"), Text("Q: Who has the key?\nA: Ann Lee")
    assert [w.norm for w in labelled.words] == [w.norm for w in plain.words]
    assert labelled.names == plain.names
    assert (labelled.answer_from, labelled.question) == (plain.answer_from, plain.question) == (4, "Who has the key?")


@pytest.mark.parametrize("other", ["Who designed C#?", "Who designed C++ first?", "What designed C++?"])
def test_another_question_is_not_the_same_one(other: str) -> None:
    assert same_question("Who designed C++?", "who designed  c++")
    assert not same_question("Who designed C++?", other)


def test_said_words_are_what_their_definition_says() -> None:
    rng = random.Random(0)
    vocabulary = "the of is Key key Shed shed old box red".split()
    for _ in range(300):
        item, query = (Text(" ".join(rng.choices(vocabulary, k=rng.randint(1, 9)))) for _ in range(2))
        words, expected, seen = item.words, [], set()
        for i, word in enumerate(words):
            first = word.content and word.norm in query.norms and word.norm not in seen
            seen.add(word.norm)
            following = next((w for w in words[i + 1 :] if w.content or w.norm in VERBS), None)
            between = 0 < i < len(words) - 1 and expected[i - 1] and following is not None and following.norm in query.norms
            expected.append(first or (word.content and between and not word.proper))
        assert said_words(Pair.of(query, item)).tolist() == expected, (query.text, item.text)


def test_long_texts_cost_what_their_words_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0
    content = Word.content.fget
    assert content is not None

    def counting(word: Word) -> bool:
        nonlocal looked_at
        looked_at += 1
        return content(word)

    monkeypatch.setattr(Word, "content", property(counting))
    # nothing follows that was asked, so that looking ahead from each word would go to the end
    said_words(Pair.of(Text("Who has the shed?"), Text("of the " * 2000)))
    assert looked_at < 10 * 4000


def test_the_question_an_item_holds_is_answered_by_the_first_word_of_its_answer() -> None:
    item, odds = Text("Who has the key of the shed? It is Ann"), np.array([9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 0.0, 0.0, 1.0])
    same = Pair.of(Text("who has the key of the shed"), item)
    assert same.repeated
    assert best_starts(same, odds, 2) == ((7, 1.0),)
    # asked otherwise, the likeliest word of the answer; what the question says is never one
    other = Pair.of(Text("Where is the key of the shed?"), item)
    assert not other.repeated
    assert [start for start, _ in best_starts(other, odds, 2)] == [9, 7]


def test_a_pair_without_a_common_word_needs_the_margin_beyond_the_threshold() -> None:
    gate = replace(Gate.load(shipped("words")), alone_margin=0.0)
    pairs = [
        Pair.of(Text("How do I get to work?"), Text("I commute by tram.")),
        Pair.of(Text("Which tram do I take?"), Text("I commute by tram.")),
    ]
    features = gate.features(pairs, gate.find_starts(pairs, alternatives=2))
    without, beyond = gate.subjects(pairs, features), replace(gate, alone_margin=2.0).subjects(pairs, features)
    assert (without - beyond).tolist() == pytest.approx([2.0, 0.0])


def test_the_margin_is_kept_with_the_gate(tmp_path: Path) -> None:
    gate = replace(Gate.load(shipped("words")), alone_margin=1.5)
    gate.save(tmp_path / "gate.safetensors")
    assert Gate.load(tmp_path / "gate.safetensors").alone_margin == 1.5
