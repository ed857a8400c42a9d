"""The environment variables that the product reads, and where it reads them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs.reference_pages.markdown import code, table

ROOT = Path(__file__).parents[2]
SEARCHED = ("cortex_distill", "flows", "tasks", "app", "tests", "benchmarks", "Makefile")
NAMES = {"DISTILL_TEST", "DISTILL_WH", "DISTILL_USER"}  # of things in Snowflake
_NAME = re.compile(r"\bDISTILL_[A-Z]+(?:_[A-Z]+)*\b")


class Variable(NamedTuple):
    """One of them."""

    name: str
    default: str
    meaning: str


OURS = (
    Variable("DISTILL_HOME", "`.cortex`", "folder of the local engine: its tables, its log, what it has trained"),
    Variable(
        "DISTILL_MODELS",
        "`local.toml` if it is there, else `gguf`",
        "who answers on the local engine: a path like `local.toml`, `gguf`, `simulated`, or `simulated:knob=value,…` "
        "([local.toml](local-toml.md))",
    ),
    Variable("DISTILL_MODELS_AS_OF", "today", "day whose Cortex models can be called locally, as `2024-10-01`"),
    Variable(
        "DISTILL_ENGINE", "`local`", "engine of the page (`make app`): local, or a connection; commands take `--engine`"
    ),
    Variable("DISTILL_PRICES", "`cortex_distill/prices.yaml`", "price list by which credits are estimated"),
    Variable("DISTILL_ENGINE_IDLE", "`900`", "seconds without a client after which the local engine ends"),
    Variable(
        "DISTILL_ROWS_PER_STATEMENT",
        "by itself",
        "rows that one statement asks a model about; unset, the pace of the answers decides",
    ),
    Variable("DISTILL_STATEMENTS_AT_ONCE", "`1`", "statements of calls that a step has under way at the same time"),
)
FOR_TESTS = (
    Variable("DISTILL_IN_PROCESS", "`0`", "`1` runs the local engine inside the process that uses it"),
    Variable(
        "DISTILL_TEST_CONNECTION",
        "none",
        "connection to the account that `make test-snowflake` asks ([snowflake.md](../snowflake.md))",
    ),
    Variable("DISTILL_TEST_MAX_CREDITS", "`1`", "credits above which `make test-snowflake` does not start"),
    Variable("DISTILL_TEST_MODEL", "`llama3.1-8b`", "model that its calls ask"),
    Variable("DISTILL_TEST_FINETUNE", "none", "`1` lets it train a student and run an experiment, too"),
    Variable("DISTILL_WRITE_ERRORS", "none", "`1` makes tests/flows/test_mistakes.py write docs/errors.md anew"),
)
OTHERS = (
    Variable("SNOWFLAKE_HOME", "`~/.snowflake`", "folder of `connections.toml`, as for any Snowflake client"),
    Variable(
        "PREFECT_API_URL",
        "what `prefect.toml` says, else a temporary server",
        "address of the Prefect server that runs report to",
    ),
)


def environment_section() -> str:
    """Three tables."""
    header = ("variable", "default", "meaning")
    parts = [
        "No key or password belongs into any of these. A key for a model's server has a variable of your choice, which"
        " [local.toml](local-toml.md) names.\n",
        table(header, map(_cells, OURS)),
        "For tests:\n",
        table(header, map(_cells, FOR_TESTS)),
        "Read by what this project is built on:\n",
        table(header, map(_cells, OTHERS)),
    ]
    return "\n".join(parts)


def _cells(variable: Variable) -> tuple[str, str, str]:
    return code(variable.name), variable.default, variable.meaning


def used() -> Iterator[tuple[str, str]]:
    """(variable, file) of every DISTILL_* that a file names."""
    for start in SEARCHED:
        for path in sorted((ROOT / start).rglob("*") if (ROOT / start).is_dir() else [ROOT / start]):
            if path.suffix in (".py", ".sql", ".yaml", "") and path.is_file():
                for name in set(_NAME.findall(path.read_text(encoding="utf-8"))) - NAMES:
                    yield name, path.relative_to(ROOT).as_posix()
