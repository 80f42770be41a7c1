"""GPT-2 with a memory in it: subclasses of transformers' own model, each a thin face over `attach()`."""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel
from transformers.cache_utils import DynamicCache

from .errors import ConfigError, rule_got_do
from .hosts import Handle, attach
from .hosts.families import locate
from .hosts.reader import HostReader
from .memories.base import Memory
from .memories.recurrent import RecurrentMemory
from .memories.recurrent.config import Cell
from .memories.resonance import ResonanceMemory

M = TypeVar("M", bound=Memory)


class _GPT2WithMemory(GPT2LMHeadModel):  # type: ignore[no-untyped-call]
    """What both faces share."""

    _handle: Handle | None = None

    @property
    def handle(self) -> Handle:
        """What `attach` returned.

        Raises:
            ConfigError: if no memory is attached.
        """
        if self._handle is None:
            raise ConfigError(
                rule_got_do(
                    f"A {type(self).__name__} has its memory from from_pretrained_with_memory.",
                    "one made otherwise",
                    "Use that, or attach_memory().",
                )
            )
        return self._handle

    def _attached(self, kind: type[M]) -> M:
        (memory,) = self.handle.memories
        if not isinstance(memory, kind):
            raise ConfigError(
                rule_got_do(f"A {type(self).__name__} holds a {kind.__name__}.", type(memory).__name__, "Attach one of these.")
            )
        return memory

    def attach_memory(self, memory: Memory) -> None:
        """Attach a memory to this model; one that is there already is taken off."""
        if self._handle is not None:
            self._handle.detach()
        self._handle = attach(self, [memory])

    def reset(self, batch_size: int | None = None) -> None:
        """Begin anew: what is kept between calls is dropped.

        Args:
            batch_size: rows of the next batch; None leaves that open.

        Raises:
            ConfigError: if it isn't positive.
        """
        self.handle.reset(batch_size)


class GPT2WithGRUMemory(_GPT2WithMemory):  # type: ignore[no-untyped-call]
    """A GPT-2 language model with a recurrent memory that fades, of any of its sizes.

        model = GPT2WithGRUMemory.from_pretrained_with_memory("gpt2", decay=0.97)
        model.reset(batch_size=1)
        model.generate(**tokenizer("Once", return_tensors="pt"), do_sample=True, temperature=0.8, top_p=0.9)

    Persistent: each `generate` begins from the memory's state at the end of the last one, until `reset`. The text isn't kept.
    """

    persistent: bool = True

    @classmethod
    def from_pretrained_with_memory(
        cls,
        pretrained_model_name_or_path: Any,
        *,
        decay: float = 0.99,
        half_life: float | None = None,
        sites: Sequence[str] = ("middle",),
        size: int = 128,
        persistent: bool = True,
        cell: Cell = "gru",
        segment: int = 1,
        output_gate: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> "GPT2WithGRUMemory":
        """Load a GPT-2 and put an untrained memory into it, which changes nothing until it is trained.

        Args:
            pretrained_model_name_or_path: a folder, or a hub id such as "gpt2-xl", which is then downloaded.
            decay: what stays of the state per token, in (0, 1].
            half_life: the same in tokens; takes the place of `decay`.
            sites: any of "input", "middle", "top".
            size: numbers in the state of a site.
            persistent: whether the state outlives a call of `generate`.
            cell: "gru" or "mingru".
            segment: real tokens per update.
            output_gate: let each token choose what it reads of the state.
            seed: of the initial weights.
            kwargs: for transformers' own `from_pretrained`.

        Raises:
            ConfigError: if a setting can't be used; before anything is loaded.
        """
        memory = RecurrentMemory(sites, size, decay, half_life, cell=cell, segment=segment, seed=seed, output_gate=output_gate)
        model = cls.from_pretrained(pretrained_model_name_or_path, **kwargs)
        model.persistent = persistent
        model.attach_memory(memory)
        return model

    @property
    def memory(self) -> RecurrentMemory:
        """The recurrent memory.

        Raises:
            ConfigError: if none is attached.
        """
        return self._attached(RecurrentMemory)

    def generate(self, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Generate as ever; then, if persistent, keep the memory's state for the next call.

        The state is that after every token of the returned sequences, which are read once more for it.
        """
        keeps = self._handle is not None and self.persistent and self.memory.active()
        ids = inputs if inputs is not None else kwargs.get("input_ids")
        if keeps and ids is None:
            raise ConfigError(
                rule_got_do("A persistent memory reads token ids.", "other inputs", "Pass input_ids, or persistent=False.")
            )
        made: Any = super().generate(inputs, *args, **kwargs)  # type: ignore[misc]  # a mixin's self type
        if keeps and ids is not None:
            self._keep(made if isinstance(made, Tensor) else made.sequences, ids, args, kwargs)
        return made

    @torch.no_grad()
    def _keep(self, sequences: Tensor, prompts: Tensor, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        given = options.get("generation_config", args[0] if args else None) or self.generation_config
        ends, pad = _ids(options.get("eos_token_id", given.eos_token_id)), _ids(options.get("pad_token_id", given.pad_token_id))
        mask = options.get("attention_mask")
        if mask is None:
            # as generate itself does: a pad that is no end is padding
            mask = ~torch.isin(prompts, pad.to(prompts.device)) if len(pad) and not torch.isin(pad, ends).any() else prompts >= 0
        mask = mask.long().repeat_interleave(len(sequences) // len(mask), dim=0)
        written = sequences[:, prompts.shape[1] :]
        # a row that has ended is filled up: behind an end, and with pads at its end where something else ended it
        over = torch.isin(written, ends.to(written.device)).long().cumsum(1)
        went_on = torch.cat([torch.zeros_like(over[:, :1]), over[:, :-1]], dim=1) == 0
        pads = torch.isin(written, pad.to(written.device)) & ~torch.isin(written, ends.to(written.device))
        filler = pads.flip(1).long().cumprod(1).flip(1) == 1
        mask = torch.cat([mask, (went_on & ~filler).long()], dim=1)
        cache = DynamicCache(config=self.config)
        places = (mask.cumsum(1) - 1).clamp(min=0)
        passed: dict[str, Any] = {locate(self).model_cache_name: cache}
        self(input_ids=sequences, attention_mask=mask, position_ids=places, use_cache=True, logits_to_keep=1, **passed)
        (state,) = self.handle.states(cache)
        if state is not None:
            self.memory.carry_on(state)


def _ids(value: Any) -> Tensor:
    """Return one token, several or none as a tensor."""
    listed = [] if value is None else value
    return torch.as_tensor([listed] if isinstance(listed, int) else listed, dtype=torch.long).flatten()


class GPT2AdaptiveResonanceGating(_GPT2WithMemory):  # type: ignore[no-untyped-call]
    """A GPT-2 language model whose states pass a gate of adaptive resonance: what is strange to the memory is damped."""

    @classmethod
    def from_pretrained_with_memory(
        cls,
        pretrained_model_name_or_path: Any,
        *,
        vigilance: float = 0.7,
        capacity: int = 256,
        sites: Sequence[str] = ("top",),
        **kwargs: Any,
    ) -> "GPT2AdaptiveResonanceGating":
        """Load a GPT-2 and put an empty resonance memory into it: it changes nothing until it has learned and its gate is open.

        Args:
            pretrained_model_name_or_path: a folder or a hub id.
            vigilance: match from which a state counts as known, in [0, 1].
            capacity: prototypes at most.
            sites: any of "input", "top", "logits".
            kwargs: for transformers' own `from_pretrained`.

        Raises:
            ConfigError: if a setting can't be used; before anything is loaded.
        """
        memory = ResonanceMemory(sites, capacity, vigilance)
        model = cls.from_pretrained(pretrained_model_name_or_path, **kwargs)
        model.attach_memory(memory)
        return model

    @property
    def memory(self) -> ResonanceMemory:
        """The resonance memory.

        Raises:
            ConfigError: if none is attached.
        """
        return self._attached(ResonanceMemory)

    def observe(self, sequences: Sequence[Sequence[int]]) -> Tensor:
        """Learn prototypes from the states of token sequences, in order; return where each token went.

        Raises:
            InputError: if a sequence is empty or longer than the window.
            ConfigError: if the memory sits at the logits: give it distributions by `memory.observe`.
        """
        (site,) = self.memory.sites()[:1]
        if site.kind == "logits":
            raise ConfigError(rule_got_do("States are read at the input or the top.", site.kind, "Call memory.observe yourself."))
        reader = HostReader(self, None)
        layer = 0 if site.kind == "input" else reader.num_layers
        states = [read.states[layer] for read in reader.read_tokens(sequences, [layer])]
        return self.memory.observe(torch.cat(states))
