"""The hooks that call memories inside a host's own forward.

Native PyTorch hooks, prepended, so that whoever captures outputs sees what the model used. Cache, mask and token ids are read
once per forward, where they enter the decoder, and handed down in a `Frame`: blocks see the cache under other names, or by place.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers.cache_utils import Cache, DynamicCache

from ..errors import HostNotSupported, ShapeError, rule_got_do
from ..memories.base import Memory, Site, State, StepContext
from .families import Located, reference_weight
from .padding import kept_positions, real_tokens
from .track import HOST, Call, Forward, Track, put_track, track_of

INPUT, TOP, LOGITS = Site("input"), Site("top"), Site("logits")

_Args = tuple[Any, ...]
_Kwargs = dict[str, Any]


@dataclass
class Frame:
    """One forward of the decoder, and of the model around it when there is one."""

    engine: "Engine"
    logits_to_keep: int | Tensor | None
    """None when the decoder was called by itself."""
    track: Track | None = None
    """None while no memory takes part."""
    token_ids: Tensor | None = None
    mask: Tensor | None = None
    entry: Forward | None = None
    calls_left: int = 0
    sits_out: bool = False
    """Nobody takes part in sequences that begin here, in a cache that the decoder makes itself."""


_frame: ContextVar[Frame | None] = ContextVar("mnemic_frame", default=None)
_disabled: ContextVar[tuple[int, ...]] = ContextVar("mnemic_disabled", default=())


class _Inputs(NamedTuple):
    token_ids: Tensor | None
    rows: int
    width: int
    attention_mask: object
    cache: Cache | None
    use_cache: bool | None
    device: torch.device


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
        known = site in (INPUT, TOP, LOGITS) or (site.kind == "block" and site.index in range(blocks))
        if not known:
            raise HostNotSupported(
                rule_got_do(
                    f"A site is input, top, logits or a block from 0 to {blocks - 1}.",
                    f"{tuple(site)} of memory {memory.name!r}",
                    "Choose another site.",
                )
            )
        return site

    # -- a forward -------------------------------------------------------------------------------------------------------------

    def _before_model(self, module: nn.Module, args: _Args, kwargs: _Kwargs) -> None:
        if self._off():
            return
        keep = _argument(self._model_arguments, args, kwargs, "logits_to_keep")
        _frame.set(Frame(engine=self, logits_to_keep=0 if keep is None else keep))

    def _after_model(self, module: nn.Module, args: _Args, output: object) -> None:
        frame = self._current()
        if frame is not None:
            _frame.set(None)
            self._close(frame, failed=output is None)

    def _before_decoder(self, module: nn.Module, args: _Args, kwargs: _Kwargs) -> tuple[_Args, _Kwargs] | None:
        if self._off():
            return None
        if _under_dynamo():
            raise HostNotSupported(
                rule_got_do(
                    "A memory's hooks run outside of torch.compile.",
                    f"a compiled {type(self.model).__name__}",
                    "Use the model uncompiled, or pass disable_compile=True to generate.",
                )
            )
        frame = self._current()
        if frame is None:
            frame = Frame(engine=self, logits_to_keep=None)
            _frame.set(frame)
        inputs = self._read(args, kwargs)
        taking_part = [index for index, memory in enumerate(self.memories) if memory.active()]
        caching = inputs.cache is not None or self._caching(inputs)
        if inputs.cache is None and not taking_part:
            frame.sits_out = caching
            return None
        cache, changed = inputs.cache, None
        if cache is None and caching:
            # the decoder would make this very cache below our reach; made here, state survives plain forwards too
            cache = DynamicCache(config=self._config)
            changed = _with_argument(self._decoder_arguments, args, kwargs, "past_key_values", cache)
        track = self._begin(Track(self, self.memories), inputs, taking_part) if cache is None else None
        if cache is not None:
            track = self._resume(cache, inputs, taking_part)
        if track is not None and track.states:
            self._open(frame, track, inputs, cached=cache is not None)
        return changed

    def _after_decoder(self, module: nn.Module, args: _Args, output: object) -> None:
        frame = self._current()
        if frame is not None and frame.sits_out:
            self._sit_out(output)
        if frame is not None and frame.logits_to_keep is None:
            _frame.set(None)
            # by itself, a decoder never reaches the head: a cache that goes through it alone can't be continued with memory
            self._close(frame, failed=output is None or LOGITS in self._sites)

    def _sit_out(self, output: Any) -> None:
        """Note on the cache that the decoder made itself that no memory took part from its beginning."""
        cache = getattr(output, "past_key_values", None)
        if isinstance(cache, Cache) and track_of(cache) is None:
            put_track(cache, Track(self, self.memories, begun=True))

    def _current(self) -> Frame | None:
        """Return the frame of the forward that is running; None while disabled, as for a base forward that a memory asks for."""
        frame = _frame.get()
        return frame if frame is not None and frame.engine is self and not self._off() else None

    def _read(self, args: _Args, kwargs: _Kwargs) -> _Inputs:
        token_ids = _argument(self._decoder_arguments, args, kwargs, "input_ids")
        embeds = _argument(self._decoder_arguments, args, kwargs, "inputs_embeds")
        source = token_ids if token_ids is not None else embeds
        if not isinstance(source, Tensor):
            raise HostNotSupported(rule_got_do("A forward is given input_ids or inputs_embeds.", "neither", "Pass one of them."))
        if token_ids is not None:
            token_ids = token_ids if token_ids.ndim == 2 else token_ids.reshape(-1, token_ids.shape[-1])
            source = token_ids
        rows, width = source.shape[0], source.shape[1]
        cache = _argument(self._decoder_arguments, args, kwargs, "past_key_values")
        if cache is not None and not isinstance(cache, Cache):
            raise HostNotSupported(
                rule_got_do("past_key_values is a transformers Cache.", type(cache).__name__, "Pass a DynamicCache.")
            )
        return _Inputs(
            token_ids=token_ids,
            rows=rows,
            width=width,
            attention_mask=_argument(self._decoder_arguments, args, kwargs, "attention_mask"),
            cache=cache,
            use_cache=_argument(self._decoder_arguments, args, kwargs, "use_cache"),
            device=source.device,
        )

    def _caching(self, inputs: _Inputs) -> bool:
        """Whether the host will use a cache in this forward, given or not."""
        wanted = inputs.use_cache if inputs.use_cache is not None else getattr(self._config, "use_cache", False)
        if not (getattr(self.parts.decoder, "gradient_checkpointing", False) and self.parts.decoder.training):
            return bool(wanted)
        if inputs.use_cache:
            raise HostNotSupported(
                rule_got_do(
                    "Gradient checkpointing drops the cache, and with it the memory's state.",
                    "use_cache=True while checkpointing",
                    "Pass use_cache=False.",
                )
            )
        return False

    def _resume(self, cache: Cache, inputs: _Inputs, taking_part: list[int]) -> Track:
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
        return self._begin(track, inputs, taking_part)

    def _begin(self, track: Track, inputs: _Inputs, taking_part: list[int]) -> Track:
        """Decide who takes part, and make the states of new sequences."""
        track.begun = True
        if not taking_part:
            return track
        self._place()
        mask = real_tokens(inputs.attention_mask, inputs.rows, inputs.width, 0, inputs.device)
        for index in taking_part:
            state = self.memories[index].begin(inputs.token_ids, mask)
            for name, tensor in state.items():
                if tensor.ndim == 0 or tensor.shape[0] != inputs.rows:
                    raise ShapeError(
                        rule_got_do(
                            "Dimension 0 of every state tensor is the batch row.",
                            f"{tuple(tensor.shape)} for {inputs.rows} rows in {name!r} of memory {self.memories[index].name!r}",
                            "Return one state per row from begin().",
                        )
                    )
            track.states[index] = state
        track.states[HOST] = {"ended": torch.zeros(inputs.rows, dtype=torch.bool, device=inputs.device)}
        return track

    def _open(self, frame: Frame, track: Track, inputs: _Inputs, *, cached: bool) -> None:
        self._place()
        ended = track.states[HOST]["ended"]
        if ended.shape[0] != inputs.rows:
            raise ShapeError(
                rule_got_do(
                    "A cache is continued with as many rows as it has.",
                    f"{inputs.rows} rows for a cache of {ended.shape[0]}",
                    "Select or repeat the cache's rows first.",
                )
            )
        frame.track = track
        frame.token_ids = inputs.token_ids
        mask = real_tokens(inputs.attention_mask, inputs.rows, inputs.width, track.seen, inputs.device)
        # one token is never cut in half: nothing to keep for a replay
        frame.entry = Forward(inputs.width, dict(track.states), [] if cached and inputs.width > 1 else None)
        frame.calls_left = sum(index in track.states for indices in self._sites.values() for index in indices)
        frame.mask = self._without_filler(track, inputs.token_ids, mask)

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
        """Commit a complete forward. After a failed one the cache's length tells that memory and cache have parted."""
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
        frame.track.advance(frame.entry)

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

    def _at_input(self, module: nn.Module, args: _Args, kwargs: _Kwargs) -> tuple[_Args, _Kwargs] | None:
        frame = self._current()
        if frame is None or frame.track is None:
            return None
        if args:
            return (self._at(INPUT, args[0], self._positions(args[0])), *args[1:]), kwargs
        hidden = kwargs["hidden_states"]
        return args, {**kwargs, "hidden_states": self._at(INPUT, hidden, self._positions(hidden))}

    def _at_output(self, sites: tuple[Site, ...], module: nn.Module, args: _Args, output: Any) -> Any:
        frame = self._current()
        if frame is None or frame.track is None:
            return None
        hidden = output[0] if isinstance(output, tuple) else output
        for site in sites:
            hidden = self._at(site, hidden, self._positions(hidden))
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    def _at_logits(self, module: nn.Module, args: _Args, logits: Tensor) -> Tensor | None:
        frame = self._current()
        if frame is None or frame.track is None or frame.entry is None or frame.mask is None or frame.logits_to_keep is None:
            return None
        kept = kept_positions(frame.logits_to_keep, frame.mask.shape[1], logits.device)
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


def _under_dynamo() -> bool:
    """Whether torch.compile is running this forward.

    `torch.compiler.is_compiling` alone can't tell: dynamo meets the hooks, breaks its graph and goes on without tracing them, and
    there it says no. So the thread's frame evaluator is asked too, where torch has it.
    """
    if torch.compiler.is_compiling():
        return True
    return callable(getattr(torch._C._dynamo.eval_frame, "get_eval_frame_callback", lambda: None)())


def _argument(names: tuple[str, ...], args: _Args, kwargs: _Kwargs, name: str) -> Any:
    """Return an argument of a forward, however it was passed; None where it wasn't."""
    if name in kwargs:
        return kwargs[name]
    place = names.index(name) if name in names else len(args)
    return args[place] if place < len(args) else None


def _with_argument(names: tuple[str, ...], args: _Args, kwargs: _Kwargs, name: str, value: object) -> tuple[_Args, _Kwargs]:
    place = names.index(name)
    if place < len(args):
        return (*args[:place], value, *args[place + 1 :]), kwargs
    return args, {**kwargs, name: value}
