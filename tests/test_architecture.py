"""docs/architecture.md is true: what it names exists, its arrows are the imports, and nothing is imported backwards."""

import ast
import re
from functools import cache
from pathlib import Path

from cortex_distill.tables import ADDED, TABLES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROOMS = ("flows", "tasks", "cortex_distill", "app")
DOOR = {"session", "accounts"}
BASICS = {"errors", "sql", "transient", "remedies", "markup", "programs", "model_catalogue"}
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|yaml|sql))`")
ARROW = re.compile(r"^\s+(\w+) --> (\w+)$", re.M)
STARTERS = {"flows.engine", "flows.up"}


def room_of(module):
    """The node of the picture that a module belongs to."""
    first, *rest = module.split(".")
    if first != "cortex_distill":
        return first
    part = rest[0] if rest else ""
    return (
        "local"
        if part == "local"
        else "session"
        if part in DOOR
        else "basics"
        if part in BASICS or not part
        else "core"
    )


@cache
def imports():
    """(importing module, imported module) of the project, wherever in a file the import stands."""
    modules = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for room in ROOMS
               for path in (ROOT / room).rglob("*.py")}  # fmt: skip
    known = set(modules.values())
    pairs = set()
    for path, module in modules.items():
        for name in named(ast.parse(path.read_text(encoding="utf-8"))):
            full = next(
                (one for one in (name, name.rpartition(".")[0]) if one in known or f"{one}.__init__" in known), ""
            )
            if name.split(".")[0] in ROOMS or full:
                pairs.add((module, full or name))
    return pairs


def named(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows():
    """Room → rooms that it imports, as the code has it."""
    return {(room_of(one), room_of(other)) for one, other in imports()} - {(room, room) for room in map(room_of, ROOMS)}


def reachable(drawn, start):
    seen, open_ends = set(), {start}
    while open_ends:
        seen |= open_ends
        open_ends = {end for begin, end in drawn if begin in open_ends} - seen
    return seen


def test_the_arrows_of_the_picture_are_the_imports_of_the_code():
    drawn, real = set(ARROW.findall(PAGE)), {(one, other) for one, other in arrows() if one != other}
    assert len(drawn) >= 6
    assert drawn - real == set(), "drawn, but nothing is imported that way"
    assert {(one, other) for one, other in real if other not in reachable(drawn, one)} == set(), (
        "imported against the arrows"
    )
    assert [
        room for room, _ in drawn if any(room in reachable(drawn, end) for begin, end in drawn if begin == room)
    ] == []


def test_only_the_door_and_its_starters_know_the_local_engine():
    users = {module for module, other in imports() if room_of(other) == "local" and room_of(module) != "local"}
    assert users == {"cortex_distill.session", *STARTERS}


def test_only_one_file_of_the_page_knows_the_project():
    others = {module for module, other in imports() if module.startswith("app.") and not other.startswith("app.")
              and other.split(".")[0] in ROOMS}  # fmt: skip
    assert others == {"app.door"}


def test_what_runs_imports_nothing_that_is_not_shipped():
    tops = {name.split(".")[0] for room in ROOMS for path in (ROOT / room).rglob("*.py")
            for name in named(ast.parse(path.read_text(encoding="utf-8")))}  # fmt: skip
    assert {"flows", "tasks", "cortex_distill"} <= tops
    assert tops & {"benchmarks", "tests", "requirements", "docs"} == set()


def test_a_backward_import_would_be_seen():
    assert room_of("cortex_distill.session") == "session"
    assert room_of("cortex_distill.report") == "core"
    assert "flows" not in reachable(set(ARROW.findall(PAGE)), "tasks")
    assert "core" not in reachable(set(ARROW.findall(PAGE)), "local")
    assert ("flows.distill", "tasks.judge") in imports()
    assert ("cortex_distill.session", "cortex_distill.local") in imports()


def test_what_the_page_names_exists():
    named_on_it = set(PATH.findall(PAGE))
    assert len(named_on_it) > 40
    assert [name for name in named_on_it if not (ROOT / name).exists()] == []


def test_the_basics_and_the_door_in_the_picture_are_those_of_the_test():
    assert (
        set(re.findall(r"\w+", re.search(r'basics\["cortex_distill/ (.*?)"\]', PAGE)[1].replace("<br/>", ""))) == BASICS
    )
    assert {name for name in re.findall(r"(\w+)\.py", re.search(r'session\["(.*?)"\]', PAGE)[1])} == DOOR


def test_the_tables_and_columns_of_the_page_are_those_of_the_code():
    column = set(re.findall(r"\w+", " ".join(TABLES["TICKETS"].split(","))))
    rows = re.findall(r"\| ((?:`\w+`(?:, |: )?)+) \|$", PAGE, re.M)
    names = [re.findall(r"`(\w+)`", row) for row in rows]
    assert len(names) >= 8
    for row in names:
        assert row[0] in TABLES
        assert all(name in column if row[0] == "TICKETS" else name in TABLES for name in row[1:])
    assert ADDED.keys() <= TABLES.keys()
