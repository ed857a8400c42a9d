"""Messages, step 3: a text or an email for each ticket and variant, checked for length and for what it may not say.

Source: quickstart, "Automated Generation of Email Responses to support tickets using LLMs"; the checks are ours.
In:   MESSAGE_INBOX, CATEGORIES (of the student's run)
Out:  MESSAGES. Nothing is sent to anyone
"""

from __future__ import annotations

from typing import NamedTuple

from cortex_distill.ledger import Ask, Asked
from cortex_distill.message_flags import flags_sql
from cortex_distill.message_prompts import EMAIL, TEXT, by_channel_sql, most_words
from cortex_distill.message_sql import redacted_sql, words_sql
from cortex_distill.replies import BLANK
from cortex_distill.run import Run
from cortex_distill.sql import Sql, join
from tasks.inbox import messages_of
from tasks.step import ON_CORTEX, progress, task
from tasks.student import Student

# What a template may print of a row. Columns that it does not name are in no prompt.
COLUMNS = {name: f"i.{name}" for name in ("customer_name", "request", "category", "definition")}


TOO_LONG = ("\n\nAn earlier answer had ", " words, which is too many. Write it in at most ", " words.")


class Written(NamedTuple):
    """What was asked for the messages; what came of it is in MESSAGES."""

    calls: Asked
    again: Asked  # those that were too long, a second time


@task(name="write the messages", **ON_CORTEX)
def write_messages(run: Run, student: Student) -> Written:
    """Ask, ask once more where a message is too long, then check. Safe to repeat: the run's own rows are replaced."""
    with progress("write messages") as report:
        calls = run.ask(messages_ask(run, student), report)
    with progress("shorten messages") as report:
        again = run.ask(shorten_ask(run, student, calls.replies), report)
    run.sql("DELETE FROM MESSAGES WHERE run_id = ?", run.id)
    run.query(insert_sql(run, student, calls.replies, again.replies))
    run.query(flag_sql(run.id))
    return Written(calls, again)


def messages_ask(run: Run, student: Student) -> Ask:
    """A message for each ticket and variant."""
    return _ask(run, "messages", prompts_sql(run, student))


def shorten_ask(run: Run, student: Student, replies: str) -> Ask:
    """Those that were too long, once more."""
    return _ask(run, "shorten", again_sql(run, student, replies))


def _ask(run: Run, step: str, rows: Sql) -> Ask:
    config = messages_of(run)
    parameters = {"temperature": config.temperature, "max_tokens": config.max_tokens}
    return Ask(step, rows, config.model, parameters)


def shown_sql(run: Run, source_run: str) -> Sql:
    """The tickets that are answered, as models may see them: what is redacted is a mark already."""
    kinds = messages_of(run).redact
    name, request = redacted_sql("i.customer_name", kinds), redacted_sql("i.request", kinds)
    return Sql(
        f"""SELECT i.row_key, i.channel, {name.text} AS customer_name, {request.text} AS request, c.category,
            c.definition
        FROM MESSAGE_INBOX i JOIN CATEGORIES c ON c.run_id = ? AND c.category = i.category
        WHERE i.run_id = ? AND i.left_out IS NULL""",
        (*name.binds, *request.binds, source_run, run.id),
    )


def prompts_sql(run: Run, student: Student) -> Sql:
    """row_key (variant and ticket), prompt, draw, most (words) of each message that is wanted."""
    config, shown = messages_of(run), shown_sql(run, student.run_id)
    limits = most_words(config)
    parts = []
    for variant, template in config.prompts.items():
        prompt = by_channel_sql(template, config, {"categories": student.categories}, COLUMNS)
        parts.append(
            Sql(
                f"""SELECT ? || ' ' || i.row_key AS row_key, {prompt.text} AS prompt, 0 AS draw,
                    IFF(i.channel = ?, ?, ?) AS most FROM ({shown.text}) i""",
                (variant, *prompt.binds, TEXT, limits[TEXT], limits[EMAIL], *shown.binds),
            )
        )
    return join(parts, " UNION ALL ")


def again_sql(run: Run, student: Student, replies: str) -> Sql:
    """The prompts whose replies were too long, with a sentence that says so."""
    rows, words = prompts_sql(run, student), words_sql("r.reply")
    return Sql(
        f"""SELECT p.row_key, CONCAT(p.prompt, ?, r.words::STRING, ?, p.most::STRING, ?) AS prompt, 1 AS draw
        FROM ({rows.text}) p JOIN (SELECT r.row_key, {words.text} AS words FROM {replies} r) r
            ON r.row_key = p.row_key
        WHERE r.words > p.most""",
        (*TOO_LONG, *rows.binds, *words.binds),
    )


def insert_sql(run: Run, student: Student, first: str, second: str) -> Sql:
    """A row for each message that was asked: the shorter of two replies, with its words and its status."""
    config, text = messages_of(run), "NULLIF(TRIM({}.reply, ?), '')".format
    ones, twos = words_sql("a.reply"), words_sql("b.reply")
    variants = join([Sql("SELECT ? AS variant", (variant,)) for variant in config.prompts], " UNION ALL ")
    limits = most_words(config)
    return Sql(
        f"""INSERT INTO MESSAGES (run_id, experiment, source_run, source_model, source_alias, row_key, ticket_id,
            category, channel, variant, model, message, words, most_words, first_words, status, error, served_by,
            completion_key, classified_key, created_at)
        SELECT ?, ?, ?, ?, ?, row_key, ticket_id, category, channel, variant, ?, IFF(is_second, two, one),
            IFF(is_second, two_words, one_words), most, one_words,
            CASE WHEN one IS NULL THEN 'no answer' WHEN IFF(is_second, two_words, one_words) > most THEN 'too long'
                ELSE 'ok' END,
            error, IFF(is_second, two_by, one_by), IFF(is_second, two_key, one_key), classified_key,
            CURRENT_TIMESTAMP()::TIMESTAMP_NTZ
        FROM (
            SELECT x.*, two IS NOT NULL AND two_words < one_words AS is_second FROM (
                SELECT i.row_key, i.ticket_id, i.category, i.channel, i.classified_key, v.variant,
                    IFF(i.channel = ?, ?, ?) AS most, {text("a")} AS one, {text("b")} AS two,
                    {ones.text} AS one_words, {twos.text} AS two_words, a.error, a.served_by AS one_by,
                    b.served_by AS two_by, a.completion_key AS one_key, b.completion_key AS two_key
                FROM MESSAGE_INBOX i CROSS JOIN ({variants.text}) v
                JOIN {first} a ON a.row_key = v.variant || ' ' || i.row_key
                LEFT JOIN {second} b ON b.row_key = v.variant || ' ' || i.row_key
                WHERE i.run_id = ?
            ) x
        )""",
        (
            *(run.id, run.config.name, student.run_id, student.model, student.alias or None, config.model),
            *(TEXT, limits[TEXT], limits[EMAIL], BLANK, BLANK, *ones.binds, *twos.binds, *variants.binds, run.id),
        ),
    )


def flag_sql(run_id: str) -> Sql:
    """What was found in a message, as {kind: text}; a message that is too long stays marked as such."""
    found = flags_sql(run_id)
    return Sql(
        f"""UPDATE MESSAGES SET status = IFF(status = 'ok', 'flagged', status), flags = f.flags
        FROM (
            SELECT row_key, variant, OBJECT_CONSTRUCT('placeholder', placeholder, 'greeting', greeting,
                'other_customer', other_customer)::VARIANT AS flags
            FROM ({found.text})
        ) f WHERE MESSAGES.run_id = ? AND MESSAGES.row_key = f.row_key AND MESSAGES.variant = f.variant""",
        (*found.binds, run_id),
    )
