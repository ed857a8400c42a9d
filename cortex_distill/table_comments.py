"""What the tables mean, in sentences: the text of their reference, and of the comments that Snowflake can show.

One entry per table of `tables`, and of the page's own: what a row is, then its columns. A column that means the same
everywhere is in COMMON. No run sends these: 170 comments make the local engine parse 0.3 s longer in each new folder.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cortex_distill.sql import literal


class About(NamedTuple):
    """What is said of a table."""

    row: str
    columns: dict[str, str]  # those that COMMON does not say


COMMON = {
    "run_id": "run that wrote the row: the id of its Prefect flow run",
    "experiment": "name of the experiment, as in its file",
    "category": "category, spelled as in the file",
    "request": "text of the request",
    "ticket_id": "ticket, unique within the run",
    "model": "model, as the file names it; of a tuned student its name in the schema",
    "variant": "name of the prompt variant; tuned for the student's own prompt",
    "served_by": "model that really answered, as the engine says it",
    "completion_key": "key of the call in COMPLETIONS",
    "error": "what the engine said of a call that failed, else NULL",
    "evaluation_set": "rows that are measured on: holdout, test or validation",
    "row_key": "row within its run and set",
    "prompt_tokens": "tokens of the prompts",
    "completion_tokens": "tokens of the replies",
    "created_at": "when the row was written (the session's time)",
}

ABOUT = {
    "COMPLETIONS": About(
        "One model call with its reply. The ledger reads it before each call, in every run; nothing is deleted.",
        {
            "key": "SHA2 of who answers, model, parameters, response format, draw and prompt",
            "run_id": "run that made the call: the id of its Prefect flow run; app for the page",
            "ask_id": "group of calls that one step made together",
            "step": "who asked: generate, label, judge, check, vote, evaluate, classify, messages, shorten, compare",
            "prompt": "the whole prompt, as it was sent",
            "parameters": "temperature, max_tokens, as JSON",
            "response_format": "JSON schema that the reply had to fit; null without one",
            "draw": "number of the draw, from 0: the same prompt asked again on purpose",
            "answer": "reply of AI_COMPLETE with tokens: {value, error}",
            "answered_at": "when it was answered (the session's time)",
        },
    ),
    "CLAIMS": About(
        "One call that a run is making now, so that no other run pays for it, too. Empty when nothing runs.",
        {
            "key": "key of the call that will be in COMPLETIONS",
            "ask_id": "group of calls that one step makes together",
            "credits": "credits that the call is expected to cost",
            "until": "when the claim lapses if nobody renews it (UTC)",
        },
    ),
    "CATEGORIES": About(
        "One category of a run.",
        {
            "position": "place in the file, from 0",
            "definition": "what the file says of it; empty for a plain list",
            "matches": "the category in normal form, by which answers are compared",
        },
    ),
    "HOLDOUT": About(
        "One row that people wrote and labelled, copied when the run began.",
        {"row_key": "line of the CSV file, or place in the table", "category": "label, mapped by holdout.labels"},
    ),
    "TICKETS": About(
        "One ticket that the teacher wrote, or one real request; those that were dropped stay, with the reason.",
        {
            "category": "category it was written for, or labelled with; NULL where the label could not be read",
            "scenario": "what happens in it, in the teacher's words; NULL for real requests",
            "attributes": "what varied in the call: attribute and text, of generate.vary",
            "completion_key": "call in COMPLETIONS that wrote or labelled it",
            "duplicate_of": "ticket_id of the earlier ticket that it repeats",
            "rating": "the judge's rating: criterion and number; NULL where it could not be read",
            "judge_key": "call in COMPLETIONS that rated it",
            "kept": "whether it may be trained on and measured on; NULL before it is judged",
            "dropped_because": "step and reason, such as judge: valid 3 < 4",
            "split": "share: train, validation or test",
            "round": "round of asking that brought it, from 1",
            "similarity": "share of word pairs in common with its twin (0 to 1)",
            "together": "ticket_id that names its group; a group stays in one share",
            "vote": "category that the blind vote named",
            "vote_key": "call in COMPLETIONS that voted",
            "source_key": "key of the row in the source of real requests",
        },
    ),
    "RATINGS": About(
        "What one of several judges said of one ticket; empty where there is a single judge.",
        {
            "position": "place of the judge, from 0: models.judge, then judge.also",
            "judge": "model that judged",
            "judge_key": "call in COMPLETIONS that rated it",
            "rating": "its rating: criterion and number; NULL where it could not be read",
            "keeps": "whether this judge keeps the ticket; NULL where its rating could not be read",
            "because": "why it does not: criterion, rating and threshold",
        },
    ),
    "REVIEWS": About(
        "One ticket that people were asked to look at, and what they said.",
        {
            "position": "place in the form, from 1",
            "judge_kept": "whether the judge had kept it",
            "human_kept": "whether the person keeps it; NULL where nobody looked",
            "reviewer": "who looked, as the form was signed",
            "remark": "what they wrote beside it",
            "asked_at": "when the form was opened",
            "at": "when it was answered",
        },
    ),
    "TRAINING_ROWS": About(
        "One row that the student is trained on or validated with, as FINETUNE reads it.",
        {
            "fine_tune": "name of the tuned model, from a hash of its rows, base and options",
            "split": "train or validation",
            "prompt": "fine_tune.prompt with the request in it",
            "completion": "the category to be answered",
        },
    ),
    "FINE_TUNES": About(
        "One fine-tuning job, written before it is waited for, so that the same training is never started twice.",
        {
            "fine_tune": "name of the tuned model, from a hash of its rows, base and options",
            "run_id": "run that started the job: the id of its Prefect flow run",
            "base_model": "model that is trained",
            "options": "options of FINETUNE, as JSON",
            "job_id": "id of the job, as FINETUNE gave it",
            "status": "newest status that was seen: PENDING, SUCCESS, ERROR, CANCELLED, ...",
            "description": "what FINETUNE('DESCRIBE') said in the end: losses, trained tokens, error",
        },
    ),
    "PREDICTIONS": About(
        "One answer of one arm (a model with a prompt variant) to one row of an evaluation set.",
        {
            "role": "teacher, base student or tuned student",
            "category": "category that is right",
            "response": "reply, as the model wrote it",
            "prediction": "category that the reply names; NULL where it names none",
            "correct": "whether prediction and category are the same",
            "off_list": "whether it answered something that is no category; wrong, too",
            "unanswered": "whether the reply is empty or the call failed; wrong, too",
            "prompt_tokens": "tokens of the prompt",
            "completion_tokens": "tokens of the reply",
        },
    ),
    "EXPERIMENTS": About(
        "How one arm did on one evaluation set of one run; unique by run_id, role, variant and evaluation_set.",
        {
            "config_hash": "hash of the file with its overrides: the same hash, the same experiment",
            "role": "teacher, base student or tuned student",
            "engine": "local, or the name of the connection",
            "n": "rows that it was asked about",
            "correct": "rows answered right",
            "accuracy": "correct / n (0 to 1)",
            "accuracy_low": "lower end of its 95 % interval (Wilson, with design_effect)",
            "accuracy_high": "upper end of its 95 % interval",
            "macro_f1": "mean F1 of the categories that have rows (0 to 1)",
            "off_list": "rows answered with something that is no category; wrong, too",
            "unanswered": "rows without an answer; wrong, too",
            "credits": "credits for the calls, an estimate by the price list; NULL without a price",
            "prices_of": "date of the price",
            "seconds": "seconds that asking the arm took, for all its sets together; NULL if not measured",
            "flow_run": "address of the flow run in Prefect",
            "git_commit": "commit of the code",
            "config": "the whole file as it was run, with defaults, overrides and the hashes of named files",
            "calls": "teacher calls that wrote the rows; as many as rows where people wrote them",
            "design_effect": "by how much rows of one call resemble each other; widens the interval (1: not at all)",
            "tags": "tags of the flow run",
        },
    ),
    "PLANS": About(
        "What one step of a run was expected to need, by model; written before the first call.",
        {
            "position": "order of the steps, from 0",
            "step": "step that will ask",
            "calls": "calls expected",
            "tokens": "tokens expected, of prompts and replies",
            "credits": "credits expected; NULL without a price",
            "planned_at": "when it was planned",
        },
    ),
    "PROMOTIONS": About(
        "One tuned student that got an alias; the newest row of an alias counts, the others are its history.",
        {
            "alias": "name that applications ask for",
            "model": "tuned model that goes by the alias",
            "run_id": "run that trained it: the id of its Prefect flow run",
            "n": "rows that the gate looked at",
            "accuracy": "accuracy on them (0 to 1)",
            "accuracy_low": "lower end of its 95 % interval",
            "gate": "the gate that it passed, as in its file",
            "promoted_by": "Snowflake's user and, in brackets, the user of the machine",
            "promoted_at": "when it was promoted",
        },
    ),
    "MESSAGE_INBOX": About(
        "One ticket of an inbox that is to be answered.",
        {
            "row_key": "hash of the row's cells, with a number where rows are equal",
            "ticket_id": "key of the ticket in the inbox; need not be unique",
            "customer_name": "name of the customer, as the inbox has it",
            "email": "address of the customer, if the inbox has one; no model sees it",
            "contact_preference": "how the customer wants to be answered, as the inbox has it",
            "channel": "what is written: text message or email",
            "category": "category that the student named",
            "classified_key": "call in COMPLETIONS that sorted it",
            "left_out": "why it gets no message; NULL if it gets one",
        },
    ),
    "MESSAGES": About(
        "One message, of one prompt variant, to one ticket of MESSAGE_INBOX. Nothing is sent.",
        {
            "source_run": "run whose student sorted the inbox",
            "source_model": "that student",
            "source_alias": "alias it was found by; NULL without one",
            "row_key": "row of MESSAGE_INBOX",
            "ticket_id": "key of the ticket in the inbox; need not be unique",
            "channel": "what is written: text message or email",
            "variant": "name of the message prompt",
            "model": "model that wrote it",
            "message": "the text; NULL where no answer came",
            "words": "words of the message",
            "most_words": "words that it may have",
            "first_words": "words of the first reply, before a shorter one was asked for",
            "status": "ok, flagged, too long or no answer",
            "flags": "what was found in it: placeholder, greeting, other_customer",
            "completion_key": "call in COMPLETIONS that wrote it",
            "classified_key": "call in COMPLETIONS that sorted the ticket",
        },
    ),
    "MESSAGE_DECISIONS": About(
        "What a person decided about one message on the page; the newest row of a completion_key counts.",
        {
            "completion_key": "call in COMPLETIONS that wrote the message",
            "run_id": "run whose student sorted the ticket, or whose messages they are",
            "ticket_id": "key of the ticket",
            "channel": "what was written: text message or email",
            "model": "model that wrote it",
            "message": "the text that was decided about",
            "decision": "kept or discarded",
            "decided_at": "when it was decided (the session's time)",
        },
    ),
}


def row_of(table: str) -> str:
    """What a row of the table is; '' of a table without an entry."""
    return ABOUT[table].row if table in ABOUT else ""


def column_of(table: str, column: str) -> str:
    """What a column holds; '' of one without a sentence."""
    own = ABOUT[table].columns if table in ABOUT else {}
    return own.get(column) or COMMON.get(column, "")


def comment_sql(table: str, columns: Iterable[str]) -> list[str]:
    """Statements that put the sentences on a table that is there."""
    return [
        f"COMMENT ON TABLE {table} IS {literal(row_of(table))}",
        *(f"COMMENT ON COLUMN {table}.{name} IS {literal(column_of(table, name))}" for name in columns),
    ]
