"""Reading texts to learn."""

import io
import json
import sys
from pathlib import Path

import pytest

from mnemic.errors import ConfigError, InputError
from mnemic.inputs import MAX_LINE_BYTES, BadLine, TextRecord, read_texts
from mnemic.types import FoundAt


class Pipe(io.RawIOBase):
    """Bytes that can be read once, like standard input at the end of a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self.read_so_far = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        count = self._data.readinto(buffer)
        self.read_so_far += count
        return count


def texts(data: bytes, format: str = "text", on_error: str = "stop") -> list[str]:
    return [record.text for record in read_texts(io.BytesIO(data), format, on_error)]


def bad(data: bytes, format: str) -> list[BadLine]:
    reader = read_texts(io.BytesIO(data), format, "skip")
    list(reader)
    return reader.bad


def test_plain_text_is_one_text_per_line_as_given(tmp_path: Path) -> None:
    file = tmp_path / "facts.txt"
    file.write_bytes("\ufeff  My dog is Biscuit. \r\n\n   \n# no comment sign\nÅ is A\u030a\tor Å\nno end".encode())
    assert list(read_texts(file)) == [
        TextRecord(text="My dog is Biscuit.", source="facts.txt:1", line=1),
        TextRecord(text="# no comment sign", source="facts.txt:4", line=4),
        TextRecord(text="Å is A\u030a\tor Å", source="facts.txt:5", line=5),
        TextRecord(text="no end", source="facts.txt:6", line=6),
    ]


def test_json_lines_carry_fields(tmp_path: Path) -> None:
    file = tmp_path / "facts.JSONL"
    rows = [
        {"text": " two\nlines ", "category": "pets", "importance": 1, "source": "me"},
        {"text": "plain", "category": None, "importance": None, "source": None},
    ]
    file.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert list(read_texts(str(file))) == [
        TextRecord(text="two\nlines", category="pets", importance=1, source="me", line=1),
        TextRecord(text="plain", source="facts.JSONL:3", line=3),
    ]


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_a_place_is_told_from_a_source_that_was_named(format: str) -> None:
    data = b'{"text": "a", "source": "f:1"}\n{"text": "a", "source": ""}\n{"text": "a"}\n'
    kinds = [isinstance(record.source, FoundAt) for record in read_texts(io.BytesIO(data), format)]
    assert kinds == ([True, True, True] if format == "text" else [False, True, True])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "a",}', "it isn't JSON: "),
        (b"plain", "it isn't JSON: Expecting value at character 1"),
        (b'["text"]', "it is a JSON array, not an object"),
        (b"null", "it is a JSON null, not an object"),
        (b"{}", 'it has no "text"'),
        (
            b'{"text": "a", "catgory": "b"}',
            "unknown key 'catgory', did you mean 'category'? (known: text, category, importance, source)",
        ),
        (b'{"text": "a", "xyz": 1}', "unknown key 'xyz' (known: text, category, importance, source)"),
        (b'{"text": "a", "text": "b"}', "it isn't usable JSON: a key occurs twice"),
        (b'{"text": 7}', '"text" can\'t be used: it is int, not text'),
        (b'{"text": null}', '"text" can\'t be used: it is NoneType, not text'),
        (b'{"text": " "}', '"text" can\'t be used: it holds nothing but white space'),
        (b'{"text": "a\\u0000"}', '"text" can\'t be used: it holds the control character U+0000 at character 2'),
        (b'{"text": "\\ud800"}', '"text" can\'t be used: it holds the lone surrogate U+D800 at character 1'),
        (b'{"text": "a", "importance": 2}', '"importance" can\'t be used: it is 2, not a number from 0 to 1'),
        (b'{"text": "a", "importance": true}', '"importance" can\'t be used: it is True, not a number from 0 to 1'),
        (b'{"text": "a", "importance": NaN}', "it isn't usable JSON: NaN isn't a JSON number"),
        (b'{"text": "a", "category": 1}', '"category" can\'t be used: it is int, not text'),
        (b'{"text": "a", "source": "\\u0007"}', '"source" can\'t be used: it holds the control character U+0007 at character 1'),
        (b'{"text": "a", "importance": ' + b"9" * 5000 + b"}", "it isn't usable JSON: Exceeds the limit"),
    ],
)
def test_a_bad_json_line_is_told_by_number_and_reason(line: bytes, reason: str) -> None:
    data = b'{"text": "good"}\n\n' + line + b'\n{"text": "also good"}\n'
    (found,) = bad(data, "jsonl")
    assert found.line == 3
    assert found.reason.startswith(reason)
    assert texts(data, "jsonl", "skip") == ["good", "also good"]
    with pytest.raises(InputError) as caught:
        read_texts(io.BytesIO(data), "jsonl")
    assert str(caught.value).startswith(
        "Every line must be good; nothing was used. Got: 1 bad line in stream:\n  line 3: " + reason
    )
    assert "on_error='skip'" in str(caught.value)


def test_deep_json_is_a_bad_line_and_no_crash() -> None:
    (found,) = bad(b'{"text": ' + b"[" * 200_000 + b"\n", "jsonl")
    assert found.reason.startswith("it isn't")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"caf\xe9 au lait", "it isn't UTF-8: byte 0xE9 at offset 9 of the file"),
        (b"a\x00b", "it holds the control character U+0000 at character 2"),
        (b"\x1b[31mred", "it holds the control character U+001B at character 1"),
        (b"old\rmac", None),
        (b"x" * MAX_LINE_BYTES, None),
        (b"x" * (MAX_LINE_BYTES + 1), f"it is longer than {MAX_LINE_BYTES} bytes"),
        (b"x" * (3 * MAX_LINE_BYTES), f"it is longer than {MAX_LINE_BYTES} bytes"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_bad_text_line_is_told_by_number_and_reason(line: bytes, reason: str | None, end: bytes) -> None:
    first = b"first" if end == b"\n" else b"1234"
    data = first + end + line + end + b"last"
    expected = [] if reason is None else [BadLine(line=2, reason=reason)]
    assert bad(data, "text") == expected
    assert texts(data, "text", "skip")[-1] == "last"


def test_offsets_count_the_byte_order_mark_and_long_lines() -> None:
    assert bad(b"\xef\xbb\xbfa\xff\n", "text")[0].reason.endswith("byte 0xFF at offset 4 of the file")
    long = b"x" * (2 * MAX_LINE_BYTES)
    assert bad(long + b"\n\xff\n", "text")[1] == BadLine(
        line=2, reason=f"it isn't UTF-8: byte 0xFF at offset {len(long) + 1} of the file"
    )


def test_utf16_is_named() -> None:
    with pytest.raises(InputError, match="it looks like UTF-16, save it as UTF-8"):
        texts("fact\n".encode("utf-16"))


def test_an_error_lists_twenty_lines_and_counts_the_rest() -> None:
    data = b"good\n" + b"\xff\n" * 1500
    with pytest.raises(InputError) as caught:
        texts(data)
    assert "1500 bad lines" in str(caught.value)
    assert "line 21:" in str(caught.value)
    assert "line 22:" not in str(caught.value)
    assert "and 1480 more" in str(caught.value)
    reader = read_texts(io.BytesIO(data), "text", "skip")
    assert [r.text for r in reader] == ["good"]
    assert (reader.good_count, reader.bad_count, len(reader.bad)) == (1, 1500, 1000)


@pytest.mark.parametrize("data", [b"", b"\n \n\t\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_a_source_without_a_text_is_refused(data: bytes, on_error: str, format: str) -> None:
    with pytest.raises(InputError, match=r"must hold at least one\. Got: only blank lines in stream\. Give a text\."):
        texts(data, format, on_error)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_pipe_works_like_a_file(on_error: str) -> None:
    data = b"".join(b"fact %d\n" % n for n in range(1000))
    assert [r.text for r in read_texts(io.BufferedReader(Pipe(data)), "text", on_error)] == [f"fact {n}" for n in range(1000)]
    with pytest.raises(InputError, match="line 1001: it isn't UTF-8"):
        read_texts(io.BufferedReader(Pipe(data + b"\xff")), "text")


def test_skipping_streams() -> None:
    pipe = Pipe(b"fact\n" * 1_000_000)
    reader = read_texts(io.BufferedReader(pipe), "text", "skip")
    assert next(reader).text == "fact"
    assert pipe.read_so_far < 100_000


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    assert [(r.text, r.source) for r in read_texts("-")] == [("one", "standard input:1"), ("two", "standard input:2")]


def test_a_file_is_closed_when_read_and_when_refused(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.txt", tmp_path / "broken.txt"
    good.write_text("a\n", encoding="utf-8")
    broken.write_bytes(b"\xff\n")
    # an open file would warn when it is collected, and warnings are errors
    assert len(list(read_texts(good))) == 1
    with pytest.raises(InputError):
        read_texts(broken)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path, "a\x00b"):
        with pytest.raises(InputError, match=r"must be a file that can be read\. Got: .* Check its path\."):
            read_texts(path)
    (tmp_path / "facts.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"plain text or JSON Lines\. Got: facts\.json"):
        read_texts(tmp_path / "facts.json")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"`format` is one of 'auto', .*'mcp'\. Got: 'csv'"):
        read_texts(io.BytesIO(b"a"), "csv")
    with pytest.raises(ConfigError, match=r"`on_error` is 'stop' or 'skip'\. Got: 'ignore'"):
        read_texts(io.BytesIO(b"a"), "text", "ignore")
