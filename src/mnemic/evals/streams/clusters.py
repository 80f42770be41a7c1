"""Clusters of a stream, seen once: adaptive resonance, BIRCH, k-means in small batches."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ...memories.resonance import CellConfig, CosineARTCell
from ...types import FloatArray

Labels = npt.NDArray[np.int64]
_CAPACITY = 4096


@contextmanager
def unconverged() -> Iterator[None]:
    """Leave out scikit-learn's advice on settings: tuning tries some that are too coarse, and scores say so."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


class Stream(NamedTuple):
    """Vectors `[N, E]` in order, and what each stands for `[N]`."""

    x: FloatArray
    labels: Labels

    def shuffled(self, seed: int) -> "Stream":
        """Return the stream in another order."""
        order = np.random.default_rng(seed).permutation(len(self.x))
        return Stream(self.x[order], self.labels[order])


@dataclass(frozen=True)
class Method:
    """One way to cluster. settings: what its tuning tries, as many for each method; run: settings, vectors, groups -> labels."""

    title: str
    settings: Sequence[float]
    run: Callable[[float, FloatArray, int], Labels]


def resonance(vigilance: float, x: FloatArray, groups: int) -> Labels:
    """Return the groups of one pass of cosine ART at a vigilance: joined prototypes, each vector to the nearest mean."""
    cell = CosineARTCell(x.shape[1], CellConfig(capacity=_CAPACITY, vigilance=vigilance, rate=0.01, average=True))
    stream = torch.from_numpy(np.ascontiguousarray(x))
    cell.learn(stream)
    group, used = cell.groups(groups), cell.used
    sums = torch.zeros(groups, cell.code_size).index_add_(0, group[used], cell.prototypes[used] * cell.count[used, None])
    return cell.compare(cell.encode(stream), cell.clean(sums)).choice.argmax(-1).numpy()


def resonance_alone(vigilance: float, x: FloatArray, groups: int) -> Labels:
    """Return the prototypes that took the vectors in, as they came: nothing is told and nothing is joined."""
    cell = CosineARTCell(x.shape[1], CellConfig(capacity=_CAPACITY, vigilance=vigilance, rate=0.01, average=True))
    return cell.learn(torch.from_numpy(np.ascontiguousarray(x))).slots.numpy()


def birch(threshold: float, x: FloatArray, groups: int) -> Labels:
    """Return the groups of BIRCH (Zhang et al. 1996), its subclusters joined to so many groups."""
    from sklearn.cluster import Birch

    with unconverged():
        return _labels(Birch(threshold=threshold, n_clusters=groups).fit(x))


def birch_alone(threshold: float, x: FloatArray, groups: int) -> Labels:
    """Return BIRCH's subclusters as they are."""
    from sklearn.cluster import Birch

    return _labels(Birch(threshold=threshold, n_clusters=None).fit(x))


def small_batches(size: float, x: FloatArray, groups: int) -> Labels:
    """Return the groups of k-means in small batches (Sculley 2010): every batch of the stream once, in order."""
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(groups, batch_size=int(size), n_init=1, random_state=0)
    for begin in range(0, len(x), int(size)):
        batch = x[begin : begin + int(size)]
        # the first one seeds the centres, so it needs as many; a rest that is too small still moves them
        if begin or len(batch) >= groups:
            model.partial_fit(batch)
    return np.asarray(model.predict(x), dtype=np.int64)


def _labels(model: Any) -> Labels:
    return np.asarray(model.labels_, dtype=np.int64)


TOLD = (
    Method("resonance", (0.68, 0.72, 0.76, 0.80, 0.84, 0.88), resonance),
    Method("BIRCH", (0.05, 0.15, 0.25, 0.30, 0.35, 0.40), birch),
    Method("MiniBatchKMeans", (192, 256, 384, 512, 768, 1024), small_batches),
)
"""Methods that are told how many groups there are."""
ALONE = (
    Method("resonance, groups not told", (0.45, 0.50, 0.55, 0.60, 0.65, 0.70), resonance_alone),
    Method("BIRCH, groups not told", (0.55, 0.60, 0.65, 0.70, 0.75, 0.80), birch_alone),
)
"""Methods that aren't."""


def mutual_information(truth: Labels, found: Labels) -> float:
    """Return adjusted mutual information (Vinh, Epps & Bailey 2010): 0 by chance, 1 for equal partitions."""
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(truth, found))


def tune(method: Method, streams: Sequence[Stream], *, tell: Callable[[], None]) -> float:
    """Return the setting with the best mean score over development streams; `tell` is called after each run."""

    def score(setting: float) -> float:
        found = []
        for stream in streams:
            found.append(mutual_information(stream.labels, method.run(setting, stream.x, len(set(stream.labels.tolist())))))
            tell()
        return float(np.mean(found))

    return max(method.settings, key=score)
