"""What people say in conversations, in two halves, the second written without sight of the first.

`unrelated`: questions and requests that no personal fact has to do with. `chatter`: messages that say nothing worth keeping.
`lead_ins` and `tails`: what stands before and behind a fact in a message. `facts`, in dev alone: messages that say something to
keep. `asked`, in dev alone: more unrelated questions, which thresholds are settled on.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from ..calibration import told
from ..generator import generate
from ..records import EditRecord
from ..relations import Split
from ..relations.mine import MINE
from ..relations.people import SELF
from ..scoring import normalise

PERSONAL = (*SELF, *MINE)
"""Relations of what somebody says about themselves and what is theirs."""


@dataclass(frozen=True, kw_only=True)
class Talk:
    """One half of the corpus."""

    unrelated: tuple[str, ...]
    chatter: tuple[str, ...]
    lead_ins: tuple[str, ...]
    tails: tuple[str, ...]
    facts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


@cache
def talk(split: Split) -> Talk:
    """Return one half."""
    data = _read(split)
    if split == "test":
        # who writes small talk writes some of it twice; what is fitted on isn't reported on
        fitted = (text for example in told() for text in (*example.same, *example.other, *example.absent))
        seen = {normalise(text) for texts in (*_read("dev").values(), fitted) for text in texts}
        data = {name: [text for text in texts if normalise(text) not in seen] for name, texts in data.items()}
    return Talk(**{name: tuple(texts) for name, texts in data.items()})


def _read(split: Split) -> dict[str, list[str]]:
    data: dict[str, list[str]] = json.loads(Path(__file__).with_name(f"{split}.json").read_text(encoding="utf-8"))
    return data


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message of the user; `record` is the fact that it tells, if any."""

    text: str
    record: EditRecord | None


def script(n: int, seed: int, split: Split, *, chatter: int, turns: int, after: int) -> list[list[Said]]:
    """Return conversations in which n personal facts are told among small talk.

    Facts come in messages of their own, half of them behind a lead-in, a quarter before a tail. Every message of the small talk
    occurs once.

    Args:
        n: facts.
        seed: of facts and order.
        split: whose wordings.
        chatter: messages of small talk.
        turns: messages of a conversation.
        after: at least so many messages of small talk behind the last fact.
    """
    half, rng = talk(split), Random(f"mnemic-talk:{seed}:{split}")
    records = generate(n, seed, split, relations=PERSONAL)
    small = rng.sample(half.chatter, chatter)
    behind, among = small[:after], small[after:]
    messages = [Said(text=_told(record, half, rng), record=record) for record in records]
    messages += [Said(text=text, record=None) for text in among]
    rng.shuffle(messages)
    messages += [Said(text=text, record=None) for text in behind]
    return [messages[begin : begin + turns] for begin in range(0, len(messages), turns)]


def _told(record: EditRecord, half: Talk, rng: Random) -> str:
    lead = rng.choice(half.lead_ins) if rng.random() < 0.5 else ""
    tail = f" {rng.choice(half.tails)}" if rng.random() < 0.25 else ""
    fact = record.fact
    if lead and lead.rstrip()[-1] not in ".!?":
        # within a sentence "My" is "my"; "I" stays
        fact = fact if fact.startswith(("I ", "I'")) else fact[:1].lower() + fact[1:]
    return f"{lead}{fact}{tail}"
