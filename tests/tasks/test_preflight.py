"""Preflight: what would go wrong later is said before the first call, all at once, each with what mends it."""

import time
from datetime import date

import pytest

from cortex_distill.account import Account, BaseModel, Grant, Here, account_of
from cortex_distill.errors import SetupError
from cortex_distill.findings import problems, warnings
from cortex_distill.load import load_experiment
from cortex_distill.model_checks import Known, model_findings, nearest
from cortex_distill.rights_check import rights_findings
from cortex_distill.session import SqlError
from cortex_distill.training_size import size_findings
from tasks import preflight
from tasks.holdout_check import check_holdout
from tasks.longest_prompts import longest_prompts
from tasks.preflight import check_everything, findings, lines

TODAY = date(2026, 11, 27)
OWNER = [Grant("OWNERSHIP", "ROLE", "ENGINEER", True)]
EVERYBODY = [Grant("USE AI FUNCTIONS", "ROLE", "PUBLIC", True)]


def model(name, status="GA", here="AWS_US_WEST_2", across=("ANY_REGION", "AWS_US"), legacy="", end=""):
    """A row of SHOW CORTEX BASE MODELS, as its page describes it."""
    return BaseModel(name, status, frozenset([here] if here else []), frozenset(across), legacy, end)


SHOWN = [
    model("llama3.1-8b"),
    model("llama3.3-70b"),
    model("mistral-large3", "PUPR", here=""),
    model("qwen3-32b", here=""),
    model("mistral-7b", "LEGACY", legacy="2026-08-12", end="No sooner than October 14, 2026"),
    model("llama3.1-405b", "EOL", here="", across=(), end="2026-07-10"),
]


def account(**changes):
    """An account in which everything is well, as an engineer of its owner sees it."""
    shown = changes.pop("shown", SHOWN)
    sound = Account(
        here=Here("AWS_US_WEST_2", "ENGINEER", "WH", "DB", "S"),
        models=None if shown is None else {one.name: one for one in shown},
        cross_region="ANY_REGION",
        warehouse_size="Small",
        on_schema=OWNER,
        on_account=EVERYBODY,
        no_tuning="",
        unknown={},
    )
    return sound._replace(**changes)


def said_of(teacher="llama3.3-70b", student="llama3.1-8b", known=None, **changes):
    """(problems, warnings) about the models, as text."""
    asked = {"models.teacher": teacher, "models.student": student}
    found = list(model_findings(asked, account(**changes), known or {}, TODAY))
    return [f"{one.at}: {one.what}" for one in problems(found)], [f"{one.at}: {one.what}" for one in warnings(found)]


def in_region(region):
    return account().here._replace(region=region)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"teacher": "lama3.3-70b"}, "models.teacher: there is no model 'lama3.3-70b'; did you mean 'llama3.3-70b'"),
        ({"teacher": "llama3.1-405b"}, "is retired: its end of life was 2026-07-10 (bcr-june-model-deprecations"),
        ({"teacher": "snowflake-arctic"}, "'snowflake-arctic' is retired: its end of life was 2026-04-28"),
        ({"teacher": "mistral-7b", "known": {"mistral-7b": Known(used=False)}}, "no call of it on record"),
        ({"teacher": "claude-sonnet-5"}, 'SNOWFLAKE."CORTEX-MODEL-ROLE-CLAUDE-SONNET-5" TO ROLE ENGINEER'),
        ({"student": "qwen3-32b"}, "does not take 'qwen3-32b' (its page as of 2026-11-22); write 'llama3.1-8b'"),
        ({"here": in_region("AZURE_WESTEUROPE")}, "and this account is in AZURE_WESTEUROPE; use an account there"),
        (
            {"teacher": "qwen3-32b", "cross_region": "DISABLED"},
            "'qwen3-32b' is not served in AWS_US_WEST_2, and CORTEX_ENABLED_CROSS_REGION is 'DISABLED'; an ACCOUNTADMIN"
            " runs ALTER ACCOUNT SET CORTEX_ENABLED_CROSS_REGION = 'ANY_REGION' or 'AWS_US'",
        ),
        ({"teacher": "qwen3-32b", "cross_region": "AWS_EU"}, "CORTEX_ENABLED_CROSS_REGION is 'AWS_EU'"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_called_is_told_with_what_to_do(asked, told):
    wrong, _ = said_of(**asked)
    assert len(wrong) == 1
    assert told in wrong[0]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"teacher": "qwen3-32b", "cross_region": "AWS_EU, AWS_US"},
        {"teacher": "qwen3-32b", "cross_region": "AWS_GLOBAL"},
        {"teacher": "mistral-7b", "known": {"mistral-7b": Known(used=True)}},
        {"teacher": "DB.S.TUNED", "known": {"DB.S.TUNED": Known(tuned=True)}},
        {"here": in_region("AWS_EU_CENTRAL_1")},
    ],
)
def test_a_model_that_can_be_called_stops_nothing(changes):
    assert said_of(**changes)[0] == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shown": None, "unknown": {"models": "unsupported feature"}}, "may be used: unsupported feature"),
        ({"shown": []}, "SHOW CORTEX BASE MODELS shows role ENGINEER none"),
        ({"teacher": "mistral-7b", "known": {"mistral-7b": Known(None, "no such view")}}, "legacy since 2026-08-12"),
        ({"teacher": "qwen3-32b", "cross_region": None, "unknown": {"cross_region": "no right"}}, "regions: no right"),
        ({"shown": [*SHOWN, model("new", here="", across=())], "teacher": "new"}, "SHOW says nothing of its regions"),
    ],
)
def test_what_an_account_does_not_tell_is_a_warning_and_stops_nothing(changes, told):
    wrong, doubtful = said_of(**changes)
    assert wrong == []
    assert any("could not be checked" in one and told in one for one in doubtful)


def test_one_model_in_two_roles_is_told_once():
    asked = {"models.teacher": "llama3.1-405b", "models.judge": "llama3.1-405b", "models.student": "llama3.1-8b"}
    wrong = problems(list(model_findings(asked, account(), {}, TODAY)))
    assert [one.at for one in wrong] == ["models.teacher, models.judge"]


def test_the_nearest_model_in_size_comes_first():
    assert nearest("llama3.1-405b", ["llama3.1-8b", "llama3.3-70b", "qwen3-32b"])[0] == "llama3.3-70b"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"on_schema": [Grant("USAGE", "ROLE", "ENGINEER", True)]}, "GRANT CREATE TABLE ON SCHEMA DB.S TO ROLE"),
        ({"on_schema": [Grant("USAGE", "ROLE", "ENGINEER", True)]}, "GRANT CREATE MODEL ON SCHEMA DB.S TO ROLE"),
        ({"on_schema": [Grant("OWNERSHIP", "ROLE", "OTHER", False)]}, "role ENGINEER has no CREATE TABLE"),
        ({"on_account": [Grant("USE AI FUNCTIONS", "ROLE", "OTHER", False)]}, "GRANT USE AI FUNCTIONS ON ACCOUNT"),
        ({"no_tuning": "Insufficient privileges"}, "GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE ENGINEER"),
        ({"here": Here("AWS_US_WEST_2", "ENGINEER", "", "DB", "S")}, "the session has no warehouse"),
    ],
)  # fmt: skip
def test_a_right_that_is_missing_is_told_with_its_grant(changes, told):
    assert any(told in one.what for one in problems(list(rights_findings(account(**changes)))))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"warehouse_size": "X-Large"}, "ALTER WAREHOUSE WH SET WAREHOUSE_SIZE = MEDIUM"),
        ({"warehouse_size": ""}, "SHOW WAREHOUSES does not list it"),
        ({"on_schema": None, "unknown": {"on_schema": "not authorized"}}, "not authorized"),
        ({"on_schema": [Grant("CREATE TABLE", "DATABASE_ROLE", "R", False), *EVERYBODY]}, "no account role"),
        ({"on_account": []}, "nobody who has it"),
    ],
)
def test_a_right_that_cannot_be_seen_is_a_warning(changes, told):
    doubtful = warnings(list(rights_findings(account(**changes))))
    assert any(told in one.what for one in doubtful)


def test_nothing_is_said_of_a_sound_account():
    assert list(rights_findings(account())) == []


def test_the_local_engine_says_all_that_an_account_says(session):
    asked = account_of(session)
    assert asked.unknown == {}
    assert asked.here.role == "LOCAL"
    assert asked.models["llama3.1-8b"].status == "GA"
    assert (asked.warehouse_size, asked.no_tuning, asked.cross_region) == ("X-Small", "", "DISABLED")
    assert list(rights_findings(asked)) == []


def test_a_role_without_rights_is_told_both_grants(make_run):
    run = make_run()
    run.sql("USE ROLE ANALYST")
    wrong = [one.what for one in problems(findings(run)) if one.at == "engine"]
    assert [what.split("; run ")[1] for what in wrong] == [
        "GRANT CREATE TABLE ON SCHEMA DISTILL.PUBLIC TO ROLE ANALYST",
        "GRANT CREATE MODEL ON SCHEMA DISTILL.PUBLIC TO ROLE ANALYST",
    ]


def test_every_problem_is_in_one_message_with_its_line_and_nothing_was_asked_or_written(make_run, tmp_path):
    (tmp_path / "rows.csv").write_text("request,category\nhello,Refunds\n", encoding="utf-8")
    run = make_run({"models.teacher": "llama3.1-405b", "models.student": "lama3.1-8b", "holdout.file": "rows.csv"})
    with pytest.raises(SetupError) as told:
        check_everything.fn(run)
    first, *others = str(told.value).splitlines()
    assert first == "3 problems on engine 'local'; no model was asked, nothing was paid"
    path, written = run.experiment.path, run.experiment.path.read_text().splitlines()
    values = {"models.teacher": "llama3.1-405b", "models.student": "lama3.1-8b", "holdout.file": "rows.csv"}
    line_of = {key: next(n for n, line in enumerate(written, 1) if value in line) for key, value in values.items()}
    assert [line.split(": ")[:2] for line in others] == [[f"{path}:{n}", key] for key, n in line_of.items()]
    assert run.sql("SHOW TABLES") == []


def test_an_overridden_value_is_not_blamed_on_the_file(make_run):
    run = make_run({"models.teacher": "llama3.3-70b"})
    changed = run.config.models.model_copy(update={"teacher": "lama3.3-70b"})
    run.config = run.config.model_copy(update={"models": changed})
    assert lines(run, problems(findings(run)))[0].startswith("override: models.teacher: there is no model")


def test_warnings_are_heard_and_stop_nothing(make_run, monkeypatch):
    heard = []
    monkeypatch.setattr(preflight, "listeners", [heard.append])
    said = check_everything.fn(make_run())
    assert said.warnings == heard
    assert any("judges its own tickets" in one for one in heard)
    assert any("holdout: there is none" in one for one in heard)


def test_a_passing_failure_is_not_taken_for_an_answer(make_run, monkeypatch):
    def busy(session, statement):
        raise SqlError("503 Service Unavailable")

    monkeypatch.setattr("cortex_distill.account.execute", busy)
    with pytest.raises(SqlError, match="503"):
        findings(make_run())


def test_a_look_takes_no_time_and_no_call(make_run):
    run = make_run()
    findings(run)
    started = time.process_time()  # of the engine, too; what runs beside this test does not count
    findings(run)
    assert time.process_time() - started < 2  # 0.2 s
    used = run.count("SELECT COUNT(*) FROM SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY")
    assert used == 0


def test_a_prompt_that_does_not_fit_is_counted_by_the_engine(make_run):
    run = make_run({"prompts.long": "request: {{ request }} " + "word " * 130_000})
    told = [one for one in problems(findings(run)) if one.at == "prompts.long"]
    assert len(told) == 2  # teacher and student
    assert "tokens, and 'llama3.3-70b' reads 128,000" in told[0].what


def test_the_longest_prompt_is_no_shorter_than_any_that_is_sent(make_run):
    from cortex_distill.generation import generation_calls  # noqa: PLC0415

    prompt = "{{ count }} of {{ category }}, {{ tone }}"
    run = make_run({"generate.vary": {"tone": ["calm", "very angry"]}, "generate.prompt": prompt})
    longest = next(one.prompt for one in longest_prompts(run, "") if one.at == "generate.prompt")
    assert longest == "4 of Late delivery, very angry"
    assert len(longest) >= max(len(call.prompt) for call in generation_calls(run.experiment))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("SELECT 'money' AS request, 'Refund' AS category WHERE FALSE", "has no row"),
        ("SELECT 'money' AS request, 'refund' AS category", "the label 'refund' (1 row) is no category; did you mean"),
        ("SELECT '' AS request, 'Refund' AS category", "1 row whose request or category is empty"),
        ("SELECT 'money' AS request, 'Refund' AS label", "it needs columns request and category, and GRANT SELECT"),
    ],
)
def test_a_table_that_is_no_holdout_is_told_why(make_run, values, told):
    run = make_run({"holdout.table": "DISTILL.PUBLIC.LABELLED"})
    run.sql(f"CREATE TABLE LABELLED AS {values}")
    assert told in problems(check_holdout(run, "LOCAL").found)[0].what


def test_few_rows_are_a_warning_with_what_they_can_tell(make_run, tmp_path):
    (tmp_path / "rows.csv").write_text("request,category\n" + "money,Refund\n" * 20, encoding="utf-8")
    found = check_holdout(make_run({"holdout.file": "rows.csv"}), "LOCAL").found
    assert problems(found) == []
    assert "has 20 rows: an accuracy of 0.80 (0.58–0.92) is all they can tell" in found[-1].what
    assert "no row of Wrong size, Late delivery" in found[0].what


def test_a_fine_tuned_model_may_teach(make_run, session):
    run = make_run({"models.teacher": "TUNED_ONE"}, session)
    run.sql("CREATE TABLE rows_ (prompt STRING, completion STRING)")
    run.sql(
        "INSERT INTO rows_ SELECT column1, column2 FROM VALUES "
        + ", ".join(f"('row {n}', 'Refund')" for n in range(20))
    )
    job = run.sql(
        "SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', 'TUNED_ONE', 'llama3.1-8b', 'SELECT prompt, completion FROM rows_')"
    )[0][0]
    give_up = time.monotonic() + 60
    while "SUCCESS" not in (described := run.sql(f"SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', '{job}')")[0][0]):
        assert time.monotonic() < give_up and "ERROR" not in described, described
        time.sleep(0.1)
    found = findings(run)
    assert problems(found) == []
    assert any("'TUNED_ONE' is fine-tuned" in one.what for one in found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"per_category": 20_000}, None),  # 3 categories × 20,000 × 0.75
        ({"per_category": 40_000}, "90,000 are planned; write generate.per_category: 22222 or fine_tune.max_epochs: 1"),
        (
            {"per_category": 100_000},
            "225,000 are planned; write generate.per_category: 22222",
        ),
    ],
)
def test_more_rows_than_can_be_trained_on_are_told_before_they_are_paid_for(write, changes, told):
    config = load_experiment(write({f"generate.{key}": value for key, value in changes.items()})).config
    found = [one.what for one in size_findings(config, 0)]
    assert [one.endswith(told) for one in found] == ([True] if told else [])
    assert all("takes 50,000 rows of 'llama3.1-8b' at 3 epochs" in one for one in found)


def test_what_the_remedy_says_is_enough(write):
    rows = {"generate.per_category": 22_222, "fine_tune.max_epochs": 3}
    assert not list(size_findings(load_experiment(write(rows)).config, 0))
