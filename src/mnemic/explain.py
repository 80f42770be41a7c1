"""In words: why a memory spoke, or why none did."""

from collections.abc import Sequence

from .types import Hit, Spoke


def explain(hits: Sequence[Hit], spoke: Sequence[Spoke] | None) -> str:
    """Return an explanation for people.

    Args:
        hits: candidates, best first.
        spoke: the memories of a reply; None when only a query is explained.
    """
    if spoke:
        lines = [f'"{s.item.text}" spoke (score {s.score:.2f}, {_share(s)}).' for s in spoke]
        return "\n".join([*lines, *(_beside(h) for h in hits if all(h.item.id != s.item.id for s in spoke))])
    if not hits:
        return "Nothing is stored that resembles this: the base model speaks alone."
    best = hits[0]
    if best.accepted:
        head = (
            f'"{best.item.text}" {"would speak" if spoke is None else "may speak now"} (score {best.score:.2f}; 0.50 is enough).'
        )
    else:
        head = "No memory speaks: the base model is used as it is."
    return "\n".join([head, *(_beside(h) for h in hits if h is not best or not best.accepted)])


def _share(spoke: Spoke) -> str:
    """Return in words how loudly a memory spoke."""
    others = [name for name in spoke.readers if name != "pointer"]
    through = f"through {' and '.join(others)}"
    if not spoke.weight:
        return through
    share = f"{spoke.weight:.0%} of the next-token distribution"
    return f"{share}, and {through}" if others else share


def _beside(hit: Hit) -> str:
    """Return why a candidate did not speak."""
    if hit.accepted:
        return f'- "{hit.item.text}" fits too, less well (score {hit.score:.2f}).'
    if "subject" not in hit.parts:
        return f'- "{hit.item.text}" shares no meaningful word with it (cosine {hit.parts["cosine"]:.2f}).'
    if hit.parts["subject"] < 0:
        return f'- "{hit.item.text}" is about something else (subject {hit.parts["subject"]:+.1f} from its threshold).'
    distance = hit.parts["relation"]
    return f'- "{hit.item.text}" is about this, but doesn\'t say what is asked (relation {distance:+.1f} from its threshold).'
