"""`export` and `import`: on real stores, without a model."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from mnemic.store import open_store
from store.samples import DIM, ENCODER, new_item


def test_the_commands_write_and_read(tmp_path: Path, cli: Callable[..., Result]) -> None:
    with open_store(tmp_path / "store") as store:
        store.open_for(ENCODER, DIM)
        store.insert([new_item("The van is grey.", seed=1, scope="default"), new_item("Hers.", seed=2, scope="anna")])
    path = tmp_path / "all.jsonl"
    assert "1 item written" in cli("export", str(path)).stdout
    assert cli("export", str(path)).exit_code == 1
    assert "2 items written" in cli("export", str(path), "--all", "--force").stdout
    assert json.loads(cli("export", "-").stdout.splitlines()[1])["scope"] == "default"
    done = cli("import", str(path), "--store", str(tmp_path / "other"))
    assert "2 items added; 0 were there already" in done.stdout
    assert json.loads(cli("import", str(path), "--store", str(tmp_path / "other"), "--json").stdout)["known"] == 2
    path.write_text("no export", encoding="utf-8")
    refused = cli("import", str(path), "--store", str(tmp_path / "third"))
    assert refused.exit_code == 1
    assert not (tmp_path / "third").exists()
    with open_store(tmp_path / "store") as store:
        item = store.items("default")[0]
    broken = tmp_path / "broken.jsonl"
    cli("export", str(broken))
    broken.write_text(broken.read_text(encoding="utf-8").replace('"active"', '"activ"'), encoding="utf-8")
    assert cli("import", str(broken), "--store", str(tmp_path / "third")).exit_code == 1
    assert not (tmp_path / "third").exists()
    # an unknown scope is no beginning of an export
    assert cli("export", "-", "--scope", "nobody").stdout == ""
    cli("erase", item.id)
    cli("export", str(path), "--force")
    assert "0 items added; 0 were" in cli("import", str(path), "--store", str(tmp_path / "fourth")).stdout
