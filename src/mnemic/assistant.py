"""The user's object: a model, its memories and a store."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, overload

import torch

from .arguments import check_count, check_kind, check_number, check_several
from .choosing import Combination, compare, kept
from .encoders import Encoder, check_encoder
from .errors import ConfigError, InputError, StoreError, rule_got_do
from .explain import explain
from .gates import choose_gate
from .generation import (
    Prompt,
    Streamed,
    answer_tokens,
    force_batch,
    generate_batch,
    render_question,
    stream_batch,
)
from .host_texts import HostTexts
from .hosts import attach
from .interference import Interference, measure
from .learning import PerText, Teacher, make_lessons
from .memories.base import Memory
from .memories.fact import Candidate, FactConfig, Gate, Router
from .memories.fact.calibrate import Example, Rates, Report, fit
from .memories.fact.texts import surely_fits
from .models import load_model
from .progress import Progress, reporting
from .readers import POINTER, Choice, Readers, Reading
from .settling import Settled, loudest, raise_threshold, settle, taught
from .store import open_store
from .store.base import Store
from .store.checks import check_scope, check_text, check_texts
from .talking import Talking
from .types import Hit, Item, Learned, Reply, Spoke
from .upkeep import Upkeep, check_budget

Texts = list[str] | tuple[str, ...]
"""Several texts; a bare `Sequence[str]` would take a single string for one."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why the memory spoke or kept silent. `hits` are the candidates, best first; `threshold` is the score that accepts."""

    query: str
    text: str
    hits: tuple[Hit, ...]
    threshold: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Woken:
    """A query that woke an item."""

    query: str
    item: Item
    score: float


@dataclass(frozen=True, kw_only=True)
class Injections:
    """How many queries were asked that no item has to do with, and which of them woke one."""

    queries: int
    woken: tuple[Woken, ...]


def load(
    model: str | Path = "smollm2",
    store: str | Path = "~/.local/share/mnemic/default",
    encoder: str | Path | None = None,
    scope: str = "default",
    memories: Memory | Sequence[Memory] = (),
    *,
    dtype: torch.dtype | None = None,
    device: str | torch.device | None = None,
    config: FactConfig | None = None,
    gate: str | Path | None = None,
    budget: int | None = None,
    notify: Callable[[str], None] = lambda message: None,
) -> "MemoryLM":
    """Load a model and open its store.

    Args:
        model: "smollm2", a folder with a Hugging Face causal language model, or a hub id.
        store: a folder (made if missing), a postgresql:// URL, or ":memory:" for none.
        encoder: "minilm", "host", a sentence-transformers folder or hub id ("owner/name"); None for MiniLM where it is installed,
            else the host.
        scope: whose memories: the default of every call.
        memories: further memories to attach beside the fact memory.
        dtype: of the model's weights.
        device: of the model.
        config: settings of the fact memory.
        gate: file of a calibrated gate; None for the one that fits model and encoder best.
        budget: active items that a scope may have; when learning takes it beyond, those least worth keeping are forgotten, as
            `prune` does, until there are a twentieth fewer. None for any number.
        notify: told about anything that takes long.

    Raises:
        ConfigError: if model, encoder, scope or store location can't be used.
        HostNotSupported: if the model can't carry memories.
        EncoderMismatch: if the store was written with another encoder.
        StoreError: if the store can't be opened.
    """
    # these come first: it takes no time to say that they can't be used
    if encoder is not None:
        check_encoder(encoder)
    opened = open_store(store, notify=notify)
    try:
        check_budget(budget)
        host, tokenizer = load_model(model, dtype=dtype, device=device, notify=notify)
        return MemoryLM(
            host,
            tokenizer,
            opened,
            encoder=encoder,
            scope=scope,
            memories=memories,
            config=config,
            gate=gate,
            budget=budget,
        )
    except BaseException:
        opened.close()
        raise


class MemoryLM(Talking, Upkeep):
    """A language model that is taught, asked, and says which memory spoke. Threads may share it; calls run one at a time."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        store: Store,
        *,
        encoder: str | Path | Encoder | None = None,
        scope: str = "default",
        memories: Memory | Sequence[Memory] = (),
        config: FactConfig | None = None,
        gate: str | Path | Gate | None = None,
        budget: int | None = None,
    ) -> None:
        """Join a model, its tokenizer and an open store; `load` does it by names. See there for the arguments."""
        self.scope = check_scope(scope)
        self.budget = check_budget(budget)
        check_kind("store", store, Store, "Open one with mnemic.store.open_store, or use mnemic.load.")
        others = check_several("memories", memories, Memory)
        self.model, self.tokenizer, self.store = model, tokenizer, store
        self.config = FactConfig() if config is None else config
        check_kind("config", self.config, FactConfig, "Make one of the settings.")
        self.texts = HostTexts(model, tokenizer)
        self.encoder, self._encoder_name = self._named_encoder(encoder)
        # what can fail comes before what would have to be undone
        chosen = gate if isinstance(gate, Gate) else choose_gate(gate, self.texts.fingerprint, self.encoder.id)
        if tokenizer.pad_token_id is None:
            raise ConfigError(
                rule_got_do(
                    "Batches need a pad token.", "a tokenizer without one", "Set tokenizer.pad_token = tokenizer.eos_token."
                )
            )
        store.open_for(self.encoder.id, self.encoder.dim)
        self._given_gate: str | Path | Gate | None = gate
        self._readers = Readers(model, tokenizer, self.config)
        self._lock = threading.RLock()
        self._use(chosen)
        self.handle = attach(model, [*self._readers.memories, *others])
        self._readers.attached()

    def _use(self, gate: Gate) -> None:
        # made anew when it is next needed: the encoder may be another one
        self.__dict__.pop("admission", None)
        self.router = Router(self.store, gate, self.config, self.encoder.encode, self.texts)
        self._teacher = Teacher(self.store, self.router, self.encoder)

    @property
    def gate(self) -> Gate:
        """The calibrated gate in use."""
        return self.router.gate

    def __enter__(self) -> "MemoryLM":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take the memories off the model and close the store. A second call does nothing."""
        with self._lock:
            self.handle.detach()
            self.store.close()

    # -- teaching ------------------------------------------------------------------------------------------------------------

    @overload
    def learn(
        self,
        text: str,
        category: str | None = ...,
        importance: float | None = ...,
        source: str | None = ...,
        scope: str | None = ...,
        force: bool = ...,
        progress: bool | Progress = ...,
    ) -> Learned: ...
    @overload
    def learn(
        self,
        text: Texts,
        category: PerText[str] = ...,
        importance: PerText[float] = ...,
        source: PerText[str] = ...,
        scope: str | None = ...,
        force: bool = ...,
        progress: bool | Progress = ...,
    ) -> list[Learned]: ...
    def learn(
        self,
        text: str | Texts,
        category: PerText[str] = None,
        importance: PerText[float] = None,
        source: PerText[str] = None,
        scope: str | None = None,
        force: bool = False,
        progress: bool | Progress = False,
    ) -> Learned | list[Learned]:
        """Teach one text or many. What is returned is durable.

        Every text is checked before the first one is written. When interrupted, the texts written so far stay.

        Args:
            text: a text, or a sequence of them.
            category: for filtering and for balance between categories; one for all texts, or a list with one for each.
            importance: 0 to 1; None for what the model's surprise says (0.5 where it isn't read). One or a list.
            source: where it comes from. One or a list.
            scope: whose memory; None for the default.
            force: store it as it is, whatever is known already.
            progress: True for a bar, or a function called with (done, total).

        Raises:
            InputError: if a text is empty, too long for the model's window, or not printable.
            ConfigError: if importance or scope can't be used.
            StoreError: if it can't be written.
        """
        texts = check_texts(text)
        lessons = make_lessons(texts, category, importance, source, self._scope(scope), force=force)
        for one in texts:
            self._check_length(one)
        with self._lock, reporting(progress, len(texts)) as report:
            learned = self._teacher.learn(lessons, report)
            self._hold_budget(self._scope(scope))
        return learned[0] if isinstance(text, str) else learned

    # -- asking --------------------------------------------------------------------------------------------------------------

    @overload
    def generate(
        self,
        prompt: str,
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        batch_size: int = ...,
        **options: Any,
    ) -> Reply: ...
    @overload
    def generate(
        self,
        prompt: Texts,
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        batch_size: int = ...,
        **options: Any,
    ) -> list[Reply]: ...
    def generate(
        self,
        prompt: str | Texts,
        memory: bool = True,
        scope: str | None = None,
        readers: Choice = None,
        batch_size: int = 16,
        **options: Any,
    ) -> Reply | list[Reply]:
        """Continue a text, or texts in batches in the order given. Greedy, 64 new tokens, unless `options` say otherwise.

        Args:
            prompt: a text, or a sequence of them.
            memory: False for the base model alone.
            scope: whose memories; None for the default.
            readers: some of "pointer", "kv" and "hidden"; "auto" for what calibration chose; None for the default, the pointer.
            batch_size: rows per batch. Batches depend on the prompts alone.
            options: for the model's own `generate`.

        Raises:
            InputError: if a prompt is empty or too long.
            ConfigError: if a reader is unknown, or options ask for several sequences per prompt.
        """
        prompts = check_texts(prompt)
        made = [Prompt(text=p, query=p, chat=False) for p in prompts]
        replies = self._run(made, memory, scope, readers, batch_size, options)
        return replies[0] if isinstance(prompt, str) else replies

    @overload
    def ask(
        self,
        question: str,
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        brief: bool = ...,
        stream: Literal[False] = ...,
        batch_size: int = ...,
        **options: Any,
    ) -> Reply: ...
    @overload
    def ask(
        self,
        question: str,
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        brief: bool = ...,
        *,
        stream: Literal[True],
        batch_size: int = ...,
        **options: Any,
    ) -> Streamed: ...
    @overload
    def ask(
        self,
        question: Texts,
        memory: bool = ...,
        scope: str | None = ...,
        readers: Choice = ...,
        brief: bool = ...,
        stream: Literal[False] = ...,
        batch_size: int = ...,
        **options: Any,
    ) -> list[Reply]: ...
    def ask(
        self,
        question: str | Texts,
        memory: bool = True,
        scope: str | None = None,
        readers: Choice = None,
        brief: bool = True,
        stream: bool = False,
        batch_size: int = 16,
        **options: Any,
    ) -> Reply | list[Reply] | Streamed:
        """Ask through the chat template, where the model has one. Arguments as for `generate`.

        Args:
            question: a question, or a sequence of them.
            memory: False for the base model alone.
            scope: whose memories; None for the default.
            readers: some of "pointer", "kv" and "hidden"; "auto" for what calibration chose; None for the default, the pointer.
            brief: where a memory speaks, the reply ends with its answer; False lets the model go on, and what it adds is its own.
            stream: return an iterator over pieces of text; its `reply` is there when it has ended. One question only.
            batch_size: rows per batch.
            options: for the model's own `generate`.

        Raises:
            InputError: if a question is empty or too long.
            ConfigError: as `generate`, or if several questions are to be streamed.
        """
        questions = check_texts(question)
        for one in questions:
            check_text(one)
        made = [render_question(self.tokenizer, q) for q in questions]
        if stream:
            if not isinstance(question, str):
                raise ConfigError(rule_got_do("One question is streamed at a time.", f"{len(questions)}", "Ask them one by one."))
            return self._stream(made[0], memory, scope, readers, options, brief=brief)
        replies = self._run(made, memory, scope, readers, batch_size, options, brief=brief)
        return replies[0] if isinstance(question, str) else replies

    def score(
        self,
        prompts: Sequence[str],
        targets: Sequence[str],
        memory: bool = True,
        scope: str | None = None,
        batch_size: int = 16,
        readers: Choice = None,
    ) -> list[bool]:
        """Return per prompt whether every token of its target is the likeliest one when the target is fed (teacher forcing).

        Args:
            prompts: texts that break off.
            targets: what should follow each, without the space between.
            memory: False for the base model alone.
            scope: whose memories; None for the default.
            batch_size: rows per batch.
            readers: as for `generate`.

        Raises:
            ConfigError: if there is no target for each prompt, batch_size isn't positive, or a reader is unknown.
            HostNotSupported: as `generate`.
        """
        prompts, targets = check_texts(prompts), check_texts(targets)
        if len(prompts) != len(targets):
            raise ConfigError(rule_got_do("Every prompt has a target.", f"{len(prompts)} and {len(targets)}", "Make them match."))
        check_count("batch_size", batch_size, 1)
        hits: list[bool] = []
        with self._lock:
            for begin in range(0, len(prompts), batch_size):
                made = [Prompt(text=p, query=p, chat=False) for p in prompts[begin : begin + batch_size]]
                reading, _ = self._plan(made, memory, scope, readers)
                goals = [
                    answer_tokens(self.tokenizer, one, start, target)
                    for one, start, target in zip(made, reading.ids, targets[begin : begin + batch_size], strict=True)
                ]
                with self._voice(memory), self._readers.speaking(reading):
                    hits += force_batch(self.model, self.tokenizer, reading.ids, goals)
        return hits

    def recall(self, query: str, k: int = 5, scope: str | None = None) -> list[Hit]:
        """Return the k items that fit a query best, whether or not the gate would let them speak.

        Raises:
            InputError: if the query is empty.
            ConfigError: if k is not positive.
            NotFound: as `items`.
        """
        check_text(query)
        k = check_count("k", k, 1)
        with self._lock:
            (candidates,) = self.router.route([query], self._written_scope(scope), k=k)
        return [c.hit() for c in candidates[:k]]

    def why(self, reply_or_query: Reply | str, scope: str | None = None) -> Explanation:
        """Explain which memory spoke, or would speak, and why not others. Errors as `recall`."""
        spoke: tuple[Spoke, ...] | None
        if isinstance(reply_or_query, Reply):
            query, spoke = reply_or_query.prompt, reply_or_query.memories
            if not query:
                return Explanation(query="", text="Nothing was looked up: the message tells something and asks nothing.", hits=())
        else:
            query, spoke = reply_or_query, None
        hits = self.recall(query, scope=scope)
        return Explanation(query=query, text=explain(hits, spoke), hits=tuple(hits))

    def interference(
        self,
        question: str,
        readers: Choice = None,
        scope: str | None = None,
        budget: float | None = None,
        **options: Any,
    ) -> Interference:
        """Ask, and tell which reader moved the output by how much at each token: each is left out in turn.

        Args:
            question: as for `ask`.
            readers: as for `ask`; None for all that the host carries.
            scope: whose memories.
            budget: nats that one reader may move one token's distribution by; `over` of the result names those above.
            options: for the model's own `generate`.

        Raises:
            InputError: if the question is empty or too long.
            ConfigError: if a reader is unknown, or the budget no positive number.
            HostNotSupported: as `ask`.
        """
        check_text(question)
        if budget is not None:
            check_number("budget", budget)
            if not budget > 0:
                raise ConfigError(rule_got_do("A budget is a positive number of nats.", budget, "Give e.g. 1.0."))
        prompt = render_question(self.tokenizer, question)
        with self._lock:
            chosen = self._readers.known if readers is None else readers
            reading, _ = self._plan([prompt], True, scope, chosen)
            with self._readers.speaking(reading):
                (row,) = generate_batch(self.model, self.tokenizer, reading.ids, options, reading.answers)
            return measure(
                self.model,
                self.tokenizer,
                question,
                reading.ids[0],
                row,
                reading.readers if reading.speakers[0] is not None else (),
                lambda left_out: self._readers.speaking(reading, without=left_out),
                self.handle.disabled,
                budget,
            )

    # -- calibrating -----------------------------------------------------------------------------------------------------------

    def calibrate(
        self,
        examples: Sequence[Example],
        *,
        among: Sequence[Example] = (),
        rates: Rates | None = None,
        seed: int = 0,
        use_host: bool = True,
        progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
    ) -> Report:
        """Fit the gate anew on examples, for this model and encoder, and use it from now on. `lm.gate.save(path)` keeps it.

        Args:
            examples: facts with queries that must and must not find them.
            among: further facts, as many as a store may hold, with `absent` queries that are about none of them. The threshold is
                settled among these: without them, the more a store holds the more often something wakes that shouldn't.
            rates: false-injection rates to aim at.
            seed: for folds and trees.
            use_host: False to look at words and encoder alone: a smaller gate that any model can use.
            progress: called with a stage, how much of it is done, and its size.

        Raises:
            ConfigError: if scikit-learn is missing or the examples can't be fitted on.
        """
        rates = rates or Rates()
        with self._lock:
            gate, report = fit(
                examples,
                encode=self.encoder.encode,
                encoder_id=self.encoder.id,
                reader=self.texts if use_host else None,
                rates=rates,
                seed=seed,
                progress=progress,
            )
            if among:
                gate, _ = settle(
                    gate,
                    among,
                    encoder=self.encoder,
                    reader=self.texts,
                    rate=rates.among,
                    config=self.config,
                    progress=progress,
                )
            self._use(gate)
        return report

    def injections(self, queries: Sequence[str], scope: str | None = None) -> Injections:
        """Ask what no item has to do with, and return what spoke all the same. Their share is the false-injection rate.

        Raises:
            InputError: if a query is empty.
            NotFound: as `items`.
        """
        asked = check_texts(list(queries))
        with self._lock:
            rows = self.router.route(asked, self._written_scope(scope))
        woken = [(query, row[0].hit()) for query, row in zip(asked, rows, strict=True) if row and row[0].accepted]
        return Injections(
            queries=len(asked), woken=tuple(Woken(query=query, item=hit.item, score=hit.score) for query, hit in woken)
        )

    def settle(self, queries: Sequence[str], rate: float, scope: str | None = None) -> Settled:
        """Raise the gate's threshold until at most a share of queries that no item has to do with wakes one; never lower it.

        `lm.gate.save(path)` keeps it for `load(gate=path)`.

        Args:
            queries: what no item has to do with.
            rate: the share.
            scope: whose items; None for the default.

        Raises:
            InputError: if a query is empty.
            ConfigError: if the rate isn't from 0 to 1.
            NotFound: as `items`.
        """
        asked = check_texts(list(queries))
        check_number("rate", rate)
        if not 0 <= rate <= 1:
            raise ConfigError(rule_got_do("A rate lies between 0 and 1.", rate, "Give e.g. 0.01."))
        with self._lock:
            margins = loudest(self.router, asked, self._written_scope(scope))
            gate, settled = raise_threshold(self.gate, margins, rate, facts=self.store.count(self._scope(scope)))
            self._use(gate)
        return settled

    def calibrate_readers(
        self,
        examples: Sequence[Example],
        *,
        progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
    ) -> list[Combination]:
        """Try every combination of readers on examples; the best one is what "auto" means from now on.

        The facts are taught to a store of their own: what was learned here isn't touched. The choice is kept with the gate:
        `lm.gate.save(path)` keeps both.

        Args:
            examples: facts with queries that ask for them (`same`, the fact's own wording first), and queries that must change
                nothing (`other`, `absent`). Not those that you will report.
            progress: called with a stage, how much of it is done, and its size.

        Returns:
            Every combination, measured, the best by harmonic mean first; of equals the one with fewer readers.

        Raises:
            ConfigError: if the examples ask for nothing, or leave nothing that must not change.
        """
        with (
            self._lock,
            taught(examples, self.gate, encoder=self.encoder, reader=self.texts, config=self.config, progress=progress) as router,
        ):
            found = compare(self.model, self.tokenizer, self._readers, router, examples, progress=progress)
            self._use(replace(self.gate, about={**self.gate.about, "readers": kept(found)}))
        return found

    # -- inside --------------------------------------------------------------------------------------------------------------

    def _written_scope(self, scope: str | None) -> str:
        """Return a scope to look into; the store refuses a mistyped one."""
        name = self._scope(scope)
        self.store.items(name, limit=0)
        return name

    def _check_length(self, text: str) -> None:
        window, beside = self.texts.window, ""
        if window is not None and self.router.window is not None and self.router.window < window:
            window, beside = self.router.window, f" ({window} less what is read before it)"
        if window is None or surely_fits(text, window):
            return
        tokens = self.texts.count_tokens(text)
        if tokens > window:
            raise InputError(
                rule_got_do(
                    f"A text to learn fits the model's window of {window} tokens{beside}; nothing is cut off silently.",
                    f"{tokens} tokens: {text[:40]!r}...",
                    "Split it into statements.",
                )
            )

    def _ids(self, prompt: Prompt) -> tuple[int, ...]:
        ids = tuple(self.tokenizer(prompt.text, add_special_tokens=not prompt.chat, verbose=False)["input_ids"])
        if not ids:
            raise InputError(rule_got_do("A prompt has at least one token.", "an empty prompt", "Write something."))
        if self.texts.window is not None and len(ids) >= self.texts.window:
            raise InputError(
                rule_got_do(
                    f"A prompt leaves room for an answer in the model's window of {self.texts.window} tokens.",
                    f"{len(ids)} tokens",
                    "Shorten it.",
                )
            )
        return ids

    def _routes_of(self, queries: Sequence[str | None], memory: bool, scope: str | None) -> list[Candidate | None]:
        """Return for each query the item that speaks, if the gate accepts one."""
        asked = [i for i, query in enumerate(queries) if memory and query is not None]
        found: list[Candidate | None] = [None] * len(queries)
        rows = self.router.route([query for query in queries if query is not None] if asked else [], self._scope(scope))
        for i, row in zip(asked, rows, strict=True):
            if row and row[0].accepted:
                found[i] = row[0]
        return found

    def _voice(self, memory: bool) -> AbstractContextManager[None]:
        """Return the context in which the model runs: with every attached memory, or alone."""
        return nullcontext() if memory else self.handle.disabled()

    def _plan(self, prompts: Sequence[Prompt], memory: bool, scope: str | None, readers: Choice) -> tuple[Reading, float]:
        """Return how a batch is read out, and the milliseconds it took to decide."""
        begun = time.perf_counter()
        chosen = self._readers.choose(readers, self.gate)
        ids = [self._ids(p) for p in prompts]
        speakers = self._routes_of([p.query for p in prompts], memory and bool(chosen), scope)
        return self._readers.read_out(prompts, ids, speakers, chosen), (time.perf_counter() - begun) * 1000

    def _run(
        self,
        prompts: Sequence[Prompt],
        memory: bool,
        scope: str | None,
        readers: Choice,
        batch_size: int,
        options: dict[str, Any],
        *,
        brief: bool = False,
    ) -> list[Reply]:
        check_count("batch_size", batch_size, 1)
        for prompt in prompts:
            _check_query(prompt)
        replies: list[Reply] = []
        with self._lock:
            for begin in range(0, len(prompts), batch_size):
                batch = prompts[begin : begin + batch_size]
                reading, route_ms = self._plan(batch, memory, scope, readers)
                begun = time.perf_counter()
                with self._voice(memory), self._readers.speaking(reading):
                    rows = generate_batch(self.model, self.tokenizer, reading.ids, options, reading.answers if brief else ())
                generate_ms = (time.perf_counter() - begun) * 1000
                parts = {"route": route_ms / len(batch), "generate": generate_ms / len(batch)}
                replies += [
                    self._reply(p, row, reading, i, parts, scope) for i, (p, row) in enumerate(zip(batch, rows, strict=True))
                ]
        return replies

    def _learn_one(self, text: str, source: str, scope: str | None) -> Learned:
        return self.learn(text, source=source, scope=scope)

    def _reply(
        self, prompt: Prompt, row: Sequence[int], reading: Reading, place: int, parts: dict[str, float], scope: str | None
    ) -> Reply:
        spoke: tuple[Spoke, ...] = ()
        candidate = reading.speakers[place]
        if candidate is not None and candidate.verdict is not None:
            # only a counter: an answer isn't lost because its use can't be counted
            with suppress(StoreError):
                self.store.touch([candidate.item.id], self._scope(scope))
            weight = self.config.strength if POINTER in reading.readers else 0.0
            spoke = (Spoke(item=candidate.item, score=candidate.verdict.score, weight=weight, readers=reading.readers),)
        return Reply(
            text=self.tokenizer.decode(row, skip_special_tokens=True),
            token_ids=tuple(row),
            memories=spoke,
            prompt=prompt.query or "",
            ms=sum(parts.values()),
            parts=dict(parts),
        )

    def _stream(
        self,
        prompt: Prompt,
        memory: bool,
        scope: str | None,
        readers: Choice,
        options: dict[str, Any],
        *,
        brief: bool,
        finish: Callable[[Reply], Reply] = lambda reply: reply,
    ) -> Streamed:
        _check_query(prompt)

        def run(send: Callable[[str], None]) -> Reply:
            with self._lock:
                reading, route_ms = self._plan([prompt], memory, scope, readers)
                begun = time.perf_counter()
                with self._voice(memory), self._readers.speaking(reading):
                    until = reading.answers if brief else ()
                    row = stream_batch(self.model, self.tokenizer, reading.ids[0], options, send, until)
                parts = {"route": route_ms, "generate": (time.perf_counter() - begun) * 1000}
                return finish(self._reply(prompt, row, reading, 0, parts, scope))

        return Streamed(run)


def _check_query(prompt: Prompt) -> None:
    if prompt.query is not None:
        check_text(prompt.query)
