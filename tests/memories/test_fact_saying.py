"""How an answer is spoken, and what denies it."""

import pytest

from mnemic.memories.fact.features import Pair, Text
from mnemic.memories.fact.saying import denial, say
from mnemic.memories.fact.words import is_whole, split_words


def _spoken(text: str, found: str, query: str) -> str:
    words = split_words(text)
    start = max(i for i, w in enumerate(words) if w.text == found)
    return say(text, words, start, query=split_words(query), whole=query.endswith("?"))


@pytest.mark.parametrize(
    ("text", "found", "query", "answer"),
    [
        ("The lease ends on 12 September 2026.", "2026", "When does the lease end?", "12 September 2026"),
        ("The lease ends on 12 September 2026.", "September", "When does the lease end?", "12 September 2026"),
        ("The warranty expires on March 3rd, 2027.", "2027", "When does the warranty expire?", "March 3rd, 2027"),
        ("The invoice is due on the 3rd of May.", "May", "When is the invoice due?", "the 3rd of May"),
        ("The wedding is on Saturday, 14 November 2026.", "2026", "When is the wedding?", "Saturday, 14 November 2026"),
        ("The fair is from 3 to 9 Aug 2026.", "2026", "When is the fair?", "3 to 9 Aug 2026"),
        ("The house was built in October 1987.", "1987", "When was the house built?", "October 1987"),
        ("The house was built in 1987.", "1987", "When was the house built?", "1987"),
        ("Ned's birthday is on 12. September 1961.", "12", "When is Ned's birthday?", "12. September 1961"),
        ("The rent is due on the first of May.", "May", "When is the rent due?", "the first of May"),
        ("The festival runs from 30 May to 2 June 2027.", "2027", "When is the festival?", "30 May to 2 June 2027"),
        (
            "The concert is on the evening of Friday the 19th of December.",
            "Friday",
            "When is the concert?",
            "the evening of Friday the 19th of December",
        ),
        ("The warranty ends in the spring of 2031.", "2031", "When does the warranty end?", "the spring of 2031"),
        ("We sailed in June or July 2019.", "2019", "When did we sail?", "June or July 2019"),
        ("The meeting was moved to Wednesday at 3 p.m. again.", "3", "When is the meeting?", "Wednesday at 3 p.m"),
        (
            "The bins are collected every second Thursday at 6:45 am.",
            "6:45",
            "When are the bins collected?",
            "every second Thursday at 6:45 am",
        ),
        ("The bus leaves at a quarter past eleven.", "eleven", "When does the bus leave?", "a quarter past eleven"),
        ("A haircut costs between 25 and 30 euros.", "30", "How much is a haircut?", "between 25 and 30 euros"),
        ("The museum's number is (030) 555-0147.", "030", "What is the museum's number?", "(030) 555-0147"),
        ("The museum's number is (030) 555-0147, ask for Jo.", "555-0147", "What is the museum's number?", "(030) 555-0147"),
        # a date that was asked about is not the answer
        ("On 3 May 2026 Ann sold 2026 apples.", "apples", "What did Ann sell on 3 May?", "apples"),
        ("He may own 12 boats.", "12", "How many boats may he own?", "12 boats"),
    ],
)
def test_a_date_is_spoken_from_its_day_on(text: str, found: str, query: str, answer: str) -> None:
    assert _spoken(text, found, query) == answer


@pytest.mark.parametrize(
    ("text", "found", "query", "answer"),
    [
        ("The ladder is behind the shed.", "shed", "Where is the ladder?", "behind the shed"),
        ("The batteries are in the drawer under the sink.", "sink", "Where are the batteries?", "in the drawer under the sink"),
        ("The mug is next to the oven.", "oven", "Where is the mug?", "next to the oven"),
        ("The cat sleeps in front of the stove.", "stove", "Where does the cat sleep?", "in front of the stove"),
        ("Ann works as a nurse at the clinic.", "clinic", "Where does Ann work?", "at the clinic"),
        # a settled preposition may be left out before a name
        ("My sister lives in Bergen.", "Bergen", "Where does my sister live?", "Bergen"),
        ("The man in the hat lives in Oslo.", "Oslo", "Where does the man in the hat live?", "Oslo"),
        ("The stall is in Bergen near the harbour.", "harbour", "Where is the stall?", "Bergen near the harbour"),
        ("The rake is with Tom.", "Tom", "Where is the rake?", "with Tom"),
        ("The bike is in the garage now.", "garage", "Where is the bike?", "in the garage"),
        ("The stall is near Bergen.", "Bergen", "Where is the stall?", "near Bergen"),
        # what isn't asked where is spoken as a thing
        ("The key is under the flowerpot.", "flowerpot", "What is the key under?", "the flowerpot"),
        ("My bike is chained to the red fence.", "red", "Where is my bike?", "the red fence"),
    ],
)
def test_where_is_answered_with_its_preposition(text: str, found: str, query: str, answer: str) -> None:
    assert _spoken(text, found, query) == answer


@pytest.mark.parametrize(
    ("text", "found", "query", "answer"),
    [
        ("The lease ends on 12 September 2026.", "2026", "The lease ends", "on 12 September 2026"),
        ("The lease ends on 12 September 2026.", "2026", "The lease ends on", "12 September 2026"),
        ("The ladder is behind the shed.", "shed", "The ladder is", "behind the shed"),
        ("The ladder is behind the shed.", "shed", "The ladder stands behind the", "shed"),
        ("The mother tongue of Ann is French.", "French", "The mother tongue of Ann is", "French"),
        ("The glacier is in the continent of Africa.", "Africa", "The glacier is in the continent", "Africa"),
    ],
)
def test_an_open_text_goes_on_where_it_broke_off(text: str, found: str, query: str, answer: str) -> None:
    assert _spoken(text, found, query) == answer


@pytest.mark.parametrize(
    ("text", "found", "query", "answer"),
    [
        ("The dog is not called Rex.", "Rex", "What is the dog called?", "not Rex"),
        ("The shop is not open on Sundays.", "Sundays", "When is the shop open?", "not on Sundays"),
        ("Tom doesn't eat meat.", "meat", "What does Tom eat?", "not meat"),
        ("Tom can’t stand the radio.", "radio", "What can Tom stand?", "not the radio"),
        ("Ann no longer lives in Oslo.", "Oslo", "Where does Ann live?", "no longer in Oslo"),
        ("Tom never eats meat.", "meat", "What does Tom eat?", "never meat"),
        ("The kick-off isn't until 4 May.", "May", "When is the kick-off?", "not until 4 May"),
        ("The bakery does not open before 10:30.", "10:30", "When does the bakery open?", "not before 10:30"),
        ("Kofi has no siblings.", "siblings", "What does Kofi have?", "no siblings"),
        ("Her name is not Holt but Holm.", "Holt", "What is her name?", "Holm"),
        ("The cat is fifteen, not fourteen.", "fourteen", "How old is the cat?", "fifteen, not fourteen"),
        # another thing is denied than the one that was asked for
        ("I do not mind that Ben lives in Oslo.", "Oslo", "Where does Ben live?", "Oslo"),
        ("Don't forget that the key is under the mat.", "mat", "Where is the key?", "under the mat"),
        ("Ann must not forget the pills at 8.", "8", "When does Ann take the pills?", "8"),
        ("Do not use the lift if the alarm code is 4471.", "4471", "What is the alarm code?", "4471"),
        ("The greenhouse must not fall below 8 degrees.", "8", "How warm must the greenhouse be?", "8 degrees"),
        # what the query denies is not denied again
        ("Tom doesn't eat meat.", "meat", "What does Tom not eat?", "meat"),
        # another clause's denial is not this one's
        ("It is not far, the inn is in Oslo.", "Oslo", "Where is the inn?", "Oslo"),
        ("Tom is not in and Ann is in Oslo.", "Oslo", "Where is Ann?", "Oslo"),
    ],
)
def test_what_is_denied_is_spoken_with_its_denial(text: str, found: str, query: str, answer: str) -> None:
    assert _spoken(text, found, query) == answer


@pytest.mark.parametrize(
    ("text", "found", "answer"),
    [
        ("Our landlord is Mr. Brown.", "Brown", "Mr. Brown"),
        ("Our landlord is Mrs Dunn.", "Dunn", "Mrs Dunn"),
        ("The landlord, Mr. Ove Lind, wants the rent.", "Ove", "Mr. Ove Lind"),
        ("The landlord, Mr. Ove Lind, wants the rent.", "Lind", "Mr. Ove Lind"),
        ("Our goat belongs to the vet Anna Bell.", "Bell", "Anna Bell"),
        ("The brand of my canoe is Everloom Labs.", "Labs", "Everloom Labs"),
        ("It rained. Yesterday Anna came.", "Anna", "Anna came"),
        ("By the way, I'm Welsh.", "Welsh", "Welsh"),
        ("Last May Anna Bell came.", "Bell", "Anna Bell came"),
        # what begins a sentence has its capital from there
        ("Yesterday Anna came.", "Anna", "Anna came"),
        ("My cat is easy to spot, being reddish brown.", "brown", "reddish brown"),
        ("Our doctor is Prof. Dr. Vellum.", "Vellum", "Prof. Dr. Vellum"),
    ],
)
def test_a_name_is_spoken_with_its_titles(text: str, found: str, answer: str) -> None:
    assert _spoken(text, found, "Who is it?") == answer


def test_a_titles_full_stop_ends_no_sentence() -> None:
    assert not is_whole("Our landlord is Mr.")
    assert is_whole("It was made by Acme Inc.")
    assert is_whole("...")


@pytest.mark.parametrize(
    ("text", "query", "misplaced"),
    [
        ("The coffee machine is broken.", "Where is the coffee machine?", True),
        ("The coffee machine is not broken.", "Where is the coffee machine?", True),
        ("The coffee machine is broken.", "What is wrong with the coffee machine?", False),
        ("The coffee machine is upstairs.", "Where is the coffee machine?", False),
        ("The coffee machine is in pieces.", "Where is the coffee machine?", False),
        ("The coffee machine is Bergen's.", "Where is the coffee machine?", False),
        ("My sister moved abroad.", "Where is my sister?", False),
    ],
)
def test_what_names_no_place_does_not_answer_where(text: str, query: str, misplaced: bool) -> None:
    pair = Pair.of(Text(query), Text(text))
    assert pair.misplaced(len(pair.item.words) - 1) is misplaced


def test_a_denial_is_found_in_its_own_clause_only() -> None:
    text = "It does not rain, and the sun is out."
    words = split_words(text)
    assert denial(text, words, 3) == "not"
    assert denial(text, words, len(words) - 1) is None


@pytest.mark.parametrize(
    ("text", "query", "answer"),
    [
        ("Lena is not allergic to cats but to dogs.", "Is Lena allergic to cats?", "Lena is not allergic to cats but to dogs"),
        ("Theo no longer works there.", "Does Theo still work there?", "Theo no longer works there"),
        ("Theo no longer works there.", "Isn't Theo at work?", "Theo no longer works there"),
        # with a question word or a choice it is no such question
        ("Mattie is female.", "Is Mattie male or female?", "female"),
        ("The shop opens at nine.", "Do you know when the shop opens?", "nine"),
    ],
)
def test_yes_or_no_is_answered_with_the_whole_item(text: str, query: str, answer: str) -> None:
    assert _spoken(text, split_words(text)[-1].text, query) == answer
