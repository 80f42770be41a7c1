"""A stateful memory whose only purpose is to show when a host handles state wrongly."""

import torch
from torch import Tensor, nn

from ..errors import ConfigError, HostNotSupported, rule_got_do
from ..memories.base import HostSpec, Memory, Site, State, StepContext
from ..memories.readouts import Readouts

_WIDTH = 8
_NAMED = ("input", "middle", "top", "logits")


class TraceMemory(Memory):
    """A leaky integrator at every site it is given.

    Over the real tokens t of a row: `h_t = decay * h_(t-1) + m_t`, with `m_t = tanh(W x_t)`, and at the logits site, where not
    every position has an x, `m_t = E[token_t]`. Activations become `x_t + U h_t`. So every change of order, a lost or repeated
    token, a padding taken for a token, or another row's state changes the logits. `U` is zero, and the memory inactive, until
    `arm` is called. Computes in float32 at least.
    """

    name = "trace"

    def __init__(self, sites: tuple[str, ...] | list[str] = _NAMED, decay: float = 0.7) -> None:
        """Choose where the memory sits.

        Args:
            sites: any of "input", "middle" (the block in the middle), "top", "logits".
            decay: what stays of the state per token, in [0, 1).

        Raises:
            ConfigError: for another site or decay.
        """
        super().__init__()
        unknown = [site for site in sites if site not in _NAMED]
        if unknown or not sites:
            raise ConfigError(rule_got_do(f"Sites are among {', '.join(_NAMED)}.", list(sites), "Choose at least one of them."))
        if not 0 <= decay < 1:
            raise ConfigError(rule_got_do("decay is in [0, 1).", decay, "Use 0.7, say."))
        self.placed = tuple(sites)
        self.decay = decay
        self.read = nn.ParameterDict()
        self.write = nn.ParameterDict()
        self._sites: tuple[Site, ...] = ()
        self._readouts = Readouts()

    def bind(self, host: HostSpec) -> None:
        """Allocate `W`, `E` and `U`."""
        middle = Site("block", host.num_layers // 2)
        self._sites = tuple(middle if site == "middle" else Site(site) for site in self.placed)  # type: ignore[arg-type]
        generator = torch.Generator().manual_seed(0)
        for site in self._sites:
            size = host.vocab_size if site.kind == "logits" else host.hidden_size
            self.read[site.kind] = nn.Parameter(torch.randn(size, _WIDTH, generator=generator))
            self.write[site.kind] = nn.Parameter(torch.zeros(_WIDTH, size))
        self.active()

    def arm(self, *, seed: int = 1, strength: float = 0.1) -> None:
        """Give `U` random values of that size: the memory is active from the next sequence on."""
        for weight in self.write.values():
            values = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
            with torch.no_grad():
                weight.copy_(strength * values)

    def sites(self) -> tuple[Site, ...]:
        """Return the chosen sites."""
        return self._sites

    def active(self) -> bool:
        """Return whether any `U` isn't zero."""
        return self._readouts.speak(self.write.values())

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments."""
        return {"sites": list(self.placed), "decay": self.decay}

    def begin(self, token_ids: Tensor | None, mask: Tensor) -> State:
        """Return zero states `[B, 8]`, one per site."""
        dtype = torch.promote_types(self.read[self._sites[0].kind].dtype, torch.float32)
        return {site.kind: torch.zeros(mask.shape[0], _WIDTH, dtype=dtype, device=mask.device) for site in self._sites}

    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Integrate the real tokens and add what was integrated to the activations."""
        kind = context.site.kind
        start = state[kind]
        path = _integrate(self._moves(x, context).to(start.dtype), start, context.mask, self.decay)
        shift = path[:, context.kept] @ self.write[kind].to(start.dtype)
        shift = shift * context.mask[:, context.kept, None]
        return (x + shift).to(x.dtype), {**state, kind: path[:, -1]}

    def _moves(self, x: Tensor, context: StepContext) -> Tensor:
        kind = context.site.kind
        if kind != "logits":
            return torch.tanh(x @ self.read[kind].to(x.dtype))
        if context.token_ids is None:
            raise HostNotSupported(rule_got_do("A trace at the logits site reads token ids.", "inputs_embeds", "Pass input_ids."))
        table: Tensor = self.read[kind]
        return table[context.token_ids]


def _integrate(moves: Tensor, start: Tensor, mask: Tensor, decay: float) -> Tensor:
    """Return the leaky integral after every position, `[B, T, W]`; a position that isn't real leaves it as it is.

    In closed form: `h_t = decay^(n_t) h_0 + sum over real s <= t of decay^(n_t - n_s) m_s`, n counting real tokens.
    """
    count = mask.cumsum(1).to(moves.dtype)
    lag = count[:, :, None] - count[:, None, :]
    earlier = torch.ones(lag.shape[1:], dtype=torch.bool, device=lag.device).tril()
    weight = torch.where(earlier & mask[:, None, :], decay ** lag.clamp(min=0), 0.0)
    return weight @ moves + decay ** count[..., None] * start[:, None]
