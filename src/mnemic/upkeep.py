"""What is done to a store as a whole: many texts at once, a budget, another encoder, files of it."""

import time
from functools import partial
from pathlib import Path
from typing import IO, Any

from .arguments import check_count
from .bulk import BulkLearned, encoding_here, encoding_workers, learn_file
from .encoders import HOST, Encoder, encoder_alone, load_encoder, usual_encoder
from .errors import ConfigError, rule_got_do
from .gates import choose_gate
from .host_texts import HostTexts
from .inputs import Format, OnError
from .keeping import Keeping
from .memories.fact import Gate
from .progress import Progress, reporting_counts
from .store.reindex import Reindexed, reindex
from .store.retention import RetentionRule, hold, prune
from .transfer import Exported, Imported, export, import_
from .types import Pruned


def check_budget(budget: int | None) -> int | None:
    """Return how many active items a scope may have.

    Raises:
        ConfigError: if it is no number from 1 on, or None.
    """
    return None if budget is None else check_count("budget", budget, 1)


class Upkeep(Keeping):
    """The part of `MemoryLM` that cares for the store as a whole."""

    budget: int | None
    """How many active items a scope may have before it is pruned after learning; None for any number."""
    model: Any
    texts: HostTexts
    _encoder_name: str | Path | None
    """Of the encoder, so that another process can load it; None for one that was given as an object."""
    _given_gate: str | Path | Gate | None

    def learn_bulk(
        self,
        source: str | Path | IO[bytes],
        category: str | None = None,
        importance: float | None = None,
        scope: str | None = None,
        format: Format = "auto",
        on_error: OnError = "stop",
        workers: int = 1,
        progress: bool | Progress = False,
    ) -> BulkLearned:
        """Teach the texts of a file, in bounded memory whatever its size. Each batch is durable; repeated, it goes on.

        The host reads none of the texts, so that nothing is superseded or updated, and importance is 0.5 where it isn't said.
        What the scope says exactly already is skipped. See `bulk`.

        Args:
            source: what `inputs.read_texts` takes: a path, "-", an open binary file.
            category: of texts that name none.
            importance: 0 to 1, of texts that name none.
            scope: whose memory; None for the default.
            format: as for `inputs.read_texts`.
            on_error: "stop" reads the whole file first and refuses one with bad lines; "skip" leaves out what can't be learned.
            workers: processes that encode; more than one need an encoder that was loaded by its name, and a script that can be
                imported (`if __name__ == "__main__":`).
            progress: True for a bar, or a function called with (done, 0).

        Raises:
            InputError: if the file can't be read, or with "stop" has a line that can't be learned.
            ConfigError: if workers can't load the encoder, or category or importance can't be used.
            StoreError: if it can't be written.
        """
        load = self._loads() if check_count("workers", workers, 1) > 1 else None
        with self._lock, reporting_counts(progress, "Learning") as report:
            encoding = encoding_here(self.encoder) if load is None else encoding_workers(load, workers)
            with encoding as at_work:
                return learn_file(
                    self.store,
                    at_work,
                    source,
                    self._scope(scope),
                    format=format,
                    category=category,
                    importance=importance,
                    on_error=on_error,
                    workers=workers,
                    budget=self.budget,
                    check=self._check_length,
                    report=report,
                )

    def prune(
        self,
        budget: int | None = None,
        keep: float | None = None,
        scope: str | None = None,
        category: str | None = None,
        dry_run: bool = False,
        rule: RetentionRule | None = None,
    ) -> Pruned:
        """Forget the items that are least worth keeping, as one operation that `undo` takes back.

        `store.retention` says what is worth keeping: what spoke often or lately, was taught lately, or is important.

        Args:
            budget: how many active items may be left.
            keep: or the share of them that is kept, 0 to 1.
            scope: whose memories; None for the default.
            category: count and prune the items of this one only.
            dry_run: only say what would go.
            rule: how items are scored; None for the default weights.

        Raises:
            ConfigError: if not exactly one of `budget` and `keep` is given, or it can't be one.
            NotFound: as `items`.
            StoreError: if it can't be written.
        """
        with self._lock:
            return prune(
                self.store,
                self._scope(scope),
                budget=budget,
                keep=keep,
                category=category,
                dry_run=dry_run,
                rule=rule,
                now=time.time(),
            )

    def reindex(self, encoder: str | Path | Encoder, progress: bool | Progress = False) -> Reindexed:
        """Change the store's encoder, and use it from now on: every text gets a new vector, nothing is learned again.

        Interrupted, it goes on when it is called again. Other processes may use the store meanwhile, with the old encoder; then
        they get `EncoderMismatch` where they search or write, and load the store anew. A gate that was given by a file must fit
        the new encoder too; else the shipped one that fits best is taken.

        Args:
            encoder: a name as for `load`, or an encoder.
            progress: True for a bar, or a function called with (done, total).

        Raises:
            ConfigError: if it can't be loaded, or the given gate isn't for it. Nothing is changed then.
            StoreError: if a change to another encoder is under way, or it can't be written.
        """
        with self._lock:
            new, name = self._named_encoder(encoder)
            gate = self._given_gate
            chosen = gate if isinstance(gate, Gate) else choose_gate(gate, self.texts.fingerprint, new.id)
            with reporting_counts(progress, "Encoding") as report:
                done = reindex(self.store, new.id, new.dim, new.encode, report=report)
            self.store.open_for(new.id, new.dim)
            self.encoder, self._encoder_name = new, name
            self._use(chosen)
        return done

    def export(self, path: str | Path, scope: str | None = None, overwrite: bool = False) -> Exported:
        """Write what a scope holds, with its whole past, to a file that `import_` reads back without loss.

        Args:
            path: of a JSON Lines file.
            scope: whose memories; None for the default.
            overwrite: replace a file that is there.

        Raises:
            ConfigError: if the file is there already or can't be written. Nothing is left half-written.
            NotFound: if the scope is unknown.
        """
        with self._lock:
            return export(self.store, path, self._scope(scope), overwrite=overwrite)

    def import_(self, path: str | Path, scope: str | None = None) -> Imported:
        """Write what an export holds into the store, all or nothing. Items that are there already, by their ids, stay.

        Texts whose vectors are another encoder's are encoded anew; nothing is learned again.

        Args:
            path: of a file that `export` wrote.
            scope: put everything there; None for the scope that it was in.

        Raises:
            InputError: naming the line that breaks a rule.
            StoreError: if it can't be written.
        """
        with self._lock:
            return import_(self.store, path, self.encoder.encode, scope=scope)

    def _hold_budget(self, scope: str) -> None:
        """Prune a scope that has grown beyond the standing budget."""
        if self.budget is not None:
            hold(self.store, scope, self.budget, now=time.time())

    def _use(self, gate: Gate) -> None:
        """Judge by a gate, with the encoder that there is, from now on."""
        raise NotImplementedError

    def _named_encoder(self, encoder: str | Path | Encoder | None) -> tuple[Encoder, str | Path | None]:
        """Return an encoder, and its name unless it was given as an object."""
        if isinstance(encoder, Encoder):
            return encoder, None
        hidden = int(self.model.get_input_embeddings().weight.shape[1])
        return load_encoder(encoder, self.texts, hidden), usual_encoder() if encoder is None else encoder

    def _loads(self) -> "partial[Encoder]":
        """Return what loads the encoder in another process."""
        if self._encoder_name is None or self._encoder_name == HOST:
            got = "an encoder that was given as an object" if self._encoder_name is None else "the host's own states"
            raise ConfigError(
                rule_got_do("Several workers each load the encoder, by its name.", got, 'Use one worker, or encoder="minilm".')
            )
        return partial(encoder_alone, self._encoder_name, "")
