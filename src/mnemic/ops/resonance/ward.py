"""Which prototypes belong together: Ward's method over weighted points (Ward 1963, J. Am. Stat. Assoc. 58)."""

import torch
from torch import Tensor

from ...errors import ShapeError, rule_got_do


def ward(points: Tensor, weights: Tensor, *, count: int = 1, cost: float = float("inf")) -> Tensor:
    """Return the group `[P]` of each point, numbered from 0: the pair that is cheapest to join is joined, again and again.

    A union costs what it adds to the weighted sum of squared distances to the means: `w_i w_j / (w_i + w_j) |c_i - c_j|^2`.
    It takes O(P) tensor operations on O(P) numbers.

    Args:
        points: `[P, F]`.
        weights: `[P]`, positive.
        count: stop at so many groups.
        cost: stop before a union that costs more.

    Raises:
        ShapeError: if there isn't a positive weight for each point.
    """
    if points.ndim != 2 or weights.shape != points.shape[:1] or not bool((weights > 0).all()):
        raise ShapeError(
            rule_got_do(
                "Points are [P, F] with positive weights [P].", [list(points.shape), list(weights.shape)], "Shape them so."
            )
        )
    total = len(points)
    mean, weight = points.double().clone(), weights.double().clone()
    group = torch.arange(total, device=points.device)
    squared = torch.cdist(mean, mean).square()
    costs = squared * (weight[:, None] * weight) / (weight[:, None] + weight)
    costs.fill_diagonal_(torch.inf)
    best, partner = costs.min(dim=1) if total else (weight, group)
    for _ in range(total - max(1, count)):
        i = int(best.argmin())
        if not float(best[i]) <= cost:
            break
        j = int(partner[i])
        mean[i] = (weight[i] * mean[i] + weight[j] * mean[j]) / (weight[i] + weight[j])
        weight[i] += weight[j]
        group[group == j] = i
        gone = torch.isinf(best)
        now = (mean - mean[i]).square().sum(-1) * (weight * weight[i]) / (weight + weight[i])
        now[gone] = torch.inf
        now[i] = now[j] = torch.inf
        costs[i], costs[:, i] = now, now
        costs[j], costs[:, j] = torch.inf, torch.inf
        best[j] = torch.inf
        # whoever was nearest to one of the two looks anew; for the others only the new mean may have come nearer
        nearer = now < best
        best, partner = torch.where(nearer, now, best), torch.where(nearer, i, partner)
        again = torch.nonzero(((partner == i) | (partner == j)) & ~nearer & ~torch.isinf(best))[:, 0]
        again = torch.cat([again, again.new_tensor([i])])
        best[again], partner[again] = costs[again].min(dim=1)
    numbered: Tensor = torch.unique(group, return_inverse=True)[1]
    return numbered
