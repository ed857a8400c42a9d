"""Every command of the README and of docs/ is typed by a stranger in a fresh copy, in the order of the documents.

Equal commands are typed once; whole runs more by `make test-long` alone. Whatever is not in not_run.py is
typed, so that no command can be left out unsaid.
"""

import json
import re
import shlex

import pytest
import yaml

from flows.__main__ import cli
from tests.documents.not_run import DRY, LONG, MEASURES, NOT_RUN, TRIED_ELSEWHERE
from tests.documents.reading import ROOT, Command, blocks, commands, pages
from tests.documents.stranger import Stranger
from tests.flows.test_endpoint import simulated
from tests.local.endpoint import Reply, completion, serving

WRITTEN = [command for page in pages() for block in blocks(page) for command in commands(block)]
NO_END = {"make app", "DISTILL_ENGINE=my_connection make app"} | {
    command.text for command in WRITTEN if "prefect worker start" in command.text
}
UP = "make up"  # typed first, so that no run has to start a server of its own, and again where it is written again
LAST = ("make down", ".venv/bin/distill engine stop")  # others need what they stop
OLLAMA = "docs/guides/ollama.md"  # has models of its own
LEAVES = {  # what a command leaves behind, as a pattern of files
    UP: "prefect.toml",
    "make deployments": "prefect.yaml",
    ".venv/bin/distill export RUN --to csv": "exports/support_tickets-*-csv/tickets.csv",
    ".venv/bin/distill holdout configs/banking77.yaml train.csv --per-category 40": "configs/holdouts/banking77.csv",
}
SAYS = {  # what it has to say, beside ending well
    ".venv/bin/distill run configs/ci.yaml --gate": r"^gate passed: tuned student: ",
    ".venv/bin/distill promote RUN": r"^support_router is now \S+SUPPORT_TICKETS_",
    ".venv/bin/distill promote --list": r"^support_router → ",
    ".venv/bin/prefect deployment run distill/returns --watch": r"Completed|finished successfully",
    ".venv/bin/distill run configs/returns.yaml": r"tuned student +tuned +9 ",
    ".venv/bin/distill models configs/support_tickets.yaml": r"openai:qwen2\.5:14b@127\.0\.0\.1",
}


def to_type():
    """The commands in their order, each once."""
    texts: dict[str, Command] = {}
    for command in WRITTEN:
        elsewhere = command.page in TRIED_ELSEWHERE and not command.text.startswith(".venv/")
        elsewhere |= command.text.startswith(MEASURES)
        if command.text not in {**NOT_RUN, **DRY} and not elsewhere:
            where = {OLLAMA: " there", "README.md": f" {command.line}" if command.text == UP else ""}
            texts.setdefault(f"{command.text}{where.get(command.page, '')}", command)
    first = next(command for command in texts.values() if command.text == UP)
    return sorted(texts.values(), key=lambda command: (command != first, command.text in LAST))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """The stranger, with Prefect and the engine up."""
    came = Stranger(tmp_path_factory.mktemp("stranger"))
    yield came
    came.leave()


@pytest.fixture(scope="module")
def ollama():
    """A server with OpenAI's API; what it answers a stand-in has said."""
    with serving() as server:
        server.behave = lambda body, number: Reply(completion(simulated(body), body))
        yield server


def does_what_its_page_says(command, stranger, server):
    """Type it. Raises AssertionError with what it said."""
    changes, replace = {}, {}
    if command.page == OLLAMA:
        replace = {"http://127.0.0.1:11434/v1": server.base_url, '"gguf"': '"simulated"'}  # a training takes minutes
        changes = {"DISTILL_HOME": ".cortex/ollama", "DISTILL_MODELS": "local.toml"}
    if "SUPPORT.PUBLIC.TICKETS" in command.text:
        stranger.inbox()
    if "flow-run retry" in command.text:
        stranger.wait_until_ended()
    stranger.paste(ROOT / command.page, command.line, replace)
    if command.text in NO_END:
        assert re.search(r"http://127\.0\.0\.1:\d+|Worker .* started", stranger.serve(command))
        return
    done = stranger.type(command, **changes)
    assert done.code == 0, f"{command.place} {command.text}\n{done.output}"
    assert "Traceback" not in done.output
    assert re.search(SAYS.get(command.text, ""), done.output, re.MULTILINE), done.output
    if command.text in LEAVES:
        assert list(stranger.folder.glob(LEAVES[command.text]))
    if command.text.endswith("--json"):
        assert json.loads(done.output)


# `make test` types what a stranger types first, `make test-long` all there is.
SHORT = [command for command in to_type() if command.page == "README.md" and command.text not in LONG]


@pytest.mark.slow
@pytest.mark.parametrize("command", SHORT, ids=lambda command: f"{command.place} {command.text[:80]}")
def test_a_command_does_what_its_page_says(command, stranger, ollama):
    does_what_its_page_says(command, stranger, ollama)


@pytest.mark.long
def test_every_command_does_what_its_page_says(tmp_path, ollama):
    came = Stranger(tmp_path / "stranger")
    failed = []
    try:
        for command in to_type():
            try:
                does_what_its_page_says(command, came, ollama)
            except AssertionError as error:  # the others are typed all the same: it takes a quarter of an hour
                failed.append(str(error))
    finally:
        came.leave()
    assert not failed, "\n\n".join(failed)


@pytest.mark.parametrize("text", LONG)
def test_a_command_that_takes_long_is_understood(text):
    """Its options are those of the command line, its deployment one of prefect.yaml or one that the page makes."""
    name, *arguments = shlex.split(text)
    if name.endswith("distill"):
        command = cli.commands[arguments[0]]
        command.make_context(arguments[0], arguments[1:])
    else:
        deployments = {one["name"] for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
        assert arguments[2].partition("/")[2] in deployments | {"returns"}


def test_a_benchmark_is_there_and_knows_the_options_that_a_page_gives_it():
    told = [command.text.split()[1:] for command in WRITTEN if command.text.startswith(MEASURES)]
    shared = (ROOT / "benchmarks" / "beside" / "page.py").read_text(encoding="utf-8")
    for file, *words in told:
        text = (ROOT / file).read_text(encoding="utf-8") + shared
        assert [word for word in words if word.startswith("--") and f'"{word}"' not in text] == [], file
    assert len(told) > 5


def test_targets_that_are_not_made_here_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    written = {command.text for command in WRITTEN} & DRY.keys()
    assert [text for text in written if text.removeprefix("make ") not in targets] == []


def test_what_is_not_typed_is_still_written_somewhere():
    written = {command.text for command in WRITTEN}
    assert [text for text in NOT_RUN if text not in written] == []
    assert all((ROOT / page).is_file() for page in TRIED_ELSEWHERE)


def test_what_is_expected_of_commands_is_of_commands_that_are_typed():
    typed = {command.text for command in to_type()}
    assert [text for text in (*LEAVES, *SAYS, *LAST, *NO_END, *LONG) if text not in typed] == []
