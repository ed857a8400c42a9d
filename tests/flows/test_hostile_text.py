"""Hostile texts in every free field of one experiment, through the whole flow: data stays data."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import yaml
from markdown_it import MarkdownIt
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter

from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment
from cortex_distill.session import SqlError, execute, open_session
from cortex_distill.sql import Sql, literal
from cortex_distill.summary import Summary
from cortex_distill.tables import TABLES
from flows.console import Screen
from tests.conftest import SMALL
from tests.heard import heard
from tests.hostile_strings import HOSTILE
from tests.local.endpoint import Reply, completion, prompt, routes, serving

# What may not stand in anything that a person is shown: control characters, and what turns the direction of writing.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CALM = [text for text in HOSTILE if text.strip()]


def twice(text) -> str:
    """A ticket that begins and ends with a hostile text, and is not in the holdout."""
    return f"{text} {text}"


def refused(changes, write) -> str:
    """The message with which a file is refused; '' if it is not."""
    try:
        load_experiment(write(changes))
    except ConfigError as error:
        return str(error)
    return ""


def labels_taken(write) -> list[str]:
    """The hostile texts that may be labels, none like an earlier one."""
    taken: list[str] = []
    for text in HOSTILE:
        if not refused({"categories": {**dict.fromkeys([*taken, text], ""), "Refund": "", "Wrong size": ""}}, write):
            taken.append(text)
    return taken


def experiment(labels, folder) -> dict[str, Any]:
    """An experiment with hostile text wherever text is free. Its prompts hold every string, raw."""
    raw = "\n".join(f"{{% raw %}}{text}{{% endraw %}}" for text in CALM)
    definitions = {label: HOSTILE[-place] for place, label in enumerate(labels)}
    rows = [[text, labels[place % len(labels)]] for place, text in enumerate(CALM)]
    quoted = ["request,category", *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)]
    (folder / "rows.csv").write_text("\r\n".join(quoted) + "\r\n", encoding="utf-8", newline="")
    shown = [{"category": label, "scenario": text, "request": text} for label, text in zip(labels, CALM, strict=False)]
    (folder / "shown.jsonl").write_text("\n".join(map(json.dumps, shown)), encoding="utf-8")
    data = yaml.safe_load(SMALL)
    return data | {
        "description": " ".join(HOSTILE),
        "categories": definitions,
        "generate": {
            "per_category": 2,
            "per_call": 2,
            "vary": {"mood": CALM},
            "examples": {"file": "shown.jsonl", "per_call": 1},
            "structured_output": False,
            "prompt": f"GENERATE {{{{ count }}}} {{{{ category }}}} {{{{ definition }}}} {{{{ mood }}}}"
            f" {{{{ examples }}}}\n{raw}",
        },
        "judge": {
            "thresholds": {"realistic": 3, "valid": 3},
            "structured_output": False,
            "prompt": f"JUDGE {{{{ category }}}} {{{{ definition }}}} {{{{ scenario }}}}\n{raw}\n"
            "TICKET: {{ request }}",
        },
        "split": {"train": 0.5, "validation": 0.5},
        "prompts": {"raw": f"EVALUATE {{{{ categories | tojson }}}}\n{raw}\nREQUEST: {{{{ request }}}}"},
        "holdout": {"file": "rows.csv", "about": " ".join(HOSTILE)},
    }


RATED, BAD = '"realistic": 5', '{"realistic": 1, "valid": 1}'


class Writer:
    """What the served model says: hostile tickets, ratings with the ticket in them, hostile answers."""

    def __init__(self) -> None:
        self.place = 0

    def __call__(self, body: Mapping[str, Any], number: int) -> Reply:
        asked = prompt(body)
        if asked.startswith("GENERATE"):
            two = [CALM[(self.place + step) % len(CALM)] for step in range(2)]
            self.place += 2
            tickets = [{"scenario": text[::-1], "request": twice(text)} for text in two]
            return Reply(completion(f"Sure: {json.dumps(tickets)} {two[0]}", body))
        if asked.startswith("JUDGE"):
            ticket, good = asked.split("TICKET: ")[-1], '{"realistic": 4, "valid": "4"}'
            return Reply(completion(f"{ticket} {BAD}" if RATED in ticket else good, body))
        return Reply(completion(asked.split("REQUEST: ")[-1], body))


class Run(NamedTuple):
    labels: list[str]
    data: dict[str, Any]
    summary: Summary
    tables: dict[str, list[dict[str, Any]]]
    names: set[str]  # of all tables
    pages: list[str]  # Markdown artifacts and descriptions
    logged: list[str]


@pytest.fixture(scope="module")
def run(prefect_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")

    def write(changes, name="hostile.yaml"):
        data = yaml.safe_load(SMALL) | changes
        path = folder / name
        path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=False), encoding="utf-8")
        return path

    labels = labels_taken(write)
    data = experiment(labels, folder)
    with pytest.MonkeyPatch.context() as patch, serving() as server, heard() as lines:
        server.behave = Writer()
        (folder / "local.toml").write_text(routes(server.base_url))
        patch.setenv("DISTILL_MODELS", str(folder / "local.toml"))
        patch.setenv("DISTILL_HOME", str(folder / "engine"))
        from flows.distill import distill  # noqa: PLC0415

        summary = distill(str(write(data)))
        session = open_session("local")
        tables = {
            name: [row.as_dict() for row in execute(session, Sql(f"SELECT * FROM {name}"))] for name in (*TABLES,)
        }
        names = {row.as_dict()["name"] for row in execute(session, Sql("SHOW TABLES"))}
        session.close()
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter())
    pages = [str(part) for one in found for part in (one.data, one.description) if part]
    return Run(labels, data, summary, tables, names, pages, lines)


def test_there_are_more_than_a_hundred_hostile_texts_and_most_may_be_labels(run):
    assert len(set(HOSTILE)) == len(HOSTILE) > 130
    assert len(run.labels) > 80


def test_categories_and_definitions_are_in_the_table_as_they_were_written(run):
    stored = {row["CATEGORY"]: row["DEFINITION"] for row in run.tables["CATEGORIES"]}
    assert stored == run.data["categories"]


def test_holdout_cells_are_in_the_table_as_they_were_written(run):
    assert [row["REQUEST"] for row in sorted(run.tables["HOLDOUT"], key=lambda row: row["ROW_KEY"])] == [
        text.strip() for text in CALM
    ]


def test_tickets_hold_what_the_model_wrote(run):
    kept = {row["REQUEST"] for row in run.tables["TICKETS"]}
    assert kept == {twice(text).strip(" \t\r\n") for text in CALM}


def test_prompts_and_answers_are_in_the_ledger_as_they_were(run):
    prompts = [row["PROMPT"] for row in run.tables["COMPLETIONS"]]
    for marker in ("GENERATE", "JUDGE", "EVALUATE"):
        mine = [text for text in prompts if text.startswith(marker)]
        assert mine
        assert all(
            text in asked for asked in mine for text in CALM if "\r" not in text
        )  # Jinja writes line ends as \\n
    answered = {json.loads(row["ANSWER"])["value"]["choices"][0]["messages"] for row in run.tables["COMPLETIONS"]}
    assert {text.strip() for text in CALM} <= answered


def test_every_answer_is_stored_as_it_came_and_counted_once(run):
    teacher = [
        row for row in run.tables["PREDICTIONS"] if (row["ROLE"], row["EVALUATION_SET"]) == ("teacher", "holdout")
    ]
    assert len(teacher) == len(CALM)
    assert all(row["RESPONSE"] == row["REQUEST"] for row in teacher)
    arms = {(row["ROLE"], row["VARIANT"], row["EVALUATION_SET"], row["ROW_KEY"]) for row in run.tables["PREDICTIONS"]}
    assert len(arms) == len(run.tables["PREDICTIONS"])


def test_the_config_is_recorded_as_it_was_written(run):
    recorded = json.loads(run.tables["EXPERIMENTS"][0]["CONFIG"])
    assert {key: recorded[key] for key in ("categories", "description", "prompts")} == {
        key: run.data[key] for key in ("categories", "description", "prompts")
    }
    assert recorded["holdout"]["about"] == run.data["holdout"]["about"]
    assert recorded["generate"]["vary"] == run.data["generate"]["vary"]


def test_nothing_was_executed_no_table_came_or_went(run):
    temporary = re.compile("ASKED_|PENDING_|REPLIES_|CALLS_")
    assert {name for name in run.names if not temporary.match(name)} == set(TABLES)
    assert len(run.tables["EXPERIMENTS"]) == 6


def tags(page) -> set[str]:
    return set(
        re.findall(r"<\s*(/?[a-z!?][\w-]*)", MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(page))
    )


def test_pages_show_hostile_text_as_text(run):
    assert len(run.pages) > 4
    for page in run.pages:
        said = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(page)
        assert not tags(page) & {"script", "style", "b", "svg", "!--", "?xml", "em"}
        addresses = re.findall(r'(?:href|src)="([^"]*)"', said)
        assert all(re.match(r"data:image/|\.\./", address) for address in addresses)


def test_a_rating_that_stands_in_a_ticket_does_not_keep_it_when_the_judge_repeats_the_ticket(run):
    planted = [row for row in run.tables["TICKETS"] if RATED in row["REQUEST"]]
    assert len({row["REQUEST"] for row in planted}) == 2
    assert {row["KEPT"] for row in planted} == {False}
    assert {row["DROPPED_BECAUSE"] for row in planted if not row["DUPLICATE_OF"]} == {
        "judge: the rating could not be read: ratings that contradict each other"
    }
    assert any("ratings that contradict each other" in page for page in run.pages)


def test_pages_hold_no_control_character(run):
    assert [match[0] for page in run.pages for match in UNSEEN.finditer(page)] == []


def test_the_terminal_gets_no_control_character(run, capsys, monkeypatch):
    from flows import terminal  # noqa: PLC0415

    monkeypatch.setattr(terminal, "console", Screen(width=120))
    terminal.show_summary(run.summary)
    shown = capsys.readouterr().out
    assert len(shown) > 1000
    assert [match[0] for match in UNSEEN.finditer(shown)] == []


def test_the_log_gets_no_control_character(run):
    assert any("answered by" in line for line in run.logged)
    assert [line for line in run.logged if UNSEEN.search(line)] == []


def test_a_hostile_text_is_a_clean_refusal_where_it_cannot_stand(write):
    for text in (text for text in HOSTILE if not re.fullmatch("[a-z][a-z0-9_]*", text)):
        for change in (
            {"name": text},
            {"judge.thresholds": {text: 3}},
            {"prompts": {text: "{{ request }}"}},
            {"promote": {"alias": text, "min_accuracy": 0.5, "set": "validation"}},
            {"generate.vary": {text: ["x"]}},
            {"holdout": {"table": text}},
            {"holdout": {"file": text}},
        ):
            said = refused(change, write)
            assert next(iter(change)).split(".")[0] in said
            assert UNSEEN.search(said) is None


def test_a_models_name_with_control_characters_is_refused(write):
    acting = [text for text in HOSTILE if re.search(r"[\x00-\x1f\x7f-\x9f]", text) and text.strip()]
    assert len(acting) > 10
    for text in acting:
        assert "models.judge: a model's name holds control characters (U+" in refused({"models.judge": text}, write)


@pytest.mark.parametrize("pair", [("C", "C#"), ("Refund", "refund!"), ("(a)", "a"), ("#1", "1.")])
def test_labels_that_differ_by_marks_around_them_are_refused_since_answers_are_read_without(pair, write):
    assert "is the same label as" in refused({"categories": list(pair)}, write)


def test_a_label_of_marks_alone_is_refused(write):
    assert "nothing but marks" in refused({"categories": ["Refund", "..."]}, write)


def test_hostile_templates_are_rendered_in_the_sandbox_or_refused(write):
    for text in HOSTILE:
        said = refused({"judge.prompt": f"{text} {{{{ request }}}}"}, write)
        assert UNSEEN.search(said) is None
        assert not said or "judge.prompt" in said


def test_hostile_model_names_stay_constants(session):
    for text in CALM:
        with pytest.raises(SqlError, match="unknown model") as raised:
            execute(session, Sql(f"SELECT AI_COMPLETE(model => {literal(text)}, prompt => 'x')"))
        assert UNSEEN.search(str(raised.value)) is None
