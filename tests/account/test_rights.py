"""The script for an administrator: it runs as far as the local engine goes, and grants what the statements need."""

import re
import tomllib

from snowflake.connector.connection import DEFAULT_CONFIGURATION  # noqa: TID251  what a connection may say

from cortex_distill.rights_check import LARGEST, ON_SCHEMA
from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql
from tests.account.page import ROOT

SCRIPT = (ROOT / "docs" / "snowflake-rights.sql").read_text("utf-8")
PAGE = (ROOT / "docs" / "snowflake.md").read_text("utf-8")
VERBS = "GRANT|ALTER|CREATE|CALL|SHOW"
# What the local engine does not know: it has no users, and no procedures of Snowflake's but one.
REFUSED = {"CREATE USER", "CALL SNOWFLAKE.LOCAL.REVOKE_FROM_PUBLIC_APPLICATION_ROLE"}


def statements(script):
    """What the script does, and what stands in it as a comment to choose."""
    chosen = re.sub(rf"^-- ((?:{VERBS}) .*;)$", r"\1", script, flags=re.MULTILINE)
    code = "\n".join(line for line in chosen.splitlines() if not line.startswith("--"))
    return [" ".join(one.split()) for one in code.split(";") if one.strip()]


def test_the_script_and_its_alternatives_run_on_the_local_engine(session):
    refused = set()
    for statement in statements(SCRIPT):
        try:
            execute(session, Sql(statement))
        except SqlError as error:
            assert "not supported" in str(error) or "syntax" in str(error).lower(), statement
            refused.add(statement)
    assert {next((name for name in REFUSED if one.startswith(name)), one) for one in refused} == REFUSED


def test_it_grants_what_the_check_before_a_run_wants():
    (granted,) = re.findall(r"^GRANT (.*) ON SCHEMA DISTILL\.RUNS", SCRIPT, re.MULTILINE)
    assert set(granted.split(", ")) == {"USAGE", *ON_SCHEMA}
    assert re.search(r"^GRANT USE AI FUNCTIONS ON ACCOUNT", SCRIPT, re.MULTILINE)
    assert re.search(r"^GRANT DATABASE ROLE SNOWFLAKE\.CORTEX_USER", SCRIPT, re.MULTILINE)
    (size,) = re.findall(r"WAREHOUSE_SIZE = '(.*?)'", SCRIPT)
    assert size in LARGEST


def test_nothing_else_is_created_by_the_statements_that_are_sent():
    """Tables alone, and by FINETUNE a model. The page's stage and app are made by hand."""
    folders = [ROOT / name for name in ("cortex_distill", "tasks", "flows", "app")]
    files = [file for folder in folders for file in folder.glob("*.py") if file.name != "rights_check.py"]
    created = r"\"(?:\"\")?\s*CREATE\s+(?:OR REPLACE\s+)?(?:TEMPORARY\s+)?([A-Z]+)"
    assert {kind for file in files for kind in re.findall(created, file.read_text("utf-8"))} == {"TABLE"}


def test_the_connections_of_the_page_name_what_the_script_makes_and_nothing_unknown():
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    made = {"role": "DISTILL_USER", "warehouse": "DISTILL_WH", "database": "DISTILL", "schema": "RUNS"}
    for connection in tomllib.loads(block).values():
        assert {key: connection[key] for key in made} == made
        assert connection.keys() - DEFAULT_CONFIGURATION.keys() == set()
    assert all(name in SCRIPT for name in made.values())
