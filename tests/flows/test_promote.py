"""Promotion: only past the gate that the run recorded, on the engine that measured; PROMOTIONS tells the history."""

import json
import time

import pytest
from click.testing import CliRunner

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.load import load_experiment
from cortex_distill.promotion import candidate, promote, promoted
from cortex_distill.tables import create_sql
from flows import promote as command

GATE = {"alias": "shoe_router", "set": "holdout", "min_accuracy": 0.7, "min_lower_bound": 0.5}
COLUMNS = (
    "run_id, model, evaluation_set, engine, served_by, accuracy, accuracy_low, experiment, role, variant, n,"
    " accuracy_high"
)


@pytest.fixture
def tuned(session):
    """The full name of a tuned model that the engine really has."""
    session.sql("CREATE TABLE PAIRS AS SELECT 'too small' AS prompt, 'Wrong size' AS completion").collect()
    query = "SELECT prompt, completion FROM DISTILL.PUBLIC.PAIRS"
    create = f"SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', 'SHOES_1', 'llama3.1-8b', '{query}', '{query}')"
    job = session.sql(create).collect()[0][0].strip('"')
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        described = json.loads(session.sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', '{job}')").collect()[0][0])
        if described["status"] == "SUCCESS":
            return described["model"]
        time.sleep(0.02)
    raise AssertionError(described)


@pytest.fixture
def record(session, tuned):
    """Writes the EXPERIMENTS row of a run's tuned student: .80 (.71–.87) on 100 holdout rows, with changes."""
    session.sql(create_sql("EXPERIMENTS")).collect()

    def write(run_id, gate=GATE, **changes):
        row = {"run_id": run_id, "model": tuned, "evaluation_set": "holdout", "engine": "local"}
        row |= {"served_by": "simulated:classifier", "accuracy": 0.8, "accuracy_low": 0.71, **changes}
        config = json.dumps({"name": "shoes"} | ({"promote": gate} if gate else {}))
        session.sql(
            f"INSERT INTO EXPERIMENTS ({COLUMNS}, config)"
            " SELECT ?, ?, ?, ?, ?, ?, ?, 'shoes', 'tuned student', 'tuned', 100, 0.87, PARSE_JSON(?)",
            params=[*row.values(), config],
        ).collect()

    return write


def rows(session):
    session.sql(create_sql("PROMOTIONS")).collect()
    return session.sql("SELECT * FROM PROMOTIONS ORDER BY promoted_at").collect()


def test_a_run_past_its_gate_gets_the_alias_and_a_row_that_says_who(session, record, tuned):
    record("aa-1")
    assert promote(session, "local", candidate(session, "aa")).is_new
    assert promoted(session, "shoe_router") == tuned
    (row,) = rows(session)
    assert (row["RUN_ID"], row["N"], row["ACCURACY"], json.loads(row["GATE"])) == ("aa-1", 100, 0.8, GATE)
    assert row["PROMOTED_BY"] and row["PROMOTED_AT"]


def test_promoting_the_same_run_again_adds_nothing(session, record):
    record("aa-1")
    promote(session, "local", candidate(session, "aa-1"))
    assert not promote(session, "local", candidate(session, "aa-1")).is_new
    assert len(rows(session)) == 1


def test_the_newest_promotion_counts_and_the_older_one_stays(session, record):
    for run in ("aa-1", "bb-2", "aa-1"):
        if run not in {row["RUN_ID"] for row in rows(session)}:
            record(run)
        assert promote(session, "local", candidate(session, run)).is_new
    assert [row["RUN_ID"] for row in rows(session)] == ["aa-1", "bb-2", "aa-1"]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"accuracy": 0.69}, "accuracy 0.690 is 0.010 below 0.7"),
        ({"accuracy_low": 0.4}, "lower end of the 95 % interval 0.400 is 0.100 below 0.5"),
    ],
)
def test_below_the_gate_the_figures_and_what_is_missing_are_told(session, record, changes, missing):
    record("aa-1", **changes)
    with pytest.raises(StepError, match="n = 100") as refused:
        promote(session, "local", candidate(session, "aa-1"))
    assert missing in str(refused.value)
    assert rows(session) == []


def test_exactly_at_the_gate_is_past_it(session, record):
    record("aa-1", accuracy=0.7, accuracy_low=0.5)
    assert promote(session, "local", candidate(session, "aa-1")).is_new


def test_refusals_say_what_to_do(session, record):
    record("aa-1")
    record("aa-2", gate=None)
    record("bb-1", evaluation_set="validation")
    for beginning, told in (
        ("aa", "2 runs begin so"),
        ("zz", "no run begins so"),
        ("aa-2", "no gate; write promote"),
        ("bb", "not measured on holdout"),
    ):
        with pytest.raises(StepError, match=told):
            candidate(session, beginning)


def test_a_run_without_a_tuned_student_is_refused(session, record):
    record("aa-1")
    session.sql("UPDATE EXPERIMENTS SET role = 'teacher'").collect()
    with pytest.raises(StepError, match="no tuned student"):
        candidate(session, "aa-1")


@pytest.mark.parametrize("engine", ["local", "prod"])
def test_a_local_figure_never_promotes_a_model_of_an_account(session, record, engine):
    record("aa-1", engine=engine)
    with pytest.raises(StepError, match="says nothing about a model of 'prod'"):
        promote(session, "prod", candidate(session, "aa-1"))


def test_a_model_that_is_gone_is_refused(session, record, tuned):
    record("aa-1")
    session.sql(f"DROP MODEL {tuned}").collect()
    with pytest.raises(StepError, match="is not on 'local'"):
        promote(session, "local", candidate(session, "aa-1"))


def test_an_alias_that_nothing_goes_by_is_an_error(session):
    with pytest.raises(StepError, match="nothing goes by the alias 'x'"):
        promoted(session, "x")


def test_the_command_promotes_and_lists(session, record, tuned, home, monkeypatch):
    record("aa-1")
    monkeypatch.setattr(command, "open_session", lambda engine: session)
    monkeypatch.setattr(session, "close", lambda: None)
    said = CliRunner().invoke(command.promote, ["aa"]).output
    assert said.startswith(f"shoe_router is now {tuned}: 0.800 (0.710–0.870) on holdout, n = 100")
    assert f"shoe_router → {tuned}" in CliRunner().invoke(command.promote, ["--list"]).output
    assert CliRunner().invoke(command.promote, []).exit_code == 2


def test_a_gate_on_a_set_that_does_not_exist_is_a_mistake_in_the_file(write):
    with pytest.raises(ConfigError, match=r"promote.set: there is no holdout set; add holdout"):
        load_experiment(write({"promote": GATE}))
    with pytest.raises(ConfigError, match=r"there is no test set; add split\.test"):
        load_experiment(write({"promote": GATE | {"set": "test"}}))
