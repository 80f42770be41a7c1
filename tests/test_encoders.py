"""Which encoders a name can stand for, and that only a hub id is looked for outside this machine."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnemic.encoders import HostEncoder, check_encoder, load_encoder
from mnemic.errors import ConfigError

Asked = list[tuple[str, bool]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What sentence-transformers is asked to load, and whether it may only look on this machine."""
    seen: Asked = []

    class Model:
        def __init__(self, source: str, device: str, local_files_only: bool) -> None:
            seen.append((source, local_files_only))

        def get_embedding_dimension(self) -> int:
            return 4

        def state_dict(self) -> dict[str, Any]:
            return {}

    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Model, __spec__=object()))
    return seen


@pytest.mark.parametrize(
    "name",
    ["nosuch", "all-MiniLM-L6-v2", "MiniLM", "./none/there", "/none", "~/none/there", "a/b/c", "a/", "/b", "", " ", "a b/c"],
)
def test_a_name_that_is_nothing_here_is_looked_for_nowhere(name: str, asked: Asked) -> None:
    with pytest.raises(
        ConfigError, match=r'An encoder is "minilm", "host", the folder .*, or a hub id like "owner/name"'
    ) as caught:
        load_encoder(name, None, 0)
    assert f"Got: {name!r}. Check the name" in str(caught.value)
    assert asked == []


def test_a_file_is_no_encoder(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(ConfigError, match="An encoder is"):
        load_encoder(tmp_path / "model.bin", None, 0)
    assert asked == []


def test_a_folder_is_read_on_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Asked) -> None:
    (tmp_path / "own" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    # the last one could be a hub id; what is there comes first
    for name in (tmp_path / "own", "own", "own/er"):
        load_encoder(name, None, 0)
    assert asked == [(str(tmp_path / "own"), True), ("own", True), ("own/er", True)]


def test_a_hub_id_is_asked_for_as_it_is(asked: Asked) -> None:
    assert load_encoder("owner/some-model.v2", None, 0).id.startswith("owner/some-model.v2:4:")
    assert asked == [("owner/some-model.v2", False)]


def test_known_names_are_known() -> None:
    assert [check_encoder(name) for name in ("minilm", "host")] == ["minilm", "host"]
    texts: Any = SimpleNamespace(fingerprint="f")
    assert isinstance(load_encoder("host", texts, 8), HostEncoder)
    with pytest.raises(ConfigError, match="need a host model"):
        load_encoder("host", None, 0)
