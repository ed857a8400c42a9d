"""The quickstart's SQL, word for word, statement by statement, through Snowpark."""

import json
import re
import time
from pathlib import Path

import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

from cortex_distill.local.engine import Engine
from tests.local.engine_fake import FakeProvider

GUIDE = Path(__file__).parents[2].parent / "shared" / "quickstart.txt"
_PIECE = re.compile(r"\$\$.*?\$\$|'(?:[^']|'')*'|--[^\n]*|;|[^;$'-]+|.", re.DOTALL)


def statements(text):
    """The statements of the guide's SQL blocks.

    After the FINETUNE call the guide has a stray `);`, a defect of its text: a statement of nothing but `)` is dropped.
    """
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    found, current = [], ""
    for piece in _PIECE.findall("\n;\n".join(blocks)):
        if piece == ";":
            found.append(current.strip())
            current = ""
        else:
            current += piece
    return [statement for statement in [*found, current.strip()] if statement.strip(" )\n")]


def teacher(call):
    """JSON tickets where the guide asks for them, ratings for the judge, else a label with line ends around it."""
    text = call.messages[0]["content"]
    if "25 examples" in text:
        category = re.search(r"category:(.*?)\. Provide", text)[1]
        return json.dumps([{"scenario": f"s{n}", "request": f"{category}: it's call {n}"} for n in range(25)])
    if "You are a judge" in text:
        return json.dumps({"realistic": 2 if "call 7" in text else 5, "valid": 5, "reason": "it's fine"})
    return f"\n{text.rsplit(':', 2)[-2].strip()}\n"


def test_every_statement_of_the_guide_runs_as_it_is_printed(tmp_path):
    if not GUIDE.exists():
        pytest.skip(f"the guide's text is not at {GUIDE}")
    provider = FakeProvider()
    provider.reply = teacher
    engine = Engine(tmp_path / "home", provider)
    on_its_own_day = engine.connect("START", "PUBLIC", {"LOCAL_MODELS_AS_OF": "2024-10-01"})
    session = Session.builder.configs({"connection": on_its_own_day}).create()
    script = statements(GUIDE.read_text("utf-8"))
    assert len(script) == 20
    answers = {}
    for statement in script:
        if "'DESCRIBE'" in statement:  # the guide describes a job of its own
            with pytest.raises(SnowparkSQLException, match="no such job"):
                session.sql(statement).collect()
            time.sleep(0.5)
        else:
            answers[statement] = session.sql(statement).collect()
    assert session.sql("SELECT COUNT(*) AS n FROM flatten_support_tickets").collect()[0].N == 125
    assert session.sql("SELECT COUNT(*) AS n FROM filtered_support_tickets").collect()[0].N == 120
    shares = [
        session.sql(f"SELECT COUNT(*) AS n FROM {t}").collect()[0].N for t in ("training_data", "validation_data")
    ]
    assert sum(shares) == 120 and min(shares) > 0
    assert [len(provider.jobs[0].train), len(provider.jobs[0].validation)] == shares
    last = answers[script[-1]]
    assert len(last) == shares[1] and all(
        row.FINE_TUNED_MODEL_RESPONSE.strip("\n") == row.FINE_TUNED_MODEL_RESPONSE for row in last
    )
    engine.close()
