"""Tables of the benches of the store and of its search index."""

from .rendering import Data, Table, provenance


def store_tables(data: Data) -> tuple[Table, ...]:
    """Return the table of `mnemic bench store`."""
    c, killed, together = data["config"], data["killed"], data["together"]
    processes = f"{c['writers']} writers and {c['readers']} readers for {c['together']:g} s"
    return (
        Table(
            title="Promises of the embedded store, tried",
            header=("", "tried", "found"),
            rows=(
                (
                    "writers killed at random moments",
                    f"{killed['rounds']} rounds, {killed['acknowledged']:,} acknowledged changes",
                    f"{killed['lost']} lost, {killed['half']} half-written, {killed['unopened']} stores that don't open",
                ),
                (
                    processes,
                    f"{together['changes']:,} changes, {together['reads']:,} reads",
                    f"{together['lost']} lost, {together['duplicated']} duplicated, {len(together['errors'])} errors,"
                    f" longest wait of a reader {together['waited']:.2f} s",
                ),
                (
                    f"durable insert, {c['items']:,} items",
                    f"{c['inserts']} one by one",
                    f"p50 {data['insert_p50']:.2f} ms, p95 {data['insert_p95']:.2f} ms",
                ),
                (
                    "erase, every file searched",
                    f"{c['erased']} one by one",
                    f"{data['erase_left']} left in a file, {data['erase_reported']} reported so, p50 {data['erase_p50']:.0f} ms",
                ),
            ),
            note=provenance(data).removesuffix(" · 95 % intervals"),
        ),
    )


def index_tables(data: Data) -> tuple[Table, ...]:
    """Return the tables of `mnemic bench index`."""
    c, note = data["config"], provenance(data).removesuffix(" · 95 % intervals")
    millions, per = f"{c['items']:,} items", 1 / c["items"]

    def timed(what: str, one: Data) -> tuple[str, str, str, str]:
        recall = "" if one["recall"] is None else f"{one['recall']:.4f}"
        return what, f"{one['p50']:.2f}", f"{one['p95']:.2f}", recall

    def once(what: str, seconds: float) -> tuple[str, str, str, str]:
        return what, f"{seconds * 1000:,.0f}", "", ""

    calls = [
        timed("search", data["search"]),
        timed("search in a category of 1 % of the items", data["filtered"]),
        timed("search by words", data["words"]),
        timed("count these words", data["counts"]),
        timed("durable insert of one item", data["insert"]),
        timed("the search after it", data["search_after"]),
        *([timed("erase one item, every file searched, and search", data["erase"])] if data["erase"] else []),
        once("open in a new process and search, files cached", data["open_cached"]),
        once("the same, files not cached", data["open_evicted"]),
        once("its first search by words", data["first_words"]),
    ]
    sizes = [
        ("database on disk", f"{data['database_bytes'] / data['stored']:,.0f}"),
        ("saved index on disk", f"{data['index_bytes'] * per:,.0f}"),
        ("memory of a process of its own", f"{data['memory_own'] * per:,.1f}"),
        ("mapped files in memory, shared", f"{data['memory_mapped'] * per:,.1f}"),
        ("further memory after a search by words", f"{data['memory_words'] * per:,.1f}"),
    ]
    asked = f"{data['search']['count']} questions held out"
    made = f"written in {data['insert_seconds']:,.0f} s, the index built in {data['build_seconds']:,.0f} s"
    lists = f", {data['probes']:,} of {data['lists']:,} lists looked at" if data["lists"] else ", looked at one by one"
    tables = [
        Table(
            title=f"A store of {millions}, {data['real']:,} of them real sentences; {made}{lists}",
            header=(asked, "p50 ms", "p95 ms", "recall@10"),
            rows=tuple(calls),
        ),
        Table(title="Bytes per item", header=("", "bytes"), rows=tuple(sizes), note=note),
    ]
    if data["routes"]:
        rows = [
            (
                r["gate"],
                f"{r['p50']:.1f}",
                f"{r['p95']:.1f}",
                *("none" if r[part] is None else f"{r[part]:.0f}" for part in ("encoder", "host")),
                f"{r['accepted']:.0%}",
            )
            for r in data["routes"]
        ]
        header = ("gate", "p50 ms", "p95 ms", "encoder, not counted", "host's pass, not counted", "answered")
        title = f"From a question's vector to a verdict among {c['routed']:,} facts: vectors, rare words and the gate"
        tables.append(Table(title=title, header=header, rows=tuple(rows), note=note))
    return tuple(tables)
