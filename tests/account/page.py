"""Writes the tables of docs/snowflake.md: python -m tests.account.page"""

import re
from pathlib import Path

from tests.account.assumptions import tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "snowflake.md"
BEGIN, END = "<!-- assumptions -->", "<!-- /assumptions -->"
_MARK = re.compile(r'pytest\.mark\.assumption\("([^"]+)"\)')


def checked_in() -> dict[str, str]:
    """Assumption → file of its test."""
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    return {
        name: file.relative_to(ROOT).as_posix()
        for file in files
        if file.name != "test_harness.py"
        for name in _MARK.findall(file.read_text("utf-8"))
    }


def written(page: str) -> str:
    """The page with its tables as assumptions.yaml has them."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{tables(checked_in())}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), encoding="utf-8")
