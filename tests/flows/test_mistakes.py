"""Mistakes that users make, each made for real: docs/errors.md has what they are told, word by word.

DISTILL_WRITE_ERRORS=1 writes the messages into docs/errors.md instead of comparing them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
