"""Adaptive resonance: match, choice, vigilance (Carpenter, Grossberg & Rosen 1991, Fuzzy ART, Neural Networks 4)."""

from typing import NamedTuple, overload

import torch
from torch import Tensor

from ...errors import ConfigError, ShapeError, rule_got_do

_TINY = 1e-12


class Matches(NamedTuple):
    """Inputs beside prototypes, `[..., C]`. choice: who is tried first. match: how much of the input it holds, in [0, 1]."""

    choice: Tensor
    match: Tensor


def complement_code(x: Tensor) -> Tensor:
    """Return `[..., 2D]`, the input and its complement, so that every code has the same sum D (section 3.2 of the paper).

    Args:
        x: `[..., D]` in [0, 1].

    Raises:
        ShapeError: if a value lies outside.
    """
    if x.numel() and not bool(((x >= 0) & (x <= 1)).all()):
        raise ShapeError(rule_got_do("Fuzzy inputs lie in [0, 1].", f"{float(x.min()):g} to {float(x.max()):g}", "Scale them."))
    return torch.cat([x, 1 - x], dim=-1)


def fuzzy_match(code: Tensor, prototypes: Tensor, *, alpha: float) -> Matches:
    """Return choice `|I∧w| / (alpha + |w|)` (eq. 2) and match `|I∧w| / |I|` (eq. 5); ∧ is the minimum, |.| the sum.

    Args:
        code: `[..., F]`, complement coded.
        prototypes: `[C, F]`.
        alpha: choice parameter, >= 0; small prefers the most specific prototype.
    """
    _check(code, prototypes)
    shared = torch.minimum(code[..., None, :], prototypes).sum(-1)
    return Matches(shared / (alpha + prototypes.sum(-1)).clamp(min=_TINY), shared / code.sum(-1, keepdim=True).clamp(min=_TINY))


def cosine_match(code: Tensor, prototypes: Tensor) -> Matches:
    """Return the cosine of unit vectors `[..., F]` and `[C, F]`, as choice and, cut off at 0, as match."""
    _check(code, prototypes)
    cosine = code @ prototypes.mT
    return Matches(cosine, cosine.clamp(min=0.0))


@overload
def resonates(match: float, vigilance: float) -> bool: ...
@overload
def resonates(match: Tensor, vigilance: Tensor | float) -> Tensor: ...
def resonates(match: Tensor | float, vigilance: Tensor | float) -> Tensor | bool:
    """Return whether a match is close enough to count as the same thing: the vigilance test (eq. 6)."""
    return match >= vigilance


def choose(matches: Matches, allowed: Tensor, vigilance: float) -> tuple[Tensor, Tensor]:
    """Return the winner `[...]` and whether there is one `[...]`: the first in order of choice that passes the vigilance test.

    Args:
        matches: `[..., C]`.
        allowed: `[..., C]` or `[C]` bool: prototypes that are in use.
        vigilance: bound on the match.
    """
    passing = resonates(matches.match, vigilance) & allowed
    order = torch.where(passing, matches.choice, -torch.inf)
    return order.argmax(-1), passing.any(-1)


def loaded_vigilance(vigilance: float, floor: float, load: float) -> float:
    """Return the vigilance of a memory of which a share `load` is in use: from half full on it falls, down to `floor` when full.

    Raises:
        ConfigError: unless 0 <= floor <= vigilance <= 1.
    """
    if not 0 <= floor <= vigilance <= 1:
        raise ConfigError(
            rule_got_do(
                "Vigilance lies in [0, 1], and its floor not above it.",
                f"vigilance {vigilance}, floor {floor}",
                "Give e.g. 0.8 and 0.6.",
            )
        )
    return vigilance - (vigilance - floor) * min(1.0, max(0.0, 2 * load - 1))


def _check(code: Tensor, prototypes: Tensor) -> None:
    if prototypes.ndim != 2 or code.shape[-1] != prototypes.shape[1]:
        raise ShapeError(
            rule_got_do(
                "Inputs are [..., F] beside prototypes [C, F].", [list(code.shape), list(prototypes.shape)], "Shape them so."
            )
        )
