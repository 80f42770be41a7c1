"""In what form the host reads a text, and behind which examples.

A text that breaks off is its own cue. After a bare question a model expects anything, so its last state says little of what was
asked; after questions with short answers it expects a short answer, and the state says which kind. Items and open texts stand
behind plain statements, for the same reason; an item that is a question with its answer stands where questions do, so that its
answer begins where theirs would.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .texts import TextReader, TextStates
from .words import answered_question, is_whole

STATEMENTS = (
    "Tom Hale was born in Leeds.\nThe old van is grey.\nThe author of The Lost Kite is Mary Dunn.\nThe inn has 24 rooms.\n"
)
ANSWERS = (
    "Question: Where was Tom Hale born?\nAnswer: Leeds\n\n"
    "Question: What is the colour of the old van?\nAnswer: grey\n\n"
    "Question: Who wrote The Lost Kite?\nAnswer: Mary Dunn\n\n"
    "Question: How many rooms does the inn have?\nAnswer: 24\n\n"
    "Question: When is the meeting?\nAnswer: 3 May\n\n"
    "Question: What does Ida Moss do for a living?\nAnswer: baker\n\n"
    "Question: Which company makes the K7?\nAnswer: Orbit Ltd\n\n"
    "Question: What is my cat called?\nAnswer: Misty\n\n"
)
"""Answers of as many kinds as there are examples: a name, a colour, a number, a day, a word."""
_QUESTION, _ANSWER = "Question: ", "\nAnswer:"


@dataclass(frozen=True)
class Form:
    """A text as the host is given it.

    text: what it reads. asked: whether that is a question, to stand behind answered ones. pieces: which characters of an item
    stand where, as (begin, end, shift); what no piece holds (labels, spaces) isn't read. Of a query only the end matters.
    """

    text: str
    asked: bool
    pieces: tuple[tuple[int, int, int], ...] = ()

    def place(self, char: int) -> int:
        """Return where a character of the original text stands in what is read; one that is read."""
        return next(char + shift for begin, end, shift in self.pieces if begin <= char < end)


def query_form(query: str) -> Form:
    """Return a question, to be answered, or an open text as it is."""
    text = query.rstrip()
    if not is_whole(query):
        return Form(text, False)
    end = "" if text.endswith(("?", ".", "!", "…")) else "?"
    return Form(f"{_QUESTION}{text}{end}{_ANSWER}", True)


def item_form(text: str) -> Form:
    """Return a statement as it is, or a question with its answer."""
    parts = answered_question(text)
    if parts is None:
        return Form(text, False, ((0, len(text), 0),))
    head = f"{_QUESTION}{text[parts.begin : parts.end]}{_ANSWER} "
    pieces = (
        (parts.begin, parts.end, len(_QUESTION) - parts.begin),
        (parts.answer, len(text), len(head) - parts.answer),
    )
    return Form(head + text[parts.answer :], True, pieces)


@dataclass(frozen=True, kw_only=True)
class Cues:
    """What the host reads before a text, so that its states expect an answer: examples of the same form."""

    statements: str = ""
    """Before statements and open texts."""
    answers: str = ""
    """Before questions, and before items that are questions with their answers."""

    @classmethod
    def fitting(cls, reader: TextReader) -> "Cues":
        """Return the cues that leave most of a host's window free, or none."""
        cues = cls(statements=STATEMENTS, answers=ANSWERS)
        return cues if reader.window is None or cues.tokens(reader) * 4 <= reader.window else cls()

    def tokens(self, reader: TextReader) -> int:
        """Return how much of a host's window the longer cue takes, with what makes a query a question."""
        return max(reader.count_tokens(self.statements), reader.count_tokens(f"{self.answers}{_QUESTION}?{_ANSWER}"))

    def read(self, forms: Sequence[Form], layers: Sequence[int], reader: TextReader, *, ends: bool) -> list[TextStates]:
        """Return the readings of texts, each behind its cue; `ends` when only what follows them is wanted."""
        found: dict[int, TextStates] = {}
        for asked in (False, True):
            places = [i for i, form in enumerate(forms) if form.asked == asked]
            texts = [forms[i].text for i in places]
            prefix = self.answers if asked else self.statements
            found |= zip(places, reader.read(texts, layers, ends=ends, prefix=prefix) if texts else [], strict=True)
        return [found[i] for i in range(len(forms))]
