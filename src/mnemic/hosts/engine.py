"""The hooks that call memories inside a host's own forward.

Native PyTorch hooks, prepended, so that whoever captures outputs sees what the model used. Cache, mask and token ids are read
once per forward, where they enter the decoder, and handed down in a `Frame`: blocks see the cache under other names, or by place.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers.cache_utils import Cache, DynamicCache

from ..errors import HostNotSupported, ShapeError, rule_got_do
from ..memories.base import Attention, Memory, Site, State, StepContext
from .attention import heads_of, listen
from .calls import (
    Args,
    DecoderCall,
    Kwargs,
    argument,
    positions_of_view,
    read_decoder_call,
    returned_cache,
    under_dynamo,
    with_argument,
)
from .families import Located, reference_weight
from .padding import kept_positions, real_tokens
from .track import HOST, Call, Forward, Track, put_track, track_of

INPUT, TOP, LOGITS = Site("input"), Site("top"), Site("logits")


@dataclass
class Frame:
    """One forward of the decoder, and of the model around it when there is one."""

    engine: "Engine"
    logits_to_keep: int | Tensor | None
    """None where the model's own hooks were passed by: the decoder called by itself, or `model.forward` instead of the model."""
    track: Track | None = None
    """None while no memory takes part."""
    token_ids: Tensor | None = None
    mask: Tensor | None = None
    entry: Forward | None = None
    calls_left: int = 0
    hidden: Tensor | None = None
    """What a decoder called by itself returned: the head may still follow."""
    stop_listening: Callable[[], None] | None = None
    """Ends what makes attention a site, while a memory that reads it takes part."""
    sits_out: bool = False
    """Nobody takes part in sequences that begin here, in a cache that the decoder makes itself."""


_frame: ContextVar[Frame | None] = ContextVar("mnemic_frame", default=None)
_disabled: ContextVar[tuple[int, ...]] = ContextVar("mnemic_disabled", default=())


class Engine:
    """Calls the memories of one `attach` at their sites."""

    def __init__(self, model: nn.Module, parts: Located, memories: Sequence[Memory]) -> None:
        self.model = model
        self.parts = parts
        self.memories = tuple(memories)
        self._sites: dict[Site, list[int]] = {}
        for index, memory in enumerate(self.memories):
            for site in memory.sites():
                self._sites.setdefault(self._checked(site, memory), []).append(index)
        self._decoder_arguments = tuple(inspect.signature(parts.decoder.forward).parameters)
        self._model_arguments = tuple(inspect.signature(model.forward).parameters)
        self._config: Any = parts.decoder.config
        self._block_of = {module: i for i, block in enumerate(parts.blocks) for module in block.modules()}
        self._placed: tuple[torch.device, torch.dtype] | None = None
        self._hooks: list[RemovableHandle] = []

    # -- life ------------------------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Register the hooks. Only modules at which some memory has a site are touched, besides model and decoder."""
        self._place()
        add = self._hooks.append
        add(self.model.register_forward_pre_hook(self._before_model, with_kwargs=True, prepend=True))
        add(self.model.register_forward_hook(self._after_model, always_call=True, prepend=True))
        add(self.parts.decoder.register_forward_pre_hook(self._before_decoder, with_kwargs=True, prepend=True))
        add(self.parts.decoder.register_forward_hook(self._after_decoder, always_call=True, prepend=True))
        after: dict[nn.Module, list[Site]] = {}
        if INPUT in self._sites and self.parts.entry is not None:
            after[self.parts.entry] = [INPUT]
        elif INPUT in self._sites:
            add(self.parts.blocks[0].register_forward_pre_hook(self._at_input, with_kwargs=True, prepend=True))
        for index, block in enumerate(self.parts.blocks):
            if Site("block", index) in self._sites:
                after.setdefault(block, []).append(Site("block", index))
        if TOP in self._sites:
            after.setdefault(self.parts.norm or self.parts.blocks[-1], []).append(TOP)
        for module, sites in after.items():
            add(module.register_forward_hook(partial(self._at_output, tuple(sites)), prepend=True))
        if LOGITS in self._sites:
            add(self.parts.head.register_forward_hook(self._at_logits, prepend=True))

    def remove(self) -> None:
        """Remove every hook."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Turn the hooks off in this thread (or asynchronous task) until the block ends."""
        token = _disabled.set((*_disabled.get(), id(self)))
        try:
            yield
        finally:
            _disabled.reset(token)

    def _off(self) -> bool:
        return id(self) in _disabled.get()

    @property
    def device(self) -> torch.device:
        """Where the host is now."""
        return reference_weight(self.parts.decoder).device

    @property
    def dtype(self) -> torch.dtype:
        """The host's floating point type now."""
        return reference_weight(self.parts.decoder).dtype

    def _checked(self, site: Site, memory: Memory) -> Site:
        blocks = len(self.parts.blocks)
        known = site in (INPUT, TOP, LOGITS) or (site.kind in ("block", "attention") and site.index in range(blocks))
        if not known:
            raise HostNotSupported(
                rule_got_do(
                    f"A site is input, top, logits, or a block or an attention from 0 to {blocks - 1}.",
                    f"{tuple(site)} of memory {memory.name!r}",
                    "Choose another site.",
                )
            )
        if site.kind == "attention" and heads_of(self.parts.decoder.config, self.parts) is None:
            raise HostNotSupported(
                rule_got_do(
                    "Attention is a site where transformers looks its function up by name, sdpa or eager, and caps no score.",
                    f"memory {memory.name!r} on a {self.parts.family} host",
                    "Leave that memory out.",
                )
            )
        return site

    # -- a forward -------------------------------------------------------------------------------------------------------------

    def _before_model(self, module: nn.Module, args: Args, kwargs: Kwargs) -> None:
        if self._off():
            return
        keep = argument(self._model_arguments, args, kwargs, "logits_to_keep")
        _frame.set(Frame(engine=self, logits_to_keep=0 if keep is None else keep))

    def _after_model(self, module: nn.Module, args: Args, output: object) -> None:
        frame = self._current()
        if frame is not None:
            _frame.set(None)
            self._close(frame, failed=output is None)

    def _before_decoder(self, module: nn.Module, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs] | None:
        if self._off():
            return None
        if under_dynamo():
            raise HostNotSupported(
                rule_got_do(
                    "A memory's hooks run outside of torch.compile.",
                    f"a compiled {type(self.model).__name__}",
                    "Use the model uncompiled, or pass disable_compile=True to generate.",
                )
            )
        frame = self._current()
        if frame is None or frame.logits_to_keep is None:
            frame = Frame(engine=self, logits_to_keep=None)
            _frame.set(frame)
        call = read_decoder_call(self._decoder_arguments, args, kwargs, self.parts.cache_name)
        taking_part = [index for index, memory in enumerate(self.memories) if memory.active()]
        caching = call.cache is not None or self._caching(call)
        if call.cache is None and not taking_part:
            frame.sits_out = caching
            return None
        cache, changed = call.cache, None
        if cache is None and caching:
            # the decoder would make this very cache below our reach; made here, state survives plain forwards too
            cache = DynamicCache(config=self._config)
            changed = with_argument(self._decoder_arguments, args, kwargs, call.cache_name, cache)
        track = self._begin(Track(self, self.memories), call, taking_part) if cache is None else None
        if cache is not None:
            track = self._resume(cache, call, taking_part)
        if track is not None and track.states:
            self._open(frame, track, call, cached=cache is not None)
            if any(site.kind == "attention" and set(indices) & set(track.states) for site, indices in self._sites.items()):
                frame.stop_listening = listen(self._config, self._at_attention)
        return changed

    def _after_decoder(self, module: nn.Module, args: Args, output: Any) -> None:
        frame = self._current()
        if frame is None:
            return
        if frame.stop_listening is not None:
            frame.stop_listening()
            frame.stop_listening = None
        if frame.sits_out:
            self._sit_out(output)
        if frame.logits_to_keep is not None:
            return
        track = frame.track
        if output is not None and track is not None and any(index in track.states for index in self._sites.get(LOGITS, ())):
            # peft, for one, calls model.forward: then the head is next. A cache that goes on without it can't be continued
            frame.hidden = output[0]
            return
        _frame.set(None)
        self._close(frame, failed=output is None)

    def _sit_out(self, output: Any) -> None:
        """Note on the cache that the decoder made itself that no memory took part from its beginning."""
        cache = returned_cache(output)
        if isinstance(cache, Cache) and track_of(cache) is None:
            put_track(cache, Track(self, self.memories, begun=True))

    def _current(self) -> Frame | None:
        """Return the frame of the forward that is running; None while disabled, as for a base forward that a memory asks for."""
        frame = _frame.get()
        return frame if frame is not None and frame.engine is self and not self._off() else None

    def _caching(self, call: DecoderCall) -> bool:
        """Whether the host will use a cache in this forward, given or not."""
        wanted = call.use_cache if call.use_cache is not None else getattr(self._config, "use_cache", False)
        if not (getattr(self.parts.decoder, "gradient_checkpointing", False) and self.parts.decoder.training):
            return bool(wanted)
        if call.use_cache:
            raise HostNotSupported(
                rule_got_do(
                    "Gradient checkpointing drops the cache, and with it the memory's state.",
                    "use_cache=True while checkpointing",
                    "Pass use_cache=False.",
                )
            )
        return False

    def _resume(self, cache: Cache, call: DecoderCall, taking_part: list[int]) -> Track:
        """Return the cache's track, begun if the cache is empty."""
        track = track_of(cache)
        length = int(cache.get_seq_length())
        if track is not None and track.begun:
            if track.states and (track.owner is not self or track.seen != length):
                raise HostNotSupported(
                    rule_got_do(
                        "A cache is continued with the memory that has seen all of its tokens.",
                        f"{length} cached tokens, {track.seen if track.owner is self else 0} seen by this memory",
                        "Start a new cache, or pass every token of it through this model with memory on.",
                    )
                )
            return track
        if length > 0 and taking_part:
            raise HostNotSupported(
                rule_got_do(
                    "A prefilled cache must carry the memory's state.",
                    f"a cache of {length} tokens made without memory",
                    "Prefill it with the memory attached, or start a new cache.",
                )
            )
        if track is None or track.owner is not self:
            track = Track(self, self.memories)
            put_track(cache, track)
        return self._begin(track, call, taking_part)

    def _begin(self, track: Track, call: DecoderCall, taking_part: list[int]) -> Track:
        """Decide who takes part, and make the states of new sequences."""
        if not taking_part:
            track.begun = True
            return track
        self._place()
        states: dict[int, State] = {HOST: {"ended": torch.zeros(call.rows, dtype=torch.bool, device=call.device)}}
        mask = real_tokens(call.attention_mask, call.rows, call.width, 0, call.device)
        for index in taking_part:
            state = self.memories[index].begin(call.token_ids, mask)
            for name, tensor in state.items():
                if tensor.ndim == 0 or tensor.shape[0] != call.rows:
                    raise ShapeError(
                        rule_got_do(
                            "Dimension 0 of every state tensor is the batch row.",
                            f"{tuple(tensor.shape)} for {call.rows} rows in {name!r} of memory {self.memories[index].name!r}",
                            "Return one state per row from begin().",
                        )
                    )
            states[index] = state
        track.states, track.begun = states, True
        return track

    def _open(self, frame: Frame, track: Track, call: DecoderCall, *, cached: bool) -> None:
        # one token is never cut in half: nothing to keep for a replay
        frame.entry = track.start(call.width, [] if cached and call.width > 1 else None)
        ended = track.states[HOST]["ended"]
        if ended.shape[0] != call.rows:
            raise ShapeError(
                rule_got_do(
                    "A cache is continued with as many rows as it has.",
                    f"{call.rows} rows for a cache of {ended.shape[0]}",
                    "Select or repeat the cache's rows first.",
                )
            )
        frame.track = track
        frame.token_ids = call.token_ids
        mask = real_tokens(call.attention_mask, call.rows, call.width, track.seen, call.device)
        frame.calls_left = sum(index in track.states for indices in self._sites.values() for index in indices)
        frame.mask = self._without_filler(track, call.token_ids, mask)

    def _without_filler(self, track: Track, tokens: Tensor | None, mask: Tensor) -> Tensor:
        """Take out what `generate` feeds to finished rows: pads with mask 1, after the row's end token.

        Rows of one-token steps only (a prompt may hold end tokens, and the pad is often one of them), never a row alone.
        """
        ends, pad = self._end_tokens()
        if pad is None or track.seen == 0 or tokens is None or tokens.shape[1] != 1 or tokens.shape[0] == 1:
            return mask
        token, ended = tokens[:, 0], track.states[HOST]["ended"]
        filler = ended & (token == pad)
        is_end = torch.zeros_like(ended)
        for end in ends:
            is_end |= token == end
        track.states[HOST] = {"ended": filler | is_end}
        return mask & ~filler[:, None]

    def _end_tokens(self) -> tuple[list[int], int | None]:
        """Return the host's end tokens and what `generate` pads finished rows with."""
        config: Any = getattr(self.model, "generation_config", None) or self.model.config
        ends = config.eos_token_id
        ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        pad = config.pad_token_id
        return ends, pad if pad is not None else (ends[0] if ends else None)

    def _close(self, frame: Frame, *, failed: bool) -> None:
        """Commit a complete forward; what a failed one did to the states, the track undoes when it is used again."""
        if frame.track is None or frame.entry is None or failed:
            return
        if frame.calls_left:
            raise HostNotSupported(
                rule_got_do(
                    "Every site of a memory is passed in every forward.",
                    f"{frame.calls_left} sites left out (layer drop, early exit, or a fused head)",
                    "Turn that off, or detach the memory.",
                )
            )
        frame.track.advance()

    def _place(self) -> None:
        """Move the memories to where the host is; after `model.to(...)` too."""
        weight = reference_weight(self.parts.decoder)
        here = (weight.device, weight.dtype)
        if self._placed == here:
            return
        for memory in self.memories:
            memory.to(device=here[0], dtype=memory.parameter_dtype or here[1])
        self._placed = here

    # -- sites -----------------------------------------------------------------------------------------------------------------

    def _at(self, site: Site, x: Tensor, kept: Tensor) -> Tensor:
        """Pass `x` through the memories of a site. `kept` is 1-D."""
        frame = self._current()
        if frame is None or frame.track is None or frame.entry is None or frame.mask is None:
            return x
        context = StepContext(site=site, token_ids=frame.token_ids, mask=frame.mask, kept=kept)
        states = frame.track.states
        for index in self._sites[site]:
            if index not in states:
                continue
            if frame.entry.calls is not None:
                frame.entry.calls.append(Call(index, x, context))
            x, states[index] = self._step(index, x, states[index], context)
            frame.calls_left -= 1
        return x

    def _step(self, index: int, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        changed, state = self.memories[index].step(x, state, context)
        if changed.shape != x.shape or changed.dtype != x.dtype:
            raise ShapeError(
                rule_got_do(
                    "A memory returns activations of the shape and type it was given.",
                    f"{tuple(changed.shape)} {changed.dtype} for {tuple(x.shape)} {x.dtype} from {self.memories[index].name!r}",
                    "Cast and shape the result of step().",
                )
            )
        return changed, state

    def _at_input(self, module: nn.Module, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs] | None:
        frame = self._current()
        if frame is None or frame.track is None:
            return None
        if args:
            return (self._at(INPUT, args[0], self._positions(args[0])), *args[1:]), kwargs
        hidden = kwargs["hidden_states"]
        return args, {**kwargs, "hidden_states": self._at(INPUT, hidden, self._positions(hidden))}

    def _at_output(self, sites: tuple[Site, ...], module: nn.Module, args: Args, output: Any) -> Any:
        frame = self._current()
        if frame is None or frame.track is None:
            return None
        hidden = output[0] if isinstance(output, tuple) else output
        for site in sites:
            hidden = self._at(site, hidden, self._positions(hidden))
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    def _at_attention(self, module: nn.Module, values: Tensor, output: Tensor, attention: Attention) -> Tensor:
        frame = self._current()
        if frame is None or frame.track is None:
            return output
        site = Site("attention", self._block_of[module])
        for index in self._sites.get(site, ()):
            if index in frame.track.states:
                output = self.memories[index].attend(output, frame.track.states[index], attention, site)
                frame.calls_left -= 1
        return output

    def _at_logits(self, module: nn.Module, args: Args, logits: Tensor) -> Tensor | None:
        frame = self._current()
        if frame is None or frame.track is None or frame.entry is None or frame.mask is None:
            return None
        if frame.hidden is not None:
            changed = self._at(LOGITS, logits, positions_of_view(frame.hidden, args[0]))
            _frame.set(None)
            self._close(frame, failed=False)
            return changed
        kept = kept_positions(0 if frame.logits_to_keep is None else frame.logits_to_keep, frame.mask.shape[1], logits.device)
        if kept.ndim == 1:
            return self._at(LOGITS, logits, kept)
        # rows that differ can't be replayed together: the middle of this forward can't be returned to
        frame.entry.calls = None
        return self._by_row(frame, frame.track, frame.mask, logits, kept)

    def _by_row(self, frame: Frame, track: Track, mask: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        """Do the logits site row by row, for forms of `logits_to_keep` that differ between rows."""
        boolean = kept.dtype == torch.bool
        positions = [row.nonzero()[:, 0] if boolean else row for row in kept]
        pieces = list(torch.split(logits, [len(row) for row in positions])) if boolean else list(logits.unbind())
        for index in self._sites[LOGITS]:
            if index not in track.states:
                continue
            states: list[State] = []
            for row, where in enumerate(positions):
                one = slice(row, row + 1)
                context = StepContext(
                    site=LOGITS,
                    token_ids=None if frame.token_ids is None else frame.token_ids[one],
                    mask=mask[one],
                    kept=where,
                )
                state = {name: tensor[one] for name, tensor in track.states[index].items()}
                changed, state = self._step(index, pieces[row][None], state, context)
                pieces[row] = changed[0]
                states.append(state)
            track.states[index] = {name: torch.cat([state[name] for state in states]) for name in states[0]}
            frame.calls_left -= 1
        return torch.cat(pieces) if boolean else torch.stack(pieces)

    @staticmethod
    def _positions(hidden: Tensor) -> Tensor:
        return torch.arange(hidden.shape[1], device=hidden.device)
