"""A fresh copy of the project: what a stranger has after a clone and `make install`, with smaller samples."""

import csv
import os
import re
import shutil
import sys
from pathlib import Path

import yaml

from tests.documents.reading import ROOT

PARTS = ("app", "benchmarks", "configs", "cortex_distill", "flows", "tasks", "requirements")
PARTS += ("Makefile", "README.md", "prefect.yaml", "pyproject.toml")


def copy(folder: Path) -> None:
    """The files, and this environment as its .venv."""
    unwanted = shutil.ignore_patterns("__pycache__", ".*_cache", "banking77.csv")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=unwanted)
        else:
            shutil.copy2(source, folder / part)
    python = folder / ".venv"
    python.mkdir()
    for name in ("bin", "lib"):
        (python / name).symlink_to(Path(sys.prefix) / name)
    shutil.copy2(Path(sys.prefix) / "pyvenv.cfg", python)
    (python / ".installed").touch()  # so that make installs nothing


def shorten(folder: Path) -> None:
    """Fewer tickets and rows, as every command is typed; what a stranger sees is the same, but for the figures."""
    for file in (folder / "configs").glob("*.yaml"):
        text = re.sub(
            r"^  per_category: \d+", "  per_category: 6", file.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        file.write_text(re.sub(r"min_(\w+): 0\.\d", r"min_\1: 0.1", text), encoding="utf-8")
    _every(folder / "configs" / "holdouts" / "support_tickets.csv", 5)
    _every(folder / "configs" / "inboxes" / "telecom.csv", 2)


def _every(file: Path, nth: int) -> None:
    """Every nth row of a CSV file, so that each category stays."""
    with file.open(encoding="utf-8", newline="") as there:
        header, *rows = csv.reader(there)
    with file.open("w", encoding="utf-8", newline="") as smaller:
        csv.writer(smaller).writerows([header, *rows[::nth]])


def environment(folder: Path) -> dict[str, str]:
    """The variables of a shell there: nothing of whoever runs the tests, and stand-ins as models."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "DISTILL_", "SNOWFLAKE_"))}
    return inherited | {
        "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "DISTILL_MODELS": "simulated",
        "SNOWFLAKE_HOME": str(folder / "snowflake"),
        "PREFECT_HOME": str(folder / ".prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "COLUMNS": "160",
    }


def downloaded(folder: Path) -> None:
    """The file that a user has downloaded: some rows of each label that the experiment wants."""
    config = yaml.safe_load((folder / "configs" / "banking77.yaml").read_text(encoding="utf-8"))
    labels = [label for label, ours in (config["holdout"].get("labels") or {}).items() if ours]
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(f"question {n} about {label}", label) for label in labels or config["categories"] for n in range(3)]
        csv.writer(file).writerows([("text", "category"), *rows])
