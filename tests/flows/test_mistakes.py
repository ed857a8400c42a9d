"""Mistakes that users make, each made for real: docs/errors.md has what they are told, word by word.

DISTILL_WRITE_ERRORS=1 writes the messages into docs/errors.md instead of comparing them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cortex_distill.session import SqlError
from flows.__main__ import main
from tests.flows.mistakes import MISTAKES, Where, stop

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
BLOCK = "### {title}\n\n    $ distill {command}\n"


@pytest.fixture
def where(tmp_path, monkeypatch):
    """A folder with a sound experiment, where the command is run."""
    made = Where(tmp_path, {"DISTILL_HOME": str(tmp_path / ".cortex"), "DISTILL_MODELS": "simulated"})
    made.experiment()
    yield made
    stop(made)


def said(mistake, where, monkeypatch, capsys):
    """Exit code and what is printed, without what differs from run to run."""
    for name in ("DISTILL_MODELS_AS_OF", "SNOWFLAKE_HOME", "PREFECT_API_URL", "DISTILL_MODELS"):
        monkeypatch.delenv(name, raising=False)
    if mistake.own_process:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DISTILL_IN_PROCESS": "0", **where.environment}
        done = subprocess.run(
            [sys.executable, "-m", "flows", *mistake.command],
            cwd=where.folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        code, text = done.returncode, done.stdout + done.stderr
    else:
        monkeypatch.chdir(where.folder)
        for name, value in where.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["distill", *mistake.command])
        with pytest.raises(SystemExit) as ended:
            main()
        code, text = ended.value.code, "".join(capsys.readouterr())
    lines = [line for line in text.splitlines() if not line.startswith("! ") and not line.endswith("the engine …")]
    told = "\n".join(lines).replace(str(where.folder), "/home/me/project")
    return code, re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:50123", told)


def block_of(mistake, told):
    indented = "\n".join(f"    {line}" for line in told.splitlines())
    return BLOCK.format(title=mistake.title, command=" ".join(mistake.command)) + indented + "\n"


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.title.replace(" ", "-") for mistake in MISTAKES])
def test_a_mistake_is_told_as_the_page_says(mistake, where, monkeypatch, capsys):
    mistake.make(where)
    code, told = said(mistake, where, monkeypatch, capsys)
    assert code == 2, told
    assert "Traceback" not in told
    block, page = block_of(mistake, told), PAGE.read_text(encoding="utf-8")
    if os.environ.get("DISTILL_WRITE_ERRORS"):
        pattern = re.escape(f"### {mistake.title}\n") + r"\n(    .*\n)+"
        assert re.search(pattern, page), f"docs/errors.md has no section '{mistake.title}'"
        PAGE.write_text(re.sub(pattern, lambda _: block, page), encoding="utf-8")
    else:
        assert block in page


def test_every_message_of_the_page_is_of_a_mistake_that_is_made_here():
    titles = re.findall(r"^### (.*)\n\n    \$ distill", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert titles == [mistake.title for mistake in MISTAKES]


FULL = """
import resource, sys
from pathlib import Path
from cortex_distill.session import SqlError, execute, open_session
from cortex_distill.sql import Sql
session = open_session("local", home=Path(sys.argv[1]))
execute(session, Sql("CREATE TABLE t (x STRING)"))
execute(session, Sql("INSERT INTO t SELECT 'kept'"))
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
try:
    for n in range(40):
        execute(session, Sql("INSERT INTO t SELECT RANDSTR(1000, RANDOM()) FROM TABLE(GENERATOR(ROWCOUNT => 500))"))
except SqlError as error:
    print(error.code, error, "|", error.remedy)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(execute(session, Sql("SELECT COUNT(*) FROM t WHERE x = 'kept'"))[0][0], "row kept")
"""


def test_a_full_disk_is_told_with_what_to_do_and_what_was_committed_is_kept(tmp_path):
    """A limit on the size of files stands for the disk: what the system then says ends the same way."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DISTILL_IN_PROCESS": "1", "DISTILL_MODELS": "simulated"}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert "370002 370002 (53100): no space is left for the local engine's files" in done.stdout, done.stderr
    assert "| free some, or set DISTILL_HOME to a folder elsewhere" in done.stdout


def test_a_refused_statement_ends_in_a_message_where_somebody_knows_what_to_do(monkeypatch, capsys):
    error = SqlError(
        "003001 (42501): SQL access control error:\nInsufficient privileges to operate on schema 'S'", 3001
    )
    error.__cause__ = RuntimeError()
    error.__cause__.__cause__ = error  # as Prefect leaves it; ending must not follow this for ever

    def refused(standalone_mode):
        raise error

    monkeypatch.setattr("flows.__main__.cli", refused)
    with pytest.raises(SystemExit, match="2"):
        main()
    told = capsys.readouterr().err
    assert told.startswith("a statement was refused: 003001 (42501): SQL access control error: Insufficient privileges")
    assert "`distill validate FILE --engine NAME` checks it" in told


def test_a_refused_statement_that_may_be_a_defect_keeps_its_traceback(monkeypatch):
    def refused(standalone_mode):
        raise SqlError("001003 (42000): SQL compilation error:\nsyntax error", 1003)

    monkeypatch.setattr("flows.__main__.cli", refused)
    with pytest.raises(SqlError):
        main()
