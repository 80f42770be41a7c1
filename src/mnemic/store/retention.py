"""Which items are worth keeping when there is room for some only: a score, and a plan of what goes.

The score is the base-level activation of ACT-R, B = ln sum_j t_j^-d over the times t_j since an item was presented (Anderson &
Schooler 1991, "Reflections of the environment in memory"; Anderson et al. 2004, "An integrated theory of the mind", eq. 3), as
approximated from the first and last presentation and their number alone (Petrov 2006, "Computationally efficient approximation of
the base-level learning equation in ACT-R", hybrid form with k = 1):

    B = ln( t_1^-d + (n - 1) (t_n^(1-d) - t_1^(1-d)) / ((1 - d) (t_n - t_1)) )

with t_1 days since the last presentation, t_n since the first, and n presentations: being taught, and each use. We add
importance, and a bonus for what was presented lately:

    retention = B + w_i importance + w_r 2^(-t_1 / half-life)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ..arguments import check_count, check_number, check_numbers
from ..errors import ConfigError, rule_got_do
from ..types import Item, Judged, Pruned
from .base import Store
from .checks import check_label

_DAY = 86_400.0
_SHORTEST = 60.0 / _DAY
"""Days below which a presentation counts as just now: t^-d has no value at 0."""
SLACK = 20
"""A standing budget that is passed is pruned to a 1/SLACK below it, so that not every further text prunes again."""


@dataclass(frozen=True, kw_only=True)
class RetentionRule:
    """How items are scored. Weights are in units of B: one unit is a factor of e in how often an item was used."""

    decay: float = 0.5
    """d: how fast a presentation fades. 0.5 is ACT-R's own."""
    importance_weight: float = 0.5
    """w_i: what an importance of 1 gains over one of 0."""
    recency_weight: float = 2.0
    """w_r: what an item presented just now gains over one long unused, beside its activation."""
    half_life_days: float = 90.0
    """Half-life of that bonus."""

    def __post_init__(self) -> None:
        """Check every range."""
        check_numbers(self)
        if not 0 < self.decay < 1:
            raise ConfigError(rule_got_do("decay lies between 0 and 1, both excluded.", self.decay, "Give e.g. 0.5."))
        for name in ("importance_weight", "recency_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(rule_got_do(f"{name} is a number from 0 on.", getattr(self, name), "Give e.g. 1."))
        if not 0 < self.half_life_days < math.inf:
            raise ConfigError(rule_got_do("half_life_days is positive.", self.half_life_days, "Give days, e.g. 90."))


def activation(item: Item, now: float, decay: float) -> float:
    """Return the base-level activation of an item at a time in seconds since the epoch; times in it are days."""
    last = max((now - max(item.said, item.last_used or 0.0)) / _DAY, _SHORTEST)
    first = max((now - item.created) / _DAY, last)
    strength = last**-decay
    if item.uses:
        spread = first - last
        # where both are the same moment, the limit of the fraction
        earlier = (first ** (1 - decay) - last ** (1 - decay)) / ((1 - decay) * spread) if spread > 1e-9 else strength
        strength += item.uses * earlier
    return math.log(strength)


def retention(item: Item, now: float, rule: RetentionRule) -> float:
    """Return how much an item is worth keeping at a time in seconds since the epoch."""
    idle = max(0.0, now - max(item.said, item.last_used or 0.0)) / _DAY
    recency = math.pow(2.0, -idle / rule.half_life_days)
    return activation(item, now, rule.decay) + rule.importance_weight * item.importance + rule.recency_weight * recency


def plan(items: Sequence[Item], budget: int, now: float, rule: RetentionRule) -> list[Judged]:
    """Return what has to go so that `budget` of the items are left: the lowest scores first, the older first among equals."""
    judged = [Judged(item=item, score=retention(item, now, rule)) for item in items]
    judged.sort(key=lambda one: one.score)
    return list(islice(judged, max(0, len(items) - budget)))


def size_of(budget: int | None, keep: float | None, there: int) -> int:
    """Return how many of `there` items are to be left, from a number or a share of which one is given.

    Raises:
        ConfigError: if both are given or neither, or it can't be one.
    """
    if (budget is None) == (keep is None):
        raise ConfigError(
            rule_got_do("Pruning takes a budget or a share to keep.", f"budget={budget!r}, keep={keep!r}", "Give one of them.")
        )
    if keep is None:
        return check_count("budget", budget, 0)
    check_number("keep", keep)
    if not 0 <= keep <= 1:
        raise ConfigError(rule_got_do("`keep` is a share from 0 to 1.", repr(keep), "Give e.g. 0.5, or a budget."))
    return math.ceil(keep * there)


def prune(
    store: Store,
    scope: str,
    *,
    budget: int | None = None,
    keep: float | None = None,
    category: str | None = None,
    dry_run: bool = False,
    rule: RetentionRule | None = None,
    now: float,
) -> Pruned:
    """Forget the items of a scope that are least worth keeping, as one operation that can be undone.

    Args:
        store: where they are.
        scope: whose.
        budget: how many active items may be left.
        keep: or the share of them that is, rounded up.
        category: count and prune the items of this one only.
        dry_run: only say what would go.
        rule: how they are scored.
        now: seconds since the epoch.

    Raises:
        ConfigError: if not exactly one of `budget` and `keep` is given, or it can't be one.
        NotFound: if the scope is unknown.
        StoreError: if it can't be written.
    """
    check_label("category", category)
    # a wrong number is refused before anything is read
    size_of(budget, keep, 0)
    items = store.items(scope, category=category)
    left = size_of(budget, keep, len(items))
    going = plan(items, left, now, rule or RetentionRule())
    operation = None
    if going and not dry_run:
        reasons = {one.item.id: _reason(one, left, len(items), now) for one in going}
        pruned = {item.id: item for item in store.prune(reasons, scope)}
        # what somebody else changed meanwhile isn't active any more
        going = [Judged(item=pruned[one.item.id], score=one.score) for one in going if one.item.id in pruned]
        operation = store.history(going[0].item.id, scope)[-1].operation if going else None
    return Pruned(scope=scope, budget=left, there=len(items), forgotten=tuple(going), operation=operation, dry_run=dry_run)


def hold(store: Store, scope: str, budget: int, *, rule: RetentionRule | None = None, now: float) -> Pruned | None:
    """Prune a scope that has grown beyond its standing budget, to a twentieth below it; None where it hasn't."""
    if store.count(scope) <= budget:
        return None
    return prune(store, scope, budget=budget - budget // SLACK, rule=rule, now=now)


def _reason(one: Judged, budget: int, there: int, now: float) -> str:
    item = one.item
    idle = max(0.0, now - max(item.said, item.last_used or 0.0)) / _DAY
    return (
        f"pruned from {there} to {budget}: retention {one.score:.2f}"
        f" (importance {item.importance:.2f}, uses {item.uses}, idle {idle:.1f} days)"
    )
