"""`distill export`: the tickets of a run on the engine as files, page by page, with a card that says what they are."""

import json
from datetime import datetime

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.session import execute
from cortex_distill.sql import Sql
from cortex_distill.tables import ADDED, TABLES, create_sql
from cortex_distill.upload import upload
from flows.__main__ import cli
from flows.export import CARD, export_run
from tasks import export_rows
from tests.hostile_strings import HOSTILE

RUN = "aaaa-1111"
CONFIG = {
    "name": "shoes",
    "categories": {"Refund": "money back", "Late delivery": "no parcel yet"},
    "models": {"teacher": "big", "judge": "big", "student": "small"},
    "generate": {"prompt": "Write {{ count }} of {{ category }}"},
    "judge": {"thresholds": {"valid": 3.0}, "prompt": "Rate {{ request }}"},
}


def add_run(session, run_id=RUN):
    execute(
        session,
        Sql(
            """INSERT INTO EXPERIMENTS (run_id, experiment, engine, config_hash, git_commit, config, role, model,
                variant, served_by, evaluation_set, n, correct, accuracy, accuracy_low, accuracy_high,
                macro_f1, created_at)
            SELECT ?, 'shoes', 'local', 'abc', 'def', PARSE_JSON(?), 'tuned student', 'm', 'tuned', 'simulated:m',
                'holdout', 10, 5, 0.5, 0.24, 0.76, 0.5, ?""",
            (run_id, json.dumps(CONFIG), datetime(2026, 11, 1)),
        ),
    )


def add_tickets(session, texts, run_id=RUN, columns=()):
    rows = [
        (run_id, f"t{n:04d}", list(CONFIG["categories"])[n % 2], text, n % 7 != 6, "train" if n % 3 else "validation")
        for n, text in enumerate(texts)
    ]
    upload(session, "TICKETS", ["run_id", "ticket_id", "category", "request", "kept", "split"], rows)
    execute(session, Sql("UPDATE TICKETS SET split = NULL, dropped_because = 'judge: valid 1 < 3' WHERE NOT kept"))
    execute(session, Sql("UPDATE TICKETS SET rating = PARSE_JSON('{\"valid\": 4}') WHERE kept"))
    return rows


@pytest.fixture
def filled(prepared, session):
    """An engine with a run whose tickets are hostile strings."""
    add_run(session)
    session.rows = add_tickets(session, HOSTILE)
    return session


def kept(session):
    """(ticket, category, request) of the kept ones, in the order of the files."""
    rows = [row[1:4] for row in session.rows if row[4]]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def read_jsonl(path):
    return [json.loads(line) for line in path.read_bytes().decode().splitlines()]


def test_every_kept_ticket_is_there_once_in_order_whatever_its_text_and_wherever_a_page_ends(
    filled, tmp_path, monkeypatch
):
    monkeypatch.setattr(export_rows, "PAGE", 7)
    folder, files = export_run(filled, "local", "aaaa", "jsonl", tmp_path / "x")
    rows = read_jsonl(folder / "tickets.jsonl")
    assert [(row["ticket_id"], row["category"], row["request"]) for row in rows] == kept(filled)
    assert files.rows == {"tickets.jsonl": len(kept(filled))}
    assert rows[0]["rating"] == {"valid": 4}
    assert "dropped_because" not in rows[0]


def test_dropped_tickets_come_along_where_they_are_wanted_with_their_reason(filled, tmp_path):
    folder, _ = export_run(filled, "local", "aaaa", "parquet", tmp_path / "x", dropped=True)
    rows = pq.read_table(folder / "tickets.parquet").to_pylist()
    assert len(rows) == len(HOSTILE)
    assert {(row["kept"], row["dropped_because"]) for row in rows} == {(True, None), (False, "judge: valid 1 < 3")}


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "hf"])
def test_the_same_run_gives_the_same_files(filled, tmp_path, form):
    written = []
    for name in ("a", "b"):
        folder, _ = export_run(filled, "local", "aaaa", form, tmp_path / name)
        written.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert written[0] == written[1]
    assert len(written[0]) >= 2


def test_the_hugging_face_folder_names_its_files_and_what_has_no_share_is_said(filled, tmp_path):
    execute(filled, Sql("UPDATE TICKETS SET split = NULL WHERE ticket_id = 't0001'"))
    folder, files = export_run(filled, "local", "aaaa", "hf", tmp_path / "x")
    assert set(files.rows) == {"data/train.parquet", "data/validation.parquet"}
    assert sum(files.rows.values()) == len(kept(filled)) - 1
    assert "1 kept tickets have no share yet" in (folder / CARD).read_text()
    assert "  - split: validation\n    path: data/validation.parquet\n" in (folder / CARD).read_text().split("---")[1]


def test_chats_are_what_the_student_was_trained_on(filled, tmp_path):
    rows = [(RUN, "train", "a request", "Refund"), (RUN, "validation", "another", "Refund"), ("zz", "train", "x", "y")]
    upload(filled, "TRAINING_ROWS", ["run_id", "split", "prompt", "completion"], rows)
    folder, files = export_run(filled, "local", "aaaa", "openai", tmp_path / "x")
    (chat,) = read_jsonl(folder / "train.jsonl")
    assert chat["messages"][0] == {"role": "user", "content": "a request"}
    assert chat["messages"][1] == {"role": "assistant", "content": "Refund"}
    assert files.rows == {"train.jsonl": 1, "validation.jsonl": 1}


def test_a_run_of_an_older_version_whose_tickets_lack_columns_is_exported_all_the_same(session, tmp_path):
    for table in ("EXPERIMENTS", "COMPLETIONS"):
        execute(session, Sql(create_sql(table)))
    later = {name.split()[0] for name in ADDED["TICKETS"]}
    older = ", ".join(column for column in TABLES["TICKETS"].split(",") if column.split()[0] not in later)
    execute(session, Sql(f"CREATE TABLE TICKETS ({older})"))
    execute(session, Sql("ALTER TABLE EXPERIMENTS DROP COLUMN design_effect"))
    add_run(session)
    add_tickets(session, ["one", "two"])
    folder, _ = export_run(session, "local", "aaaa", "jsonl", tmp_path / "x")
    assert [(row["request"], row["vote"], row["round"]) for row in read_jsonl(folder / "tickets.jsonl")] == [
        ("two", None, None),
        ("one", None, None),
    ]


def test_a_folder_with_other_files_is_left_alone_and_one_with_an_earlier_export_is_written_anew(filled, tmp_path):
    folder, _ = export_run(filled, "local", "aaaa", "csv", tmp_path / "x")
    (folder / "tickets.csv").write_text("old")
    export_run(filled, "local", "aaaa", "csv", folder)
    assert (folder / "tickets.csv").read_text() != "old"
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files \(mine.txt\)"):
        export_run(filled, "local", "aaaa", "csv", folder)
    assert (folder / "mine.txt").read_text() == "mine"


def test_the_beginning_of_an_id_must_name_one_run_and_a_whole_id_always_does(filled, tmp_path):
    add_run(filled, f"{RUN}22")
    with pytest.raises(StepError, match="2 runs begin so"):
        export_run(filled, "local", "aa", "csv", tmp_path / "x")
    with pytest.raises(StepError, match="EXPERIMENTS has no such run"):
        export_run(filled, "local", "zz", "csv", tmp_path / "x")
    export_run(filled, "local", RUN, "csv", tmp_path / "x")
    with pytest.raises(StepError, match="no rows for --to csv"):
        export_run(filled, "local", f"{RUN}22", "csv", tmp_path / "y")


def test_dropped_tickets_and_shares_do_not_go_together():
    said = CliRunner().invoke(cli, ["export", RUN, "--to", "hf", "--all"])
    assert "--all does not go with --to hf" in said.output


def test_the_card_counts_what_was_kept_and_why_the_rest_was_not(filled, tmp_path):
    folder, _ = export_run(filled, "local", "aaaa", "jsonl", tmp_path / "x")
    card = (folder / CARD).read_text()
    lost = len(HOSTILE) - len(kept(filled))
    assert f"| judge\\: valid 1 &lt; 3 | {lost} |" in card
    assert f"{lost} tickets were dropped" in card
    assert "**Fill this in.**" in card
    assert "Simulated models answered" in card
    assert "| holdout | tuned student | m | tuned | simulated\\:m | 10 | 0.50 (0.24–0.76) |" in card
