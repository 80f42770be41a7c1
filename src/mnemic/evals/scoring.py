"""When an output counts as right, and how sure a share is.

Sources: Wilson's score interval (Wilson 1927); percentile bootstrap over records (Efron 1979); the weighted n-gram entropy of
ROME (Meng et al. 2022, arXiv 2202.05262, section 3.4).
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, rule_got_do

Z95 = 1.959963984540054
"""Standard normal quantile of 0.975."""
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_END = re.compile(r"\n|[.!?](?=\s|$)")
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its 95 % interval. `n` is how many observations it rests on."""

    value: float
    low: float
    high: float
    n: int


def starts_with(output: str, target: str) -> bool:
    """Return whether the stripped output begins with the target, spelled exactly so."""
    return output.strip().startswith(target)


def contains(output: str, target: str) -> bool:
    """Return whether the target, spelled exactly so, occurs in the output."""
    return target in output


def normalise(text: str) -> str:
    """Return the text as SQuAD compares it: lower case, without punctuation and articles, one space between words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(" " if unicodedata.category(c).startswith("P") else c for c in folded)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def begins_normalised(output: str, answers: Sequence[str]) -> bool:
    """Return whether the normalised output begins, up to the end of a word, with one of the normalised answers."""
    said = normalise(output).split()
    wanted = [normalise(answer).split() for answer in answers]
    return any(words and said[: len(words)] == words for words in wanted)


def exact_normalised(output: str, answers: Sequence[str]) -> bool:
    """Return whether the normalised output, up to some end of a line or sentence, is one of the answers and no more."""
    text = output.strip()
    ends = [match.start() for match in _END.finditer(text)] + [len(text)]
    said = {normalise(text[:end]) for end in ends} - {""}
    return not said.isdisjoint(normalise(answer) for answer in answers)


def wilson(hits: int, n: int) -> Interval:
    """Return a share with its 95 % Wilson score interval. Of nothing at all, everything is possible: 0 to 1.

    Raises:
        ConfigError: if `hits` isn't between 0 and `n`.
    """
    if not 0 <= hits <= n:
        raise ConfigError(rule_got_do("A share has 0 <= hits <= n.", f"hits={hits}, n={n}", "Count again."))
    if n == 0:
        return Interval(value=math.nan, low=0.0, high=1.0, n=0)
    share = hits / n
    scale = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / scale
    half = Z95 / scale * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    # at the ends rounding must not push the bound past the share itself
    return Interval(value=share, low=min(max(0.0, centre - half), share), high=max(min(1.0, centre + half), share), n=n)


def harmonic_mean(values: Sequence[float]) -> float:
    """Return the harmonic mean; zero if any value is zero."""
    return 0.0 if not values or min(values) <= 0 else len(values) / sum(1 / v for v in values)


def harmonic_interval(columns: Mapping[str, Shares], *, seed: int = 0, draws: int = 2000) -> Interval:
    """Return the harmonic mean of the columns' means with a percentile bootstrap over records.

    Args:
        columns: per column `[N]` the score of each record, nan where the record has no such probe.
        seed: of the bootstrap.
        draws: resamples of the records; all columns of a record are drawn together.
    """
    table = np.stack(list(columns.values()))
    known = ~np.isnan(table)
    filled = np.where(known, table, 0.0)
    n = table.shape[1]
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (counts @ filled.T) / (counts @ known.T)
    drawn = [harmonic_mean(row.tolist()) for row in means if not np.isnan(row).any()]
    value = harmonic_mean([float(row[mask].mean()) if mask.any() else 0.0 for row, mask in zip(table, known, strict=True)])
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (0.0, 1.0)
    return Interval(value=value, low=float(low), high=float(high), n=n)


def bootstrap_mean(values: Sequence[float], *, seed: int = 0, draws: int = 5000) -> Interval:
    """Return a mean with its percentile bootstrap interval.

    Raises:
        ConfigError: if there are no values.
    """
    if not values:
        raise ConfigError(rule_got_do("A mean needs values.", "none", "Measure at least once."))
    data = np.asarray(values, dtype=np.float64)
    chosen = np.random.default_rng(seed).integers(0, len(data), size=(draws, len(data)))
    low, high = np.percentile(data[chosen].mean(axis=1), [2.5, 97.5])
    return Interval(value=float(data.mean()), low=float(low), high=float(high), n=len(data))


def mean_over_seeds(values: Sequence[Sequence[float]], sizes: Sequence[int], seed: int) -> Interval:
    """Return a mean per token with its percentile bootstrap interval over documents and over seeds.

    Args:
        values: of each seed, the mean of each document.
        sizes: tokens of each document.
        seed: of the bootstrap.
    """
    table, weights = np.array(values), np.array(sizes, dtype=np.float64)
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(2000):
        documents = rng.integers(0, table.shape[1], table.shape[1])
        seeds = rng.integers(0, table.shape[0], table.shape[0])
        drawn.append(float((table[seeds].mean(0)[documents] * weights[documents]).sum() / weights[documents].sum()))
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = float((table.mean(0) * weights).sum() / weights.sum())
    return Interval(value=value, low=float(low), high=float(high), n=table.shape[1])


def t_mean(values: Sequence[float]) -> Interval:
    """Return a mean with Student's t interval: for a handful of runs, of which a bootstrap would promise too much.

    Raises:
        ConfigError: if there are no values.
    """
    if not values:
        raise ConfigError(rule_got_do("A mean needs values.", "none", "Measure at least once."))
    data = np.asarray(values, dtype=np.float64)
    n, mean = len(data), float(data.mean())
    if n == 1:
        return Interval(value=mean, low=-math.inf, high=math.inf, n=1)
    # scipy comes with scikit-learn, which whoever calls this needs anyway
    from scipy.stats import t

    half = float(t.ppf(0.975, n - 1)) * float(data.std(ddof=1)) / math.sqrt(n)
    return Interval(value=mean, low=mean - half, high=mean + half, n=n)


def bootstrap_ratio(numerators: Sequence[float], denominators: Sequence[float], *, seed: int = 0, draws: int = 5000) -> Interval:
    """Return the ratio of two paired means with a percentile bootstrap over the pairs.

    Raises:
        ConfigError: if the sequences are empty, of different lengths, or the denominators' mean is zero.
    """
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if top.shape != bottom.shape or not top.size or bottom.mean() == 0:
        raise ConfigError(
            rule_got_do(
                "A ratio needs pairs whose denominators aren't zero on average.",
                f"{top.size} numerators, {bottom.size} denominators",
                "Measure both arms on the same prompts.",
            )
        )
    chosen = np.random.default_rng(seed).integers(0, top.size, size=(draws, top.size))
    below = bottom[chosen].mean(axis=1)
    ratios = top[chosen].mean(axis=1)[below > 0] / below[below > 0]
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Interval(value=float(top.mean() / bottom.mean()), low=float(low), high=float(high), n=int(top.size))


def words_and_signs(text: str) -> list[str]:
    """Return the words and punctuation marks of a text. ROME uses nltk's tokeniser here; this needs no download."""
    return _WORD_OR_SIGN.findall(text)


def ngram_entropy(text: str) -> float:
    """Return ROME's fluency: the mean of the entropies, in bits, of 2-grams and 3-grams, weighted by 2/3 and 4/3."""
    tokens = words_and_signs(text)
    return (2 / 3 * _entropy(tokens, 2) + 4 / 3 * _entropy(tokens, 3)) / 2


def _ngrams(tokens: Sequence[object], n: int) -> Counter[tuple[object, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _entropy(tokens: Sequence[object], n: int) -> float:
    counts = _ngrams(tokens, n)
    total = sum(counts.values())
    return -sum(c / total * math.log2(c / total) for c in counts.values()) + 0.0


def repeated_share(tokens: Sequence[object], n: int = 4) -> float:
    """Return which share of the n-grams occurred before in the same sequence: 0 without loops, near 1 in one."""
    counts = _ngrams(tokens, n)
    total = sum(counts.values())
    return 1 - len(counts) / total if total else 0.0
