"""Read the states and losses that a host has for texts, fast and without memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError, InputError, rule_got_do
from .families import HostParts, locate, reference_weight
from .handle import engine_of
from .prefix import KEPT, PrefixCaches

BATCH_TOKENS = 512
"""Padded tokens per batch: bounds the logits in memory, and is large enough that a block's matrix products are efficient."""
CACHED_TOKENS = 4096
"""Tokens in the caches of a batch that is read behind a prefix, which every row holds for itself."""


@dataclass(frozen=True, kw_only=True)
class TextStates:
    """What a host makes of one text of n tokens. Everything is on the CPU, in float32."""

    token_ids: tuple[int, ...]
    states: Mapping[int, Tensor]
    """`[n, D]` by layer: 0 is the first block's input, l the output of block l, the last one after the final norm."""
    losses: Tensor | None = None
    """`[n-1]`, nats: -log p(token i+1 | tokens 0..i). Only where asked for."""
    last_logprobs: Tensor | None = None
    """`[V]`: log-probabilities of the token after the text. Only where asked for."""


class _Enough(Exception):
    """Raised inside a forward when the last block asked for has been seen."""


class HostReader:
    """Reads texts through a model as it is without memory, whatever is attached to it.

    Batches are padded on the right and depend on the lengths of the texts alone.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, parts: HostParts | None = None) -> None:
        """Prepare to read.

        Args:
            model: a causal language model that `attach` supports.
            tokenizer: its tokenizer.
            parts: as for `attach`.

        Raises:
            HostNotSupported: as `attach`.
        """
        self.model = model
        self.tokenizer = tokenizer
        self._parts = locate(model, parts)
        self._prefixes = PrefixCaches(model)
        self._prefix_tokens: dict[str, list[int]] = {}
        self._plain_head: bool | None = None
        config: Any = model.config
        self.window: int | None = getattr(config, "max_position_embeddings", None)
        """The longest text in tokens; None for a model that states none."""

    @property
    def num_layers(self) -> int:
        """Number of blocks: the layer whose states are after the final norm."""
        return len(self._parts.blocks)

    def forget_prefixes(self) -> None:
        """Read prefixes anew: after weights were changed in a way that leaves no trace (`weight.data`, a switched adapter)."""
        self._prefixes.forget()
        self._prefix_tokens.clear()

    def read(
        self,
        texts: Sequence[str],
        layers: Sequence[int] = (),
        *,
        losses: bool = False,
        last_logprobs: bool = False,
        prefix: str = "",
    ) -> list[TextStates]:
        """Return the states of every text, in order.

        Args:
            texts: with special tokens added exactly as the tokenizer adds them; after a prefix, without any.
            layers: 0 to `num_layers`, see `TextStates.states`. Without losses and log-probabilities the forward stops after the
                last of them, and the head isn't run.
            losses: also return the loss of every token.
            last_logprobs: also return the distribution of the token after each text.
            prefix: what the model reads before each text. It is run once and kept, and isn't part of what is returned.

        Raises:
            InputError: if a text is empty or, with the prefix, longer than the model's window.
            ConfigError: for a layer that isn't there.
            HostNotSupported: for a prefix before texts on a model without a cache.
        """
        before = self.prefix_tokens(prefix)
        sequences = [self._tokens(text, special=not prefix) for text in texts]
        return self.read_tokens(sequences, layers, losses=losses, last_logprobs=last_logprobs, prefix=before)

    def read_tokens(
        self,
        sequences: Sequence[Sequence[int]],
        layers: Sequence[int] = (),
        *,
        losses: bool = False,
        last_logprobs: bool = False,
        prefix: Sequence[int] = (),
    ) -> list[TextStates]:
        """Return the same for texts that are tokens already; nothing is added to them.

        Raises:
            InputError: if a sequence is empty or longer than the model's window.
            ConfigError: for a layer that isn't there.
        """
        wanted = self._layers(layers)
        for sequence in sequences:
            self._check_length(sequence, len(prefix))
        results: dict[int, TextStates] = {}
        for batch in _batches([len(sequence) for sequence in sequences], len(prefix)):
            read = self._read_batch([sequences[index] for index in batch], wanted, losses, last_logprobs, prefix)
            results.update(zip(batch, read, strict=True))
        return [results[index] for index in range(len(sequences))]

    @torch.inference_mode()
    def after(self, states: Tensor) -> Tensor | None:
        """Return `[k, V]` log-probabilities after each of `[k, D]` states of the last layer, without another pass.

        None as long as it isn't known that this host's logits are its head's output and no more (some are capped or scaled); that
        is looked at when texts are read with losses and the last layer.
        """
        if not self._plain_head:
            return None
        weight = reference_weight(self._parts.decoder)
        logits: Tensor = self._parts.head(states.to(weight.device, weight.dtype))
        return logits.float().log_softmax(-1).cpu()

    def _says(self, states: Tensor, logits: Tensor) -> bool:
        """Return whether logits are what the head makes of states of the last layer."""
        head = self._parts.head
        if not isinstance(head, nn.Linear) or head.in_features != states.shape[-1]:
            return False
        # both were computed from the same numbers, in other shapes: they differ by rounding at most
        return torch.allclose(head(states).float(), logits.float(), rtol=1e-2, atol=1e-2)

    def prefix_tokens(self, prefix: str) -> Sequence[int]:
        """Return a prefix as `read` takes it, for `read_tokens`; one that was read before isn't tokenised again."""
        if not prefix:
            return ()
        if prefix not in self._prefix_tokens:
            while len(self._prefix_tokens) >= KEPT:
                del self._prefix_tokens[next(iter(self._prefix_tokens))]
            self._prefix_tokens[prefix] = self._tokens(prefix)
        return self._prefix_tokens[prefix]

    def _tokens(self, text: str, *, special: bool = True) -> list[int]:
        if not isinstance(text, str):
            raise InputError(rule_got_do("A text is a str.", type(text).__name__, "Decode it first."))
        # the window is checked here, with a remedy: the tokenizer would only warn
        options = {} if special else {"add_special_tokens": False}
        encoded: list[int] = self.tokenizer(text, verbose=False, **options)["input_ids"]
        return encoded

    def _check_length(self, sequence: Sequence[int], before: int) -> None:
        if len(sequence) == 0:
            raise InputError(rule_got_do("A text has at least one token.", "an empty text", "Leave it out."))
        if self.window is not None and len(sequence) + before > self.window:
            beside = f" beside the {before} that are read before it" if before else ""
            raise InputError(
                rule_got_do(
                    f"A text fits the model's window of {self.window} tokens{beside}; nothing is cut off silently.",
                    f"{len(sequence)} tokens",
                    "Split the text.",
                )
            )

    def _layers(self, layers: Sequence[int]) -> tuple[int, ...]:
        wrong = [layer for layer in layers if layer not in range(self.num_layers + 1)]
        if wrong:
            raise ConfigError(rule_got_do(f"Layers go from 0 to {self.num_layers}.", wrong, "Choose among those."))
        return tuple(dict.fromkeys(layers))

    def _read_batch(
        self,
        sequences: Sequence[Sequence[int]],
        layers: tuple[int, ...],
        losses: bool,
        last_logprobs: bool,
        prefix: Sequence[int],
    ) -> list[TextStates]:
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        width = int(lengths.max())
        tokens = torch.zeros(len(sequences), width, dtype=torch.long)
        for row, sequence in enumerate(sequences):
            tokens[row, : len(sequence)] = torch.as_tensor(sequence)
        mask = (torch.arange(width) < lengths[:, None]).long()
        engine = engine_of(self.model)
        device = reference_weight(self._parts.decoder).device
        was_training = self.model.training
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(engine.disabled() if engine is not None else nullcontext())
            if was_training:
                self.model.eval()
                stack.callback(self.model.train)
            whole = losses or last_logprobs
            inputs = self._inputs(tokens.to(device), mask.to(device), prefix, whole=whole)
            seen, logits = self._forward(inputs, lengths, layers, losses, last_logprobs)
            states = {layer: hidden.float().cpu() for layer, hidden in seen.items()}
            nats = last = None
            if losses and logits is not None:
                nats = _losses(logits, tokens.to(device)).cpu()
                if self._plain_head is None and self.num_layers in seen:
                    self._plain_head = self._says(seen[self.num_layers][:1, :1], logits[:1, :1])
            if last_logprobs and logits is not None:
                places = lengths - 1 if losses else torch.unique(lengths - 1, return_inverse=True)[1]
                ends = logits[torch.arange(len(sequences)), places]
                last = ends.float().log_softmax(-1).cpu()
        # outside of inference mode, a clone is an ordinary tensor again
        return [
            TextStates(
                token_ids=tuple(sequence),
                states={layer: hidden[row, : len(sequence)].clone() for layer, hidden in states.items()},
                losses=None if nats is None else nats[row, : len(sequence) - 1].clone(),
                last_logprobs=None if last is None else last[row].clone(),
            )
            for row, sequence in enumerate(sequences)
        ]

    def _inputs(self, tokens: Tensor, mask: Tensor, prefix: Sequence[int], *, whole: bool) -> dict[str, Any]:
        """Return what the `whole` model, or the decoder, is called with: the texts, behind the prefix if there is one."""
        if not prefix:
            return {"input_ids": tokens, "attention_mask": mask, "use_cache": False}
        cache = self._prefixes.rows(prefix, len(tokens), self._parts.decoder)
        mask = torch.cat([mask.new_ones(len(mask), len(prefix)), mask], dim=1)
        name = self._parts.model_cache_name if whole else self._parts.cache_name
        return {"input_ids": tokens, "attention_mask": mask, name: cache, "use_cache": True}

    def _forward(
        self, inputs: dict[str, Any], lengths: Tensor, layers: tuple[int, ...], losses: bool, last_logprobs: bool
    ) -> tuple[dict[int, Tensor], Tensor | None]:
        with self._collect(layers, stop=not (losses or last_logprobs)) as seen:
            if losses:
                return seen, self.model(**inputs).logits
            if last_logprobs:
                # columns that any row ends in: a column for each row by itself isn't taken by every release of transformers
                last = torch.unique(lengths - 1).to(inputs["input_ids"].device)
                return seen, self.model(**inputs, logits_to_keep=last).logits
            if layers:
                self._run_decoder(inputs)
            return seen, None

    def _run_decoder(self, inputs: dict[str, Any]) -> None:
        try:
            self._parts.decoder(**inputs)
        except _Enough:
            return

    @contextmanager
    def _collect(self, layers: tuple[int, ...], *, stop: bool) -> Iterator[dict[int, Tensor]]:
        """Collect the states of `layers` in the dict it yields; `stop`: break off after the last one."""
        seen: dict[int, Tensor] = {}

        def keep(layer: int, hidden: Tensor) -> None:
            seen[layer] = hidden
            if stop and len(seen) == len(layers):
                raise _Enough

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            keep(0, args[0] if args else kwargs["hidden_states"])

        def after(layer: int) -> Any:
            def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
                keep(layer, output[0] if isinstance(output, tuple) else output)

            return hook

        with ExitStack() as stack:
            for layer in layers:
                if layer == 0:
                    hook = self._parts.blocks[0].register_forward_pre_hook(before, with_kwargs=True)
                elif layer == self.num_layers:
                    hook = (self._parts.norm or self._parts.blocks[-1]).register_forward_hook(after(layer))
                else:
                    hook = self._parts.blocks[layer - 1].register_forward_hook(after(layer))
                stack.callback(hook.remove)
            yield seen


def _losses(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return `[B, T-1]` nats."""
    # the last position's loss is thrown away: leaving it out before would copy the logits
    after = tokens.roll(-1, dims=1).flatten()
    nats = nn.functional.cross_entropy(logits.flatten(0, 1).float(), after, reduction="none")
    return nats.view(tokens.shape)[:, :-1]


def _batches(lengths: Sequence[int], before: int = 0) -> Iterator[list[int]]:
    """Group indices by length, longest first, into batches of at most `BATCH_TOKENS` padded tokens (or one text).

    Behind a prefix of `before` tokens, rows hold at most `CACHED_TOKENS` together.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batch: list[int] = []
    for index in order:
        width, rows = lengths[batch[0]] if batch else 0, len(batch) + 1
        if batch and (width * rows > BATCH_TOKENS or (before and (before + width) * rows > CACHED_TOKENS)):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
