"""The recurrent memory inside a host: a fading state at each site, added to the activations."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from ...arguments import check_names
from ...errors import ShapeError, rule_got_do
from ..base import HostSpec, Memory, Site, State, StepContext
from ..readouts import Readouts
from .cell import GRUMemoryWithDecay, uniform
from .config import SITES, Cell, RecurrentConfig, decay_of
from .segments import split
from .state import check_finite

_EPSILON = 1e-6
_READS = 7919
"""Added to a site's seed for the weights of its output gate, which aren't those of any site's cell."""


class _Part(nn.Module):
    """Cell and readout of one site: `x + sigmoid(gate) * W_out m`, with `W_out` zero until it is trained.

    With an output gate, m is multiplied by `silu(W_read x)` before (as in arXiv 2312.06635 eq. 8): what a token reads of the
    state depends on the token.
    """

    def __init__(self, hidden_size: int, config: RecurrentConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.cell = GRUMemoryWithDecay(hidden_size, config.size, decay=config.decay, cell=config.cell, seed=seed)
        self.weight_out = nn.Parameter(torch.zeros(hidden_size, config.size))
        self.gate = nn.Parameter(torch.zeros(hidden_size))
        if config.output_gate:
            self.weight_read = uniform(config.size, hidden_size, generator=torch.Generator().manual_seed(seed + _READS))

    def read(self, states: Tensor, inputs: Tensor) -> Tensor:
        """Return what is added at each position `[B, T, D]`, from the states there `[B, T, K]` and the inputs `[B, T, D]`."""
        dtype = states.dtype
        if self.config.output_gate:
            states = states * silu(linear(inputs, self.weight_read.to(dtype)))
        return torch.sigmoid(self.gate.to(dtype)) * linear(states, self.weight_out.to(dtype))


class RecurrentMemory(Memory):
    """A GRU state with decay beside the network (arXiv 1406.1078 for the cell).

    Every real token, or every segment of them, is written into the state; the state is added to the activations of the same and
    of later tokens. Untrained it changes nothing and costs nothing. Inputs are divided by their root mean square, because sites
    differ in scale.
    """

    name: ClassVar[str] = "recurrent"

    def __init__(
        self,
        sites: Sequence[str] = ("middle",),
        size: int = 128,
        decay: float = 0.99,
        half_life: float | None = None,
        cell: Cell = "gru",
        segment: int = 1,
        seed: int = 0,
        output_gate: bool = False,
    ) -> None:
        """Choose sites, size and fading; see `RecurrentConfig`.

        Args:
            sites: any of "input", "middle", "top".
            size: numbers in the state of a site.
            decay: what stays of the state per update, in (0, 1].
            half_life: the same in updates; takes the place of `decay`.
            cell: "gru" or "mingru".
            segment: real tokens per update.
            seed: of the initial weights.
            output_gate: let each token choose what it reads of the state.

        Raises:
            ConfigError: if one of them can't be used.
        """
        super().__init__()
        decay = decay if half_life is None else decay_of(half_life)
        chosen = check_names("Sites", sites, SITES, least=1)
        self.config = RecurrentConfig(
            sites=chosen, size=size, decay=decay, cell=cell, segment=segment, seed=seed, output_gate=output_gate
        )
        self.at = nn.ModuleDict()
        self._sites: dict[str, Site] = {}
        self._readouts = Readouts()
        self._carried: State | None = None

    def bind(self, host: HostSpec) -> None:
        """Make a cell and a readout for every site."""
        places = {"input": Site("input"), "middle": Site("block", host.num_layers // 2), "top": Site("top")}
        self._sites = {name: places[name] for name in self.config.sites}
        for number, name in enumerate(self._sites):
            self.at[name] = _Part(host.hidden_size, self.config, self.config.seed + number)
        self.active()

    def sites(self) -> tuple[Site, ...]:
        """Return the chosen sites."""
        return tuple(self._sites.values())

    def active(self) -> bool:
        """Return whether any readout isn't zero."""
        return self._readouts.speak(self._part(name).weight_out for name in self._sites)

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        c = self.config
        return {
            "sites": list(c.sites),
            "size": c.size,
            "decay": c.decay,
            "cell": c.cell,
            "segment": c.segment,
            "seed": c.seed,
            "output_gate": c.output_gate,
        }

    def begin(self, token_ids: Tensor | None, mask: Tensor) -> State:
        """Return the state of new sequences, zeros unless one was carried on.

        `[B, K]` for each site, and with segments the sum `[B, D]` and size `[B]` of the open one.

        Raises:
            ShapeError: if the rows aren't a multiple of those carried on.
        """
        if self._carried is not None:
            return _repeated(self._carried, mask)
        state: State = {}
        rows = mask.shape[0]
        for name in self._sites:
            part = self._part(name)
            dtype = torch.promote_types(part.weight_out.dtype, torch.float32)
            state[name] = torch.zeros(rows, self.config.size, dtype=dtype, device=mask.device)
            if self.config.segment > 1:
                state[f"{name}.total"] = torch.zeros(rows, part.weight_out.shape[0], dtype=dtype, device=mask.device)
                state[f"{name}.tokens"] = torch.zeros(rows, dtype=torch.long, device=mask.device)
        return state

    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Write the real tokens into the site's state, and add what it says to the activations."""
        name = next(name for name, site in self._sites.items() if site == context.site)
        part, start = self._part(name), state[name]
        inputs = x.to(start.dtype)
        inputs = inputs * torch.rsqrt(inputs.square().mean(-1, keepdim=True) + _EPSILON)
        if self.config.segment == 1:
            states, last = part.cell(inputs, start, context.mask)
            new = {name: last}
        else:
            cut = split(inputs, context.mask, state[f"{name}.total"], state[f"{name}.tokens"], self.config.segment)
            after, last = part.cell(cut.means, start, cut.complete)
            after = torch.cat([start[:, None], after], dim=1)
            states = after.gather(1, cut.seen[..., None].expand(-1, -1, self.config.size))
            new = {name: last, f"{name}.total": cut.total, f"{name}.tokens": cut.tokens}
        shift = torch.where(context.mask[..., None], part.read(states, inputs), 0.0)
        return (x + shift).to(x.dtype), {**state, **new}

    def carry_on(self, state: State, *, gradients: bool = False) -> None:
        """Let the sequences that begin from now on start from a state (persistent memory), until `reset`.

        Rows of a batch begin from the rows of the state; where there are n times as many (beams, several sequences per prompt), n
        in a row from each.

        Args:
            state: as `Handle.states(cache)` returns it, of a conversation on the same model.
            gradients: let them flow back into what made the state, for training across segments.

        Raises:
            ShapeError: if it isn't a state of this memory. What was carried on before stays.
            InputError: if a number in it isn't finite. The same.
        """
        rows = next((len(value) for value in state.values()), 0)
        wanted = self._shapes(rows)
        shapes = {name: list(value.shape) for name, value in state.items()}
        if not rows or shapes != wanted:
            raise ShapeError(rule_got_do(f"A state of this memory holds {wanted}.", shapes, "Take it from the same memory."))
        check_finite(state)
        self._carried = {name: (value if gradients else value.detach()).clone() for name, value in state.items()}

    @property
    def carried(self) -> State | None:
        """A copy of what the next sequences begin from; None for nothing."""
        return None if self._carried is None else {name: value.clone() for name, value in self._carried.items()}

    def reset(self, batch_size: int | None = None) -> None:
        """Drop what was carried on: sequences begin from zero."""
        self._carried = None

    def _shapes(self, rows: int) -> dict[str, list[int]]:
        """Return the shapes of a state with that many rows."""
        shapes: dict[str, list[int]] = {}
        for name in self._sites:
            shapes[name] = [rows, self.config.size]
            if self.config.segment > 1:
                shapes[f"{name}.total"] = [rows, self._part(name).weight_out.shape[0]]
                shapes[f"{name}.tokens"] = [rows]
        return shapes

    def _part(self, name: str) -> _Part:
        part = self.at[name]
        assert isinstance(part, _Part)
        return part


def _repeated(state: State, mask: Tensor) -> State:
    """Return a state with a row for each row of the mask, on its device."""
    rows, there = mask.shape[0], len(next(iter(state.values())))
    if rows % there:
        raise ShapeError(
            rule_got_do(
                f"A batch begins from the {there} rows that were carried on, or a multiple of them.",
                f"{rows} rows",
                "reset() the memory, or ask with as many rows.",
            )
        )
    return {name: value.to(mask.device).repeat_interleave(rows // there, dim=0) for name, value in state.items()}
