"""The tables of `mnemic bench capacity`."""

from .rendering import Data, Table, cell, provenance


def capacity_tables(data: Data) -> tuple[Table, ...]:
    """Return the tables of a result of `capacity`."""
    titles = [c["title"] for c in data["columns"]]
    collisions, against = data["collisions"], data["against"]
    reasons = "; ".join(f"{r['records']:,}: {r['title']}" for r in collisions["reasons"].values() if r["records"])
    asked, taught = data["sizes"][-1]["asked"], data["data"]["records"]
    left_out = (
        f"Left out at every size: {collisions['asked']:,} of {asked:,} asked records, which collide with another of the"
        f" {taught:,} taught; of all taught, {collisions['records']:,} do ({reasons})"
        if collisions["records"]
        else f"None of the {taught:,} taught records collides with another"
    )
    return (
        _shares(data, "apart", f"{data['data']['name']}: one memory, filled in steps", f"{left_out}. {provenance(data)}"),
        Table(
            title=f"Minus the same records at {against:,} facts",
            header=("facts held", *titles),
            rows=tuple(
                (f"{s['size']:,}", *(_change(s["apart"]["change"][c["name"]]) for c in data["columns"]))
                for s in data["sizes"]
                if s["size"] != against
            ),
            note="In round brackets: answers gained and lost. Where there are none, the interval can't show how unsure that is.",
        ),
        _shares(data, "everything", "With nothing left out", ""),
        _costs(data),
    )


def _shares(data: Data, which: str, title: str, note: str) -> Table:
    return Table(
        title=title,
        header=("facts held", "records", *(c["title"] for c in data["columns"]), "harmonic mean"),
        rows=tuple(
            (
                f"{s['size']:,}",
                f"{s[which]['n']:,}",
                *(cell(s[which]["columns"][c["name"]]) for c in data["columns"]),
                cell(s[which]["harmonic"]),
            )
            for s in data["sizes"]
        ),
        note=note,
    )


def _change(change: Data | None) -> str:
    return "–" if change is None else f"{cell(change['share'])} (+{len(change['gained'])} −{len(change['lost'])})"


def _costs(data: Data) -> Table:
    sizes = data["sizes"]
    first = sizes[0]
    compared, differ = (sum(s[name] for s in sizes) for name in ("compared", "differ"))

    def over_first(now: float, then: float) -> str:
        return f"{now:.1f} ({now / then:.2f})" if then > 0 else f"{now:.1f} (–)"

    return Table(
        title="Milliseconds, and in brackets their ratio to the first size's",
        header=("facts held", "one write, median", "one recall, median", "one recall, p95", "learned since the size before"),
        rows=tuple(
            (
                f"{s['size']:,}",
                over_first(s["writes"]["ms_median"], first["writes"]["ms_median"]),
                over_first(s["recall_p50"], first["recall_p50"]),
                over_first(s["recall_p95"], first["recall_p95"]),
                ", ".join(f"{count:,} {action}" for action, count in s["writes"]["actions"].items()),
            )
            for s in sizes
        ),
        note=f"Of {compared:,} answers that were generated with memory on although none speaks, {differ:,} differ from"
        f" the base model's; {sum(s['by_contract'] for s in sizes):,} were taken from it without generating again.",
    )
