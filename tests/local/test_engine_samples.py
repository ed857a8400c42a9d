"""Snowflake's two fine-tuning samples as pipelines, with tickets and words of our own. Source: facts 7.1, 7.2."""

import json
import time

import pytest
from snowflake.snowpark import functions as F

TEACHER, STUDENT = "llama3.3-70b", "llama3.1-8b"
KINDS = ("Roaming", "Bill", "Device")
TICKETS = [
    (number, f"Customer {number}", f"c{number}@example.com", "Mobile", f"{KINDS[number % 3]} trouble, number {number}")
    for number in range(1, 21)
]
PROMPT = "Name the category of this ticket: Roaming, Bill or Device. Ticket: "


@pytest.fixture
def stage_of_tickets(rows, tmp_path):
    lines = ["ticket_id,customer_name,customer_email,service_type,request,contact_preference"]
    lines += [f'{i},{who},{mail},{kind},"{text}",Email' for i, who, mail, kind, text in TICKETS]
    file = tmp_path / "tickets.csv"
    file.write_text("\n".join(lines) + "\n")
    rows("CREATE OR REPLACE FILE FORMAT csv_file TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"'")
    rows("CREATE OR REPLACE STAGE tickets_stage FILE_FORMAT = csv_file")
    rows(f"PUT file://{file} @tickets_stage")


def answer(call):
    """The teacher names the word; the untrained student chatters; a tuned student answers like the teacher."""
    text = call.messages[-1]["content"]
    word = next(kind for kind in KINDS if f"{kind} trouble" in text)
    return f"It may be {word}." if call.model == STUDENT else f"\n{word}\n"


def tuned(session, name, train, validation):
    query = "SELECT CREATED FROM (SELECT SNOWFLAKE.CORTEX.FINETUNE('CREATE', ?, ?, ?, ?) AS created)"
    job = session.sql(query, params=[name, STUDENT, train, validation]).collect()[0][0]
    until = time.monotonic() + 20
    while True:
        cell = session.sql("SELECT SNOWFLAKE.CORTEX.FINETUNE('DESCRIBE', ?)", params=[job]).collect()[0][0]
        described = json.loads(cell)
        if described["status"] in ("SUCCESS", "ERROR") or time.monotonic() > until:
            return described
        time.sleep(0.02)


def test_the_notebooks_pipeline_from_a_staged_file_to_a_count_per_category(session, rows, provider, stage_of_tickets):
    provider.reply = answer
    session.query_tag = json.dumps({"origin": "our own sample"})
    columns = "ticket_id, customer_name, customer_email, service_type, request, contact_preference".replace(
        ",", " VARCHAR,"
    )
    rows(f"CREATE OR REPLACE TABLE support_tickets ({columns} VARCHAR(60))")
    assert rows("COPY INTO support_tickets FROM @tickets_stage")[0][:4] == (
        "tickets_stage/tickets.csv.gz",
        "LOADED",
        20,
        20,
    )
    tickets = session.table("support_tickets")

    def labelled(model, column):
        reply = F.call_function("snowflake.cortex.complete", F.lit(model), F.concat(F.lit(PROMPT), F.col("request")))
        return tickets.select("ticket_id", "request", F.trim(reply, F.lit("\n")).as_(column))

    teacher = labelled(TEACHER, "teacher_response").cache_result()
    student = labelled(STUDENT, "student_response").select("ticket_id", "student_response")
    both = teacher.join(student, "ticket_id").sort(F.col("ticket_id").cast("int")).collect()
    assert [(row.TEACHER_RESPONSE, row.STUDENT_RESPONSE) for row in both[:2]] == [
        ("Bill", "It may be Bill."),
        ("Device", "It may be Device."),
    ]
    prompt = F.concat(F.lit(PROMPT + " "), F.col("request")).as_("prompt")
    chosen = teacher.select("ticket_id", prompt, "teacher_response")
    chosen.write.mode("overwrite").save_as_table("support_tickets_finetune")
    train, held_back = session.table("support_tickets_finetune").random_split([0.8, 0.2], seed=42)
    train.write.mode("overwrite").save_as_table("support_tickets_train")
    held_back.write.mode("overwrite").save_as_table("support_tickets_eval")
    counts = [session.table(f"support_tickets_{part}").count() for part in ("train", "eval")]
    assert sum(counts) == 20
    pairs = "SELECT prompt, teacher_response AS completion FROM support_tickets_"
    job = tuned(session, "ticket_model", pairs + "train", pairs + "eval")
    assert job["status"] == "SUCCESS"
    assert len(provider.jobs[0].train) == counts[0]
    final = labelled(job["model"], "tuned_response")
    per_category = final.group_by("tuned_response").count().sort("tuned_response").collect()
    assert [tuple(row) for row in per_category] == [("Bill", 7), ("Device", 7), ("Roaming", 6)]


BUILD_EXAMPLE = """CREATE OR REPLACE FUNCTION BUILD_EXAMPLE(place STRING, truck STRING) RETURNS STRING LANGUAGE SQL AS
$$ CONCAT('{ place: ', IFF(place IS NULL, 'null', CONCAT('"', place, '"')),
          ', truck: ', IFF(truck IS NULL, 'null', CONCAT('"', truck, '"')), ' }') $$"""
ACCURACY = """CREATE OR REPLACE FUNCTION ACCURACY(candidate STRING, reference STRING) RETURNS NUMBER LANGUAGE SQL AS
$$ DIV0(SUM(IFF(EQUAL_NULL(reference, candidate), 1, 0)), COUNT(*)) $$"""


def reader(call):
    """Reads the place of a mail, and its truck only once tuned."""
    text = call.messages[-1]["content"]
    place = next(name for name in ("Lyon", "Oslo") if name in text)
    truck = '"Blue"' if "Blue" in text and call.model != STUDENT else "null"
    return f'{{ place: "{place}", truck: {truck} }}'


def test_the_second_sample_builds_examples_tunes_and_scores_each_field(session, rows, one, provider):
    provider.reply = reader
    for statement in (
        "CREATE ROLE IF NOT EXISTS mail_reader", "CREATE WAREHOUSE mails WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60",
        "GRANT CREATE MODEL ON SCHEMA public TO ROLE mail_reader", "USE ROLE mail_reader", "USE WAREHOUSE mails",
        BUILD_EXAMPLE, ACCURACY,
    ):  # fmt: skip
        rows(statement)
    rows("CREATE TABLE mails (id INT, mail STRING, place STRING, truck STRING)")
    mails = [
        (i, f"In {p} by {t or 'no'} van", p, t)
        for i in range(20)
        for p, t in [(("Lyon", None), ("Oslo", "Blue"))[i % 2]]
    ]
    session.create_dataframe(mails, schema=["id", "mail", "place", "truck"]).write.mode("append").save_as_table("mails")
    examples = "SELECT mail AS prompt, BUILD_EXAMPLE(place, truck) AS completion FROM mails WHERE id % 10 "
    assert one("SELECT TRY_PARSE_JSON(BUILD_EXAMPLE(place, truck)):truck::STRING FROM mails WHERE id = 1") == "Blue"
    job = tuned(session, "mail_model", examples + ">= 2", examples + "< 2")
    assert (job["status"], len(provider.jobs[0].train), len(provider.jobs[0].validation)) == ("SUCCESS", 16, 4)
    assert "MAIL_MODEL" in [row["name"].upper() for row in session.sql("SHOW MODELS").collect()]
    for name, model in (("base", STUDENT), ("tuned", job["model"])):
        rows(f"CREATE TABLE {name}_answers AS SELECT id, TRY_PARSE_JSON(SNOWFLAKE.CORTEX.COMPLETE('{model}',"
             " CONCAT('Give place and truck. Mail: ', mail))) AS answer FROM mails WHERE id % 10 < 2")  # fmt: skip
    scored = ("SELECT ACCURACY(a.answer:place::STRING, m.place), ACCURACY(a.answer:truck::STRING, m.truck)"
              " FROM {}_answers a JOIN mails m USING (id)")  # fmt: skip
    assert rows(scored.format("base")) == [(1, 0.5)]
    assert rows(scored.format("tuned")) == [(1, 1)]
    side_by_side = rows("SELECT id, b.answer:truck::STRING, t.answer:truck::STRING FROM base_answers b"
                        " JOIN tuned_answers t USING (id) ORDER BY id")  # fmt: skip
    assert side_by_side == [(0, None, None), (1, None, "Blue"), (10, None, None), (11, None, "Blue")]
    for statement in ("DROP TABLE mails", "DROP WAREHOUSE mails", "DROP ROLE mail_reader"):
        rows(statement)
