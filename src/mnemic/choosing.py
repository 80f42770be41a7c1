"""Which readers together do best: every combination tried on examples."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, combinations
from typing import Any

from .errors import ConfigError, rule_got_do
from .generation import Prompt, generate_batch, render_question
from .memories.fact import Candidate, Router
from .memories.fact.calibrate import Example
from .memories.fact.words import is_whole, split_words
from .readers import Readers
from .settling import SCOPE

_BATCH = 16
_SLACK_TOKENS = 2
_OWN_TOKENS = 16
"""How many tokens more an answer to a question may take: it may begin with words of its own."""


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Some readers together, measured.

    reliability: share of the facts' own wordings answered rightly; generalisation: of other wordings; locality: of what must not
    change, what stayed as it was; harmonic: the harmonic mean of the three.
    """

    readers: tuple[str, ...]
    reliability: float
    generalisation: float
    locality: float
    harmonic: float


def all_combinations(readers: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every non-empty subset, small ones first."""
    return list(chain.from_iterable(combinations(readers, size) for size in range(1, len(readers) + 1)))


def compare(
    model: Any,
    tokenizer: Any,
    readers: Readers,
    router: Router,
    examples: Sequence[Example],
    *,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
) -> list[Combination]:
    """Return every combination measured, the best first; of equals the one with fewer readers.

    Args:
        model: the host, with the readers attached.
        tokenizer: its tokenizer.
        readers: what is compared.
        router: over a store that was taught the examples' facts.
        examples: facts with queries that ask for them, the fact's own wording first, and queries that must change nothing.
        progress: called with a stage, how much of it is done, and its size.

    Raises:
        ConfigError: if there is nothing to ask in some wording, or nothing that must not change.
    """
    asked = [(query, e.answer, place == 0) for e in examples for place, query in enumerate(e.same)]
    still = [query for e in examples for query in (*e.other, *e.absent)]
    if not still or len({own for *_, own in asked}) < 2:
        raise ConfigError(
            rule_got_do(
                "Examples ask for facts in their own and in other words, and for what must not change.",
                f"{len(asked)} and {len(still)} queries",
                "Give examples with `same` of two or more, and `other` or `absent`.",
            )
        )
    run = _Run(model, tokenizer, readers, router, [e.answer for e in examples])
    loud = [(query, speaker) for query, speaker in zip(still, run.speakers(still), strict=True) if speaker is not None]
    speakers = run.speakers([query for query, *_ in asked])
    before = run.answers([query for query, _ in loud], [None] * len(loud), ())
    silent = run.answers([query for query, *_ in asked], [None] * len(asked), ())
    found = []
    subsets = all_combinations(readers.known)
    for number, subset in enumerate(subsets):
        progress("readers", number, len(subsets))
        # without a speaker the base model's answer stands, bit for bit: it isn't generated again
        spoken = [i for i, speaker in enumerate(speakers) if speaker is not None]
        said = list(silent)
        changed = run.answers([asked[i][0] for i in spoken], [speakers[i] for i in spoken], subset)
        for i, text in zip(spoken, changed, strict=True):
            said[i] = text
        right = [_names(text, answer, query) for text, (query, answer, _) in zip(said, asked, strict=True)]
        after = run.answers([query for query, _ in loud], [speaker for _, speaker in loud], subset)
        moved = sum(one != other for one, other in zip(before, after, strict=True))
        shares = (
            _mean([ok for ok, (*_, own) in zip(right, asked, strict=True) if own]),
            _mean([ok for ok, (*_, own) in zip(right, asked, strict=True) if not own]),
            1 - moved / len(still),
        )
        harmonic = 0.0 if min(shares) == 0 else len(shares) / sum(1 / share for share in shares)
        found.append(
            Combination(readers=subset, reliability=shares[0], generalisation=shares[1], locality=shares[2], harmonic=harmonic)
        )
    return sorted(found, key=lambda one: -one.harmonic)


def kept(found: Sequence[Combination]) -> dict[str, object]:
    """Return what is written into the gate: the choice, and what it was chosen among."""
    return {"chosen": list(found[0].readers), "among": [asdict(one) for one in found]}


class _Run:
    """Generates answers in batches that depend on the prompts alone."""

    def __init__(self, model: Any, tokenizer: Any, readers: Readers, router: Router, targets: Sequence[str]) -> None:
        self._model, self._tokenizer, self._readers, self._router = model, tokenizer, readers, router
        lengths = [len(tokenizer(f" {target}", add_special_tokens=False, verbose=False)["input_ids"]) for target in targets]
        self._tokens = max(lengths) + _SLACK_TOKENS

    def speakers(self, queries: Sequence[str]) -> list[Candidate | None]:
        """Return the accepted item of each query."""
        found: list[Candidate | None] = []
        for begin in range(0, len(queries), _BATCH):
            rows = self._router.route(queries[begin : begin + _BATCH], SCOPE)
            found += [row[0] if row and row[0].accepted else None for row in rows]
        return found

    def answers(self, queries: Sequence[str], speakers: Sequence[Candidate | None], readers: tuple[str, ...]) -> list[str]:
        """Return what is said to each query."""
        said: list[str] = []
        for begin in range(0, len(queries), _BATCH):
            prompts = [
                render_question(self._tokenizer, q) if is_whole(q) else Prompt(text=q, query=q, chat=False)
                for q in queries[begin : begin + _BATCH]
            ]
            ids = [tuple(self._tokenizer(p.text, add_special_tokens=not p.chat, verbose=False)["input_ids"]) for p in prompts]
            reading = self._readers.read_out(prompts, ids, speakers[begin : begin + _BATCH], readers)
            options = {
                "max_new_tokens": self._tokens + (_OWN_TOKENS if any(map(is_whole, queries[begin : begin + _BATCH])) else 0)
            }
            with self._readers.speaking(reading):
                rows = generate_batch(self._model, self._tokenizer, ids, options)
            said += [self._tokenizer.decode(row, skip_special_tokens=True) for row in rows]
        return said


def _names(text: str, answer: str, query: str) -> bool:
    """Return whether an open text is continued with the answer, or the reply to a question holds it, case aside."""
    said, wanted = ([w.norm for w in split_words(one)] for one in (text, answer))
    places = range(len(said) - len(wanted) + 1) if is_whole(query) else (0,)
    return any(said[i : i + len(wanted)] == wanted for i in places)


def _mean(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)
