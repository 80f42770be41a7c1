import json

import pytest

from mnemic.errors import InputError
from mnemic.evals import report
from mnemic.evals.edits import EditsConfig
from mnemic.evals.edits import run as run_edits
from mnemic.evals.environment import describe
from mnemic.evals.pairs import PairsConfig
from mnemic.evals.pairs import run as run_pairs
from mnemic.evals.results import command_line, published, to_json, write_json
from mnemic.evals.tables import Table, relations_table, tables_of

DOCUMENT = """# Title
<!-- bench:edits -->
old
<!-- /bench -->
between
<!-- bench:none -->
<!-- /bench -->
"""


@pytest.fixture
def folder(tmp_path, fake):
    _, loads = fake(fires=lambda text, facts: (facts[0], "x"))
    write_json(tmp_path / "results" / "edits.json", run_edits(EditsConfig(n=4), loads=loads))
    write_json(tmp_path / "results" / "pairs.json", run_pairs(PairsConfig(n=2), loads=loads))
    (tmp_path / "README.md").write_text(DOCUMENT, encoding="utf-8")
    return tmp_path


def config(folder, **settings):
    return report.ReportConfig(results=folder / "results", documents=(folder / "README.md",), **settings)


def test_markers_are_filled_once(folder):
    assert report.run(config(folder)) == report.ReportSummary(changed=(str(folder / "README.md"),), missing=("none",))
    text = (folder / "README.md").read_text("utf-8")
    assert "old" not in text
    assert "| subject-matching rule |" in text
    assert "`mnemic bench edits --n 4`" in text
    assert text.startswith("# Title\n<!-- bench:edits -->\n")
    assert text.endswith("<!-- /bench -->\nbetween\n<!-- bench:none -->\n<!-- /bench -->\n")
    assert report.run(config(folder)).changed == ()


def test_check_changes_nothing(folder):
    assert report.run(config(folder, check=True)).changed
    assert (folder / "README.md").read_text("utf-8") == DOCUMENT


@pytest.mark.parametrize(
    "text",
    ["<!-- bench:a -->\nno end", "<!-- /bench -->\n", "<!-- bench:a -->\n<!-- bench:b -->\n<!-- /bench -->\n"],
)
def test_unpaired_markers_are_refused(folder, text):
    (folder / "README.md").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="unpaired markers"):
        report.run(config(folder))


def test_broken_results_are_refused(folder):
    (folder / "results" / "edits.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="A result file is JSON"):
        report.run(config(folder))
    (folder / "results" / "edits.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="JSON object"):
        report.run(config(folder))
    (folder / "results" / "edits.json").write_text('{"bench": "edits", "version": 2}', encoding="utf-8")
    with pytest.raises(InputError, match=r"edits 1.*version 2.*Run that bench again"):
        report.run(config(folder))
    with pytest.raises(InputError, match="must be readable"):
        report.run(report.ReportConfig(results=folder, documents=(folder / "nowhere.md",)))


def test_every_row_is_as_long_as_its_header(folder):
    for path in (folder / "results").glob("*.json"):
        for table in tables_of(json.loads(path.read_text("utf-8"))):
            assert all(len(row) == len(table.header) for row in table.rows)
            assert table.rich().row_count == len(table.rows)


def test_relations_have_a_table_of_their_own(folder):
    data = json.loads((folder / "results" / "edits.json").read_text("utf-8"))
    table = relations_table(data, "pointer")
    assert len(table.rows) == 4
    assert table.rows[0][1] == "1"
    with pytest.raises(InputError, match=r"of an `edits` result.*'nobody' of 'edits'"):
        relations_table(data, "nobody")


def test_a_bar_in_a_cell_is_escaped():
    assert "a\\|b" in Table(title="t", header=("x",), rows=(("a|b",),)).markdown()


def test_the_command_names_no_folder(tmp_path):
    settings = EditsConfig(data=tmp_path / "e.json", model=str(tmp_path), forced=False, arms=("base", "rag"), log=tmp_path / "l")
    line = command_line("edits", settings, EditsConfig())
    assert line == f"mnemic bench edits --data e.json --model {tmp_path.name} --arms base --arms rag --no-forced"
    assert "log" not in published(settings)


def test_what_is_not_a_number_becomes_null(folder):
    assert "NaN" not in (folder / "results" / "edits.json").read_text("utf-8")


def test_the_environment_names_versions():
    found = to_json(describe())
    assert found["packages"]["torch"]
    assert found["threads"] >= 1
    assert found["revision"] is None or len(found["revision"].removesuffix("+changes")) == 12


def test_a_marker_may_ask_for_one_arm_by_relation(folder):
    (folder / "README.md").write_text("<!-- bench:edits#pointer -->\n<!-- /bench -->\n", encoding="utf-8")
    report.run(config(folder))
    assert "**memory: pointer, by relation**" in (folder / "README.md").read_text("utf-8")
    assert report.run(config(folder)).changed == ()
    (folder / "README.md").write_text("<!-- bench:pairs#pointer -->\n<!-- /bench -->\n", encoding="utf-8")
    with pytest.raises(InputError, match="Correct the marker"):
        report.run(config(folder))


def test_a_place_that_cannot_be_written_is_said_and_leaves_nothing(folder):
    (folder / "file").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"must be writable.*Choose another place"):
        write_json(folder / "file" / "edits.json", describe())
    (folder / "taken.json").mkdir()
    with pytest.raises(InputError, match="must be writable"):
        write_json(folder / "taken.json", describe())
    assert not list(folder.glob(".*.part"))
