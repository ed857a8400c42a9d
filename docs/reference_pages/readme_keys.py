"""The keys that people set, for README.md: the same lines as in the reference, between two markers."""

import re
from collections.abc import Mapping

from cortex_distill.config import ExperimentConfig
from docs.reference_pages.keys import Key, keys_of
from docs.reference_pages.markdown import code, prose, table

START, END = "<!-- keys -->", "<!-- /keys -->"
SHOWN = (
    "name",
    "categories",
    "models.teacher",
    "models.judge",
    "models.student",
    "generate.per_category",
    "generate.per_call",
    "generate.prompt",
    "judge.thresholds",
    "judge.prompt",
    "split.train",
    "split.validation",
    "prompts",
    "fine_tune.max_epochs",
    "holdout.file",
    "budget.max_credits",
)


def keys_section() -> str:
    """The table, with key, default and meaning."""
    known = {key.path: key for key in keys_of(ExperimentConfig)}
    rows = [(code(path), _default(known, path), prose(known[path].meaning)) for path in SHOWN]
    return table(("key", "default", "meaning"), rows)


def _default(known: Mapping[str, Key], path: str) -> str:
    """What is required in a section that may be left out is not required of a file."""
    section = known[path.partition(".")[0]].default
    return "none" if section == "none" else known[path].default


def put_into(readme: str) -> str:
    """The README with the table between its markers. Raises ValueError if they are not there, once each."""
    if readme.count(START) != 1 or readme.count(END) != 1:
        raise ValueError(f"README.md needs {START} and {END}, once each")
    return re.sub(f"{START}.*?{END}", lambda _: f"{START}\n{keys_section()}{END}", readme, flags=re.S)
