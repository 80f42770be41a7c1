"""Tables of `mnemic bench chat`."""

from .rendering import Data, Table, cell, provenance


def chat_tables(data: Data) -> tuple[Table, ...]:
    """Return who answered what, what was remembered, and what stayed the base model's."""
    c = data["config"]
    title = f"{c['n']} personal facts of {data['relations']} relations, told among {data['small_talk']} messages of small talk"
    same = (("unrelated questions", "unrelated"), ("questions about somebody else's", "other"))
    return (
        Table(
            title=f"{title}, asked at least {c['after']} turns and a restart later",
            header=("", "the answer contains the truth"),
            rows=tuple((a["title"], cell(a["right"])) for a in data["answered"]),
            note=f"A memory spoke on {cell(data['spoke'])} of the questions.",
        ),
        Table(
            title="What is remembered of what is said",
            header=("", "kept", "of the facts", "junk among the kept"),
            rows=tuple((a["title"], str(a["items"]), cell(a["facts"]), cell(a["junk"])) for a in data["admitted"]),
            note=f"Kept word for word, without what led to it: {cell(data['trimmed'])}. Replaced later: {data['superseded']}.",
        ),
        Table(
            title="Answers that are token for token the base model's, with all of that remembered",
            header=("", "identical"),
            rows=tuple((name, f"{cell(data[key])} of {data[key]['n']}") for name, key in same),
            note=provenance(data),
        ),
    )
