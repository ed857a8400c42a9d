"""`make test-snowflake`: check on an account what is assumed about Snowflake, and say what came of it.

The account is the connection of connections.toml that DISTILL_TEST_CONNECTION names. Arguments go to pytest.
"""

import os
import sys
from pathlib import Path

import pytest

from cortex_distill.accounts import account_session
from cortex_distill.errors import SetupError
from tests.account.report import Report, facts

PLACES = ["tests/account", "tests/local/test_conformance.py"]
WANTED = """\
DISTILL_TEST_CONNECTION names no connection. Write the name of one of connections.toml, with a database, a schema, a
warehouse and a role that may CREATE SCHEMA in that database (docs/snowflake.md):
    DISTILL_TEST_CONNECTION=my_connection make test-snowflake"""


def main() -> int:
    """The exit code: pytest's, or 2 if there is nothing to ask."""
    name = os.environ.get("DISTILL_TEST_CONNECTION")
    if not name:
        print(WANTED, file=sys.stderr)  # noqa: T201
        return 2
    try:
        session = account_session(name)
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    report = Report(facts(session))
    session.close()
    arguments = sys.argv[1:]
    places = [] if any(Path(one.split("::")[0]).exists() for one in arguments) else PLACES
    return int(pytest.main([*places, "-m", "snowflake", "-q", "--tb=line", "-p", "no:cacheprovider", *arguments],
                           plugins=[report]))  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
