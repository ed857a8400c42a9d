"""What several sessions do at once, what a statement says of itself, and which number an error has."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from cortex_distill.claims import claim_sql, held_sql, release_sql, reserved_sql
from cortex_distill.ledger_sql import ANSWERED
from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql
from cortex_distill.tables import THERE, complete_sql
from cortex_distill.transient import TOO_LONG
from cortex_distill.upload import upload
from tasks.cancel import cancel_statements

# Minutes of work, of which none is needed: SYSTEM$WAIT is not on every engine.
NUMBERS = "SELECT SEQ8() AS n FROM TABLE(GENERATOR(ROWCOUNT => 300000))"
ENDLESS = f"SELECT COUNT(DISTINCT SHA2(a.n::STRING || b.n::STRING, 256)) FROM ({NUMBERS}) a CROSS JOIN ({NUMBERS}) b"
CALLS = 40


def pending(session, ask_id, keys):
    """PENDING_… of the ledger, with these keys."""
    execute(session, Sql(f"CREATE OR REPLACE TEMPORARY TABLE PENDING_{ask_id} (key STRING, prompt STRING, n NUMBER)"))
    upload(session, f"PENDING_{ask_id}", ["key", "prompt", "n"], [(key, "", n) for n, key in enumerate(keys, 1)])


def claim(session, ask_id):
    """What the ledger reads of a claim: the numbers of its MERGE, added up."""
    return sum(map(int, execute(session, claim_sql("run", ask_id, 1, CALLS + 1, 0.0, ANSWERED))[0]))


@pytest.mark.assumption("merge-counts")
def test_a_merge_says_how_many_rows_it_inserted_and_updated(place):
    ask_id, other = uuid4().hex[:12], uuid4().hex[:12]
    keys = [f"{ask_id}-{n}" for n in range(CALLS)]
    for one in (ask_id, other):
        pending(place.session, one, keys)
    assert [claim(place.session, one) for one in (ask_id, ask_id, other)] == [CALLS, CALLS, 0]
    assert place.query(held_sql(other)) == [(CALLS,)]
    assert place.query(reserved_sql("run", ask_id)) == [(0.0, 0.0)]
    place.query(release_sql(ask_id))
    assert place.query(held_sql(other)) == [(0,)]


@pytest.mark.assumption("merge-at-once")
def test_two_sessions_that_claim_the_same_calls_at_once_share_them(place):
    sessions = [place.session, place.open()]
    for _ in range(2):
        asks = [uuid4().hex[:12] for _ in sessions]
        keys = [f"{asks[0]}-{n}" for n in range(CALLS)]
        for session, ask_id in zip(sessions, asks, strict=True):
            pending(session, ask_id, keys)
        gate = threading.Barrier(2)

        def claimed(session, ask_id, gate=gate):
            gate.wait()
            return claim(session, ask_id)

        with ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(claimed, sessions, asks))
        held = place.rows("SELECT COUNT(*), COUNT(DISTINCT key) FROM CLAIMS WHERE STARTSWITH(key, ?)", asks[0])
        assert (sum(counts), held) == (CALLS, [(CALLS, CALLS)])


@pytest.mark.assumption("insert-at-once")
def test_statements_of_one_session_run_at_once_and_see_its_temporary_tables(place):
    place.rows("CREATE OR REPLACE TEMPORARY TABLE OWN AS SELECT 'x' AS key")
    insert = Sql("INSERT INTO CLAIMS (key, run_id) SELECT key, 'at once' FROM OWN")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: execute(place.session, insert), range(4)))
    assert place.one("SELECT COUNT(*) FROM CLAIMS WHERE run_id = 'at once'") == 4


@pytest.mark.assumption("temporary-own")
def test_a_temporary_table_hides_the_real_one_from_its_session_alone(place):
    place.rows("INSERT INTO FINE_TUNES (fine_tune) SELECT 'real'")
    hiding = place.open()
    execute(hiding, Sql("CREATE TEMPORARY TABLE FINE_TUNES (fine_tune STRING)"))
    assert execute(hiding, Sql("SELECT COUNT(*) FROM FINE_TUNES"))[0][0] == 0
    assert place.one("SELECT COUNT(*) FROM FINE_TUNES WHERE fine_tune = 'real'") == 1


@pytest.mark.assumption("information-schema")
def test_a_new_table_and_its_columns_are_in_information_schema_at_once(place):
    assert list(complete_sql(place.rows(THERE))) == []
    place.rows("CREATE TABLE JUST_NOW (a NUMBER)")
    said = "SELECT column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = CURRENT_SCHEMA() AND table_name = ?"
    assert place.rows(said, "JUST_NOW") == [("A",)]


@pytest.mark.assumption("add-column")
def test_a_column_that_is_there_may_be_added_again(place):
    place.rows("ALTER TABLE TICKETS ADD COLUMN IF NOT EXISTS round NUMBER")


@pytest.mark.assumption("error-numbers")
def test_a_syntax_error_and_a_missing_table_have_their_numbers(place):
    with pytest.raises(SqlError) as wrong:
        place.rows("SELEC 1")
    with pytest.raises(SqlError, match="does not exist or not authorized") as missing:
        place.rows("SELECT * FROM NO_SUCH_TABLE")
    assert (wrong.value.code, missing.value.code) == (1003, 2003)


@pytest.mark.assumption("cancel")
def test_a_statement_is_found_by_its_tag_while_it_runs_and_can_be_cancelled(place):
    working, ended = place.open(), []

    def work():
        try:
            execute(working, Sql(ENDLESS))
        except SqlError as error:
            ended.append(error)

    tag = f"cancel {uuid4().hex}"
    execute(working, Sql(f"ALTER SESSION SET QUERY_TAG = '{tag}'"))
    thread = threading.Thread(target=work)
    thread.start()
    give_up = time.monotonic() + 60
    while thread.is_alive() and not cancel_statements(place.session, tag) and time.monotonic() < give_up:
        time.sleep(0.2)
    thread.join(60)
    assert [error.code for error in ended] == [604]


@pytest.mark.assumption("timeout")
def test_a_statement_that_takes_too_long_ends_with_its_number(place):
    session = place.open()
    execute(session, Sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1"))
    with pytest.raises(SqlError) as late:
        execute(session, Sql(ENDLESS))
    assert (late.value.code, late.value.transient) == (TOO_LONG, True)


@pytest.mark.assumption("clock")
def test_every_session_has_the_same_clock(place):
    session = place.open()
    if not place.stands_in:  # which has one time zone
        execute(session, Sql("ALTER SESSION SET TIMEZONE = 'Asia/Tokyo'"))
    now = "SELECT SYSDATE()::TIMESTAMP_NTZ, DATEADD('second', 20, SYSDATE()) > SYSDATE()"
    (here, later), (there, _) = execute(place.session, Sql(now))[0], execute(session, Sql(now))[0]
    assert abs((there - here).total_seconds()) < 60
    assert later is True


@pytest.mark.assumption("detached")
@pytest.mark.account_only("the local engine has no such parameter; a statement there goes on")
def test_a_statement_whose_client_has_died_goes_on(place):
    (row,) = execute(place.session, Sql("SHOW PARAMETERS LIKE 'ABORT_DETACHED_QUERY' IN SESSION"))
    assert str(row["value"]).lower() == "false"
