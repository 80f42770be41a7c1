"""Tables of results, made from their JSON alone, so that what stands in the docs is what was measured."""

from collections.abc import Callable

from ..errors import InputError, rule_got_do
from .capacity_table import capacity_tables
from .chat_table import chat_tables
from .rendering import Data, Table, cell, provenance
from .store_tables import index_tables, store_tables

__all__ = ["Data", "Table", "cell", "provenance", "relations_table", "tables_of"]


def tables_of(data: Data) -> tuple[Table, ...]:
    """Return the tables of a result.

    Args:
        data: a result as `results.to_json` made it.

    Raises:
        InputError: if it isn't one, or a newer one.
    """
    kind = (data.get("bench"), data.get("version"))
    if kind not in _KINDS:
        known = ", ".join(f"{bench} {version}" for bench, version in _KINDS)
        raise InputError(
            rule_got_do(
                f"A result is of a bench and version: {known}.",
                f"bench {kind[0]!r}, version {kind[1]!r}",
                "Run that bench again with this version of mnemic.",
            )
        )
    return _KINDS[kind](data)


def _edits(data: Data) -> tuple[Table, ...]:
    columns, arms = data["columns"], data["arms"]
    head = [c for c in columns if c["headline"]]
    beside = [c for c in columns if not c["headline"]]
    exact = [c for c in head if any(c["name"] in arm["exact"] for arm in arms.values())]
    held = f", on the held-out relations {', '.join(data['data']['held_out'])}" if data["data"]["held_out"] else ""
    name = f"{data['data']['name']}, {data['data']['records']} facts taught{held}"
    writes = data["writes"]
    # only where readers are compared are answers taken over from the base model, so that it matters how many were checked
    several = any(arm.get("silent") for arm in arms.values())
    found = [
        Table(
            title=name,
            header=("", *(c["title"] for c in head), "harmonic mean"),
            rows=tuple(
                (arm["title"], *(cell(arm["columns"][c["name"]]) for c in head), cell(arm["harmonic"])) for arm in arms.values()
            ),
            note=provenance(data),
        ),
        Table(
            title="Beside it",
            header=("", *(c["title"] for c in beside), *(f"{c['title']}, exact" for c in exact)),
            rows=tuple(
                (
                    arm["title"],
                    *(cell(arm["columns"][c["name"]]) for c in beside),
                    *(cell(arm["exact"].get(c["name"])) for c in exact),
                )
                for arm in arms.values()
            ),
        ),
        Table(
            title="The memory itself",
            header=(
                "",
                "false injections",
                "silent where the fact is absent",
                "wrong memory spoke",
                *(("silent, and the base model's tokens",) if several else ()),
                "ms per write",
                "stored",
            ),
            rows=tuple(
                (
                    arm["title"],
                    cell(arm["false_injection"], 4),
                    cell(arm["abstained"], 4),
                    cell(arm["wrong_memory"], 4),
                    *((cell(arm["silent"], 4),) if several else ()),
                    f"{writes['ms_median']:.1f} (p95 {writes['ms_p95']:.1f})",
                    ", ".join(f"{count} {action}" for action, count in writes["actions"].items()),
                )
                for arm in arms.values()
                if arm["false_injection"] is not None
            ),
        ),
    ]
    return tuple(table for table in found if len(table.header) > 1 and table.rows)


def relations_table(data: Data, arm: str) -> Table:
    """Return the shares of one arm of `edits` by relation.

    Raises:
        InputError: if it is no result of `edits`, or has no such arm.
    """
    if data.get("bench") != "edits" or arm not in data["arms"]:
        raise InputError(
            rule_got_do(
                "Shares by relation are of an arm of an `edits` result.",
                f"{arm!r} of {data.get('bench')!r}",
                "Correct the marker.",
            )
        )
    head = [c for c in data["columns"] if c["headline"]]
    by_relation = data["arms"][arm]["relations"]
    rows = []
    for relation, shares in by_relation.items():
        count = max(share["n"] for share in shares.values())
        rows.append((relation, str(count), *(f"{shares[c['name']]['value']:.2f}" if c["name"] in shares else "–" for c in head)))
    return Table(
        title=f"{data['arms'][arm]['title']}, by relation",
        header=("relation", "n", *(c["title"] for c in head)),
        rows=tuple(rows),
    )


def _pairs(data: Data) -> tuple[Table, ...]:
    return (
        Table(
            title=f"Two facts about one subject, {data['pairs']} pairs",
            header=(
                "",
                "each question gets its own answer",
                f"in {data['config']['long_answer']} tokens",
                "both of a pair",
                "the other fact's answer",
            ),
            rows=tuple(
                (a["title"], cell(a["own"]), cell(a["own_long"]), cell(a["both"]), cell(a["crossed"]))
                for a in data["arms"].values()
            ),
            note=provenance(data),
        ),
    )


def _quality(data: Data) -> tuple[Table, ...]:
    return (
        Table(
            title=f"{data['tokens']}-token continuations after a hit, {data['hits']} of {data['asked']} prompts",
            header=("", "n-gram entropy (bits)", "over no memory", "repeated 4-grams (share)", "minus no memory"),
            rows=tuple(
                (a["title"], cell(a["entropy"]), cell(a["entropy_ratio"]), cell(a["loops"]), cell(a["loops_difference"]))
                for a in data["arms"]
            ),
            note=provenance(data),
        ),
    )


def _speed(data: Data) -> tuple[Table, ...]:
    def both(arm: Data) -> tuple[str, ...]:
        return (arm["title"], cell(arm["plain"], 1), cell(arm["memory"], 1), cell(arm["ratio"]), str(arm["ratio"]["n"]))

    ms = [(part["title"], f"{part['median']:.2f}", f"{part['p95']:.2f}") for part in data["parts"]]
    return (
        Table(
            title=f"Tokens/s at {data['tokens']} new tokens, query encoding and gate included",
            header=("", "plain generate", "memory", "ratio", "pairs"),
            rows=tuple(both(arm) for arm in data["arms"]),
            note=provenance(data),
        ),
        Table(
            title="Milliseconds",
            header=("", "median", "p95"),
            rows=tuple(ms),
            note=f"{data['forwards']} forward passes per `learn`.",
        ),
    )


def _recurrent(data: Data) -> tuple[Table, ...]:
    def number(value: float | None) -> str:
        return "∞" if value is None else f"{value:.3g}"

    def cell_of(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    tokens = data["config"]["tokens"]
    return (
        Table(
            title=f"A state over {tokens:,} tokens; of random weights, {data['config']['seeds']} seeds, unless it says trained",
            header=(
                "cell",
                "decay",
                "size at first",
                "at last",
                "beyond 0.95",
                "turning",
                "spread",
                "half-life",
                "ln 2 / -ln decay",
            ),
            rows=tuple(
                (
                    d["cell"],
                    f"{d['decay']:g}",
                    *(cell_of(d[name]) for name in ("first", "last", "saturated", "turning", "spread")),
                    number(d["half_life"]),
                    number(d["stated"]),
                )
                for d in data["drift"]
            ),
            note=provenance(data),
        ),
        Table(
            title="Blocked scan against the token loop, projections outside of both",
            header=("", "loop / scan", "states differ by", "gradients differ by"),
            rows=tuple((t["title"], cell(t["ratio"], 2), f"{t['values']:.1e}", _apart(t)) for t in data["timing"]),
        ),
        Table(
            title="Tokens/s with recurrent memory and resonance attached and speaking, over plain, batch 1",
            header=("cell", "ratio"),
            rows=tuple((name, cell(interval)) for name, interval in data["speed"].items()),
        ),
    )


def _apart(timing: Data) -> str:
    # forward alone makes no gradients that could differ
    return f"{timing['gradients']:.1e}" if "backward" in timing["title"] else "–"


def _streams(data: Data) -> tuple[Table, ...]:
    def setting(value: float | None) -> str:
        return "–" if value is None else f"{value:g}"

    vigilance, count = data["patterns_setting"]
    return (
        Table(
            title=f"Clusters of a stream seen once: adjusted mutual information over {data['config']['shuffles']} orders",
            header=("", "data", "setting", "score", "minus BIRCH"),
            rows=tuple(
                (
                    r["title"],
                    r["data"],
                    setting(r["setting"]),
                    cell(r["score"]),
                    cell(r["over_birch"]) if r["over_birch"] else "–",
                )
                for r in data["clusters"]
            ),
            note=provenance(data),
        ),
        Table(
            title="Out of scope on CLINC150: area under the ROC curve",
            header=("", "setting", "numbers kept", "area", "resonance minus this"),
            rows=tuple(
                (r["title"], setting(r["setting"]), f"{r['numbers']:,}", cell(r["area"]), cell(r["less"])) for r in data["scope"]
            ),
        ),
        Table(
            title="Frequent and rare intents in one stream, then new ones",
            header=("", "share"),
            rows=tuple((r["title"], cell(r["share"])) for r in data["patterns"]),
            note=f"Vigilance {vigilance:g}, promotion after {count} inputs, chosen on other draws of intents.",
        ),
    )


def _windows(data: Data) -> tuple[Table, ...]:
    seeds, weights = len(data["epochs"]), ", ".join(f"{weight:g}" for weight in data["cache_weights"])
    return (
        Table(
            title=f"Nats per token in windows of {data['config']['window']}, {data['tokens']:,} held-out tokens, {seeds} seeds",
            header=("", "nats", "this minus the memory's", "by seed"),
            rows=(
                ("recurrent memory, state carried on", cell(data["memory"]), "–", "–"),
                *(
                    (r["title"], cell(r["nats"]), cell(r["gain"], 4), ", ".join(f"{gain:.4f}" for gain in r["seeds"]))
                    for r in data["rows"]
                ),
            ),
            note=f"{provenance(data)} over {data['documents']} documents and the seeds; cache weights {weights}",
        ),
    )


def _influence(data: Data) -> tuple[Table, ...]:
    after = data["config"]["after"]
    rows = [
        (name, f"{d['decay']:g}", *(cell(one, digits) for one in d[key]))
        for name, key, digits in (("divergence, nats", "divergence", 4), ("share of its size left", "left", 3))
        for d in data["decays"]
    ]
    lives = tuple(
        (
            f"{d['decay']:g}",
            "∞" if d["stated"] is None else f"{d['stated']:.1f}",
            f"over {after[-1]}" if d["half_life"] is None else f"{d['half_life']:.0f}",
        )
        for d in data["decays"]
    )
    return (
        Table(
            title=f"What the state of the first {data['config']['window']} tokens still says n tokens later",
            header=("", "decay", *(f"n = {n}" for n in after)),
            rows=tuple(rows),
            note=f"{provenance(data)} over {data['documents']} documents",
        ),
        Table(title="Tokens after which half of its size is left", header=("decay", "stated", "measured"), rows=lives),
    )


def _keys(data: Data) -> tuple[Table, ...]:
    c = data["config"]
    return (
        Table(
            title=f"{c['pairs']} keys and values told {c['gap'] + 1} segments before they are asked for: values named rightly",
            header=("seed", "state carried on", "state reset", "chance", "carried on, without an output gate", "grown to"),
            rows=tuple(
                (
                    str(c["seed"] + number),
                    *map(cell, (carried, reset)),
                    f"{data['chance']:.3f}",
                    cell(plain),
                    "; ".join(f"{pairs} pairs, gap {gap}" for pairs, gap in grown),
                )
                for number, (carried, reset, plain, *grown) in enumerate(
                    zip(*(data[name] for name in ("carried", "reset", "plain", "reached", "plain_reached")), strict=True)
                )
            ),
            note=f"{provenance(data)} over conversations; {data['parameters']:,} parameters with the gate; grown to: how far the"
            " task had grown before its last third, with and without",
        ),
    )


def _resonance(data: Data) -> tuple[Table, ...]:
    c, gates = data["config"], data["gates"]
    kinds = [effect["gate"] for effect in data["texts"][0]["effects"]]

    def over(name: str, digits: int) -> str:
        return ", ".join(f"{gate[name]:.{digits}f}" for gate in gates)

    return (
        Table(
            title=f"Nats per token with a gate minus without, windows of {c['window']}, {len(gates)} seeds: below 0 it helps",
            header=("", "without", *kinds, "resonance"),
            rows=tuple(
                (
                    f"{t['title']}, {t['tokens']:,} tokens",
                    cell(t["alone"]),
                    *(cell(effect["effect"], 4) for effect in t["effects"]),
                    cell(t["resonance"]),
                )
                for t in data["texts"]
            ),
            note=f"{provenance(data)} over documents (of a book: pieces of 8 windows) and seeds;"
            f" temperature: states times {data['temperature']:g}",
        ),
        Table(
            title="The gates",
            header=("", "by seed"),
            rows=(
                ("damping a", over("damping", 4)),
                ("strength b of the readout", over("strength", 4)),
                ("focus of the readout", over("focus", 2)),
                ("prototypes in ART memory", over("prototypes", 0)),
                ("settled prototypes", over("settled", 0)),
            ),
        ),
    )


def _bulk(data: Data) -> tuple[Table, ...]:
    return (
        Table(
            title="Learning in bulk, without the host",
            header=("vectors by", "workers", "texts", "texts/s", "again, all known (s)", "peak memory (MiB)"),
            rows=tuple(
                (
                    "nobody (random)" if one["encoder"] == "none" else one["encoder"],
                    str(one["workers"]),
                    f"{one['texts']:,}",
                    f"{one['per_second']:,.0f}",
                    f"{one['again']:.2f}",
                    f"{one['peak']:,.0f}",
                )
                for one in data["runs"]
            ),
            note=provenance(data).removesuffix(" · 95 % intervals"),
        ),
    )


def _prune(data: Data) -> tuple[Table, ...]:
    scenarios, note = data["scenarios"], provenance(data)
    header = ("what chose those that went", *(one["name"] for one in scenarios))
    return tuple(
        Table(
            title=title,
            header=header,
            rows=tuple((arm, *(cell(one[name][arm]) for one in scenarios)) for arm in scenarios[0][name]),
            note=note,
        )
        for title, name in (
            (f"Later questions whose item is still there, {data['config']['keep']:.0%} of the items kept", "answered"),
            ("This rule less each other one, of the same years", "ahead"),
        )
    )


_KINDS: dict[tuple[str, int], Callable[[Data], tuple[Table, ...]]] = {
    ("bulk", 1): _bulk,
    ("capacity", 1): capacity_tables,
    ("chat", 1): chat_tables,
    ("edits", 1): _edits,
    ("index", 1): index_tables,
    ("influence", 1): _influence,
    ("keys", 1): _keys,
    ("pairs", 1): _pairs,
    ("quality", 2): _quality,
    ("recurrent", 1): _recurrent,
    ("resonance", 1): _resonance,
    ("speed", 1): _speed,
    ("prune", 1): _prune,
    ("store", 1): store_tables,
    ("streams", 1): _streams,
    ("windows", 1): _windows,
}
"""By bench and version of its results."""
