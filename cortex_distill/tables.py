"""The tables that runs write to: one statement each, created if missing, never dropped or replaced.

Every table carries `run_id`. Order and meaning follow the steps: what was asked (COMPLETIONS) and
is being asked now (CLAIMS), what came of it (TICKETS), what each of several judges said (RATINGS), what people made of
it (REVIEWS), what was trained (FINE_TUNES), what was predicted (PREDICTIONS), how good
it was (EXPERIMENTS), what was expected before (PLANS), what went into use (PROMOTIONS),
what was to be answered by it (MESSAGE_INBOX) and what was written (MESSAGES). What each column means: `table_comments`.
"""

from collections.abc import Iterable

TABLES = {
    "COMPLETIONS": """
        key STRING, run_id STRING, ask_id STRING, step STRING, model STRING, prompt STRING, parameters VARIANT,
        response_format VARIANT, draw NUMBER, answer VARIANT, answered_at TIMESTAMP_NTZ""",
    "CLAIMS": "key STRING, run_id STRING, ask_id STRING, credits FLOAT, until TIMESTAMP_NTZ",
    "CATEGORIES": "run_id STRING, position NUMBER, category STRING, definition STRING, matches STRING",
    "HOLDOUT": "run_id STRING, row_key STRING, category STRING, request STRING",
    "TICKETS": """
        run_id STRING, ticket_id STRING, category STRING, scenario STRING, request STRING, attributes VARIANT,
        completion_key STRING, duplicate_of STRING, rating VARIANT, judge_key STRING, kept BOOLEAN,
        dropped_because STRING, split STRING, round NUMBER, similarity FLOAT, together STRING, vote STRING,
        vote_key STRING, source_key STRING""",
    "RATINGS": """
        run_id STRING, ticket_id STRING, position NUMBER, judge STRING, judge_key STRING, rating VARIANT,
        keeps BOOLEAN, because STRING""",
    "REVIEWS": """
        run_id STRING, ticket_id STRING, position NUMBER, judge_kept BOOLEAN, human_kept BOOLEAN, reviewer STRING,
        remark STRING, asked_at TIMESTAMP_NTZ, at TIMESTAMP_NTZ""",
    "TRAINING_ROWS": "run_id STRING, fine_tune STRING, split STRING, prompt STRING, completion STRING",
    "FINE_TUNES": """
        fine_tune STRING, run_id STRING, base_model STRING, options STRING, job_id STRING, status STRING,
        description VARIANT, created_at TIMESTAMP_NTZ""",
    "PREDICTIONS": """
        run_id STRING, role STRING, model STRING, variant STRING, evaluation_set STRING, row_key STRING,
        category STRING, request STRING, completion_key STRING, response STRING, error STRING, prediction STRING,
        correct BOOLEAN, off_list BOOLEAN, unanswered BOOLEAN, served_by STRING, prompt_tokens NUMBER,
        completion_tokens NUMBER""",
    "EXPERIMENTS": """
        run_id STRING, experiment STRING, config_hash STRING, role STRING, model STRING, served_by STRING,
        engine STRING, variant STRING, evaluation_set STRING, n NUMBER, correct NUMBER, accuracy FLOAT,
        accuracy_low FLOAT, accuracy_high FLOAT, macro_f1 FLOAT, off_list NUMBER, unanswered NUMBER,
        prompt_tokens NUMBER, completion_tokens NUMBER, credits FLOAT, prices_of STRING, seconds FLOAT,
        created_at TIMESTAMP_NTZ, flow_run STRING, git_commit STRING, config VARIANT, calls NUMBER,
        design_effect FLOAT, tags VARIANT""",
    "PLANS": """
        run_id STRING, position NUMBER, step STRING, model STRING, calls NUMBER, tokens NUMBER, credits FLOAT,
        planned_at TIMESTAMP_NTZ""",
    "PROMOTIONS": """
        alias STRING, model STRING, run_id STRING, experiment STRING, evaluation_set STRING, n NUMBER, accuracy FLOAT,
        accuracy_low FLOAT, gate VARIANT, promoted_by STRING, promoted_at TIMESTAMP_NTZ""",
    "MESSAGE_INBOX": """
        run_id STRING, row_key STRING, ticket_id STRING, customer_name STRING, email STRING, request STRING,
        contact_preference STRING, channel STRING, category STRING, classified_key STRING, left_out STRING""",
    "MESSAGES": """
        run_id STRING, experiment STRING, source_run STRING, source_model STRING, source_alias STRING, row_key STRING,
        ticket_id STRING, category STRING, channel STRING, variant STRING, model STRING, message STRING, words NUMBER,
        most_words NUMBER, first_words NUMBER, status STRING, flags VARIANT, error STRING, served_by STRING,
        completion_key STRING, classified_key STRING, created_at TIMESTAMP_NTZ""",
}

# Columns that came later than their table: whoever has the table gets them with the next run.
ADDED = {
    "TICKETS": (
        "round NUMBER", "similarity FLOAT", "together STRING", "vote STRING", "vote_key STRING", "source_key STRING",
    ),
    "EXPERIMENTS": ("calls NUMBER", "design_effect FLOAT", "tags VARIANT"),
}  # fmt: skip


def create_sql(table: str) -> str:
    """CREATE TABLE IF NOT EXISTS for one of TABLES."""
    return f"CREATE TABLE IF NOT EXISTS {table} ({' '.join(TABLES[table].split())})"


def columns_of(table: str) -> dict[str, str]:
    """Column → type of one of TABLES."""
    return dict(column.split() for column in TABLES[table].split(","))


# What is there already: one look instead of twenty statements that find nothing to do.
THERE = f"""SELECT table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = CURRENT_SCHEMA()
    AND table_name IN ({", ".join(f"'{table}'" for table in TABLES)})"""


def complete_sql(there: Iterable[tuple[str, str]] | None = None) -> list[str]:
    """Statements after which every table of TABLES is there, with every column of ADDED; `there` is the answer to
    THERE, None where nobody looked. A table that is made now has its columns. Each statement does no harm where
    somebody else was faster."""
    known = set(map(tuple, there or ()))
    tables = {table for table, _ in known}
    old = ADDED if there is None else ADDED.keys() & tables
    added = ((table, column) for table, columns in ADDED.items() if table in old for column in columns)
    return [
        *(create_sql(table) for table in TABLES if table not in tables),
        *(
            f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}"
            for table, column in added
            if (table, column.split()[0].upper()) not in known
        ),
    ]
