"""First person to second."""

import pytest

from mnemic.memories.fact.person import owned, second_person, speaker
from mnemic.memories.fact.words import content_norms, split_words


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("my sister's house", "your sister's house"),
        ("I have a dog called Biscuit", "You have a dog called Biscuit"),
        ("I'm allergic to nuts", "You're allergic to nuts"),
        ("I’ve moved", "You've moved"),
        ("our garden, and I was there", "your garden, and you were there"),
        ("a friend of mine", "a friend of yours"),
        ("with me and my wife", "with you and your wife"),
        ("My mother and I", "Your mother and you"),
        ("That I wasn't told", "That you weren't told"),
        ("I am from Leeds", "You are from Leeds"),
        ("by myself", "by yourself"),
        ("My Fair Lady", "My Fair Lady"),
        ("the film My Girl", "the film My Girl"),
        ("World War I", "World War I"),
        ("after World War I ended", "after World War I ended"),
        ("the US", "the US"),
        ("I Will Survive", "I Will Survive"),
        ("I, Claudius", "I, Claudius"),
        ("type I diabetes", "type I diabetes"),
        ("Elizabeth I was queen", "Elizabeth I was queen"),
        ("at 7 am I wake", "at 7 am you wake"),
        ("i was in Rome", "you were in Rome"),
        ("Bergen. I live there", "Bergen. You live there"),
        ("me@us.com", "me@us.com"),
        ("http://my.com/me", "http://my.com/me"),
        ("My London flat", "Your London flat"),
        ("On Mondays I play golf", "On Mondays you play golf"),
        ("In May I was in Rome", "In May you were in Rome"),
        ("she was at home", "she was at home"),
        ("the gold mine", "the gold mine"),
        ("", ""),
    ],
)
def test_what_is_said_of_oneself_is_told_to_oneself(said: str, told: str) -> None:
    assert second_person(said) == told


def test_ones_own_name_can_be_asked_for() -> None:
    assert content_norms("My name is Sam.") == ["my-name", "sam"]
    assert content_norms("What's my name?") == ["my-name"]
    assert content_norms("What is my dog's name?") == ["dog"]
    assert content_norms("What is your name?") == []


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("I commute by tram.", 2),
        ("How do we get to OUR office?", 2),
        ("What’s my shoe size?", 1),
        ("I’m from Leeds.", 2),
        ("It was mine.", 1),
        ("He fought in World War I.", 0),
        ("Usually I cycle to work.", 2),
        ("In Leeds I commute by tram.", 2),
        ("The US is large.", 0),
        ("You have his keys.", 0),
        ("", 0),
    ],
)
def test_a_text_speaks_of_its_speaker(text, own):
    assert speaker(split_words(text)) == own


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What does my sister's goat eat?", {"sister", "goat"}),
        ("Our boss’s name is Ann.", {"boss"}),
        ("What’s it called?", set()),
        ("My old car rusts.", {"old"}),
        ("Ann's", set()),
    ],
)
def test_what_somebody_has_and_who_has_it(text, found):
    assert owned(split_words(text)) == found
