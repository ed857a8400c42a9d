"""`distill`, with everything imported: forked for each command, since imports cost more than most commands do.

Reads a line of JSON for each command (arguments, environment, the file for its output), writes its exit code.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from flows.starting import quiet_prefect

quiet_prefect()  # before Prefect is imported, as every command does

from flows import __main__ as command_line  # noqa: E402

LATE = ("distill", "ab_test", "ablation", "compare", "comparison_table", "messages", "plan_table", "preflight")
LATE += ("prefect_server", "refine", "terminal", "bars")


def load() -> None:
    """What the commands import when they are run."""
    for name in LATE:
        import_module(f"flows.{name}")
    for file in Path("tasks").glob("*.py"):
        import_module(f"tasks.{file.stem}")
    import_module("snowflake.snowpark")
    import_module("cortex_distill.promotion")
    import_module("cortex_distill.data_card")


def run(asked: dict) -> None:
    """The command, in this process, to its end. Raises SystemExit."""
    with Path(asked["output"]).open("wb") as output, Path(os.devnull).open("rb") as nothing:
        for here, there in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(here.fileno(), there)
    os.environ.update(asked["environment"])
    sys.argv = ["distill", *asked["arguments"]]
    command_line.main()


def say(what: object) -> None:
    """A line to whoever sends the commands."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Fork for each line, until there is none."""
    load()
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
