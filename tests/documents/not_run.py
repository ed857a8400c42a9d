"""Commands of the documents that no test types, each with the reason. An entry that is on no page any more fails."""

TRIED_ELSEWHERE = {
    "docs/errors.md": "each `$ distill …` is a mistake that tests/flows/test_mistakes.py makes",
}

NOT_RUN = {
    "ollama pull qwen2.5:14b": "a download of 9 GB; a server with the same API stands in for Ollama",
    "ollama serve": "there is no Ollama here; a server with the same API stands in for it",
    ".venv/bin/pip install -e '.[block]'": "installs from a registry into the environment that all tests share",
    ".venv/bin/prefect block register -m prefect_snowflake": "needs that; tests/test_accounts.py has a stand-in",
    ".venv/bin/prefect deployment run distill/support_tickets -p engine=block:prod": "needs a block made in the UI",
    ".venv/bin/prefect deployment run distill/support_tickets -p 'overrides={\"review.tickets\": 10}'": (
        "waits for a person; tests/flows/test_review_waits.py is that person"
    ),
    "DISTILL_TEST_CONNECTION=my_connection make test-snowflake": "needs an account, and pays",
    "DISTILL_HOME=/tmp/engine DISTILL_MODELS=simulated .venv/bin/distill engine start": "one folder for all who test",
    "SNOWFLAKE_HOME=/tmp/engine DISTILL_TEST_CONNECTION=local DISTILL_TEST_FINETUNE=1 make test-snowflake": (
        "takes minutes; tests/account has the same checks on a local engine"
    ),
    "make upgrades TESTS='tests/test_sql.py --only fastapi --only sqlglot'": "asks a registry",
    "make upgrades TESTS='--skip-allowed'": "asks a registry",
    "make lock UPGRADE=--upgrade": "asks a registry",
}
MEASURES = (
    ".venv/bin/python benchmarks/"  # takes minutes, on a machine that does nothing else; its options are looked up
)

# Typed by `make test-long` alone, since each is a whole run or several; here they are only understood, and another
# command of the same kind is typed.
LONG = (
    ".venv/bin/distill run configs/returns.yaml",
    ".venv/bin/distill run configs/support_tickets.yaml",
    ".venv/bin/distill run configs/ci.yaml --gate",
    ".venv/bin/distill run configs/inbox.yaml",
    ".venv/bin/distill messages configs/inbox.yaml --limit 5",
    ".venv/bin/distill ab configs/returns.yaml --sweep fine_tune.max_epochs=3,6",
    ".venv/bin/prefect deployment run distill/returns --watch",
    ".venv/bin/distill run configs/support_tickets.yaml --engine my_connection",
    ".venv/bin/distill run configs/my_prompts.yaml",
    ".venv/bin/distill ab configs/my_prompts.yaml --sweep fine_tune.max_epochs=2,6",
    ".venv/bin/distill compare --experiment my_prompts",
    ".venv/bin/distill run configs/support_tickets.yaml --set budget.max_credits=5",
    ".venv/bin/distill run configs/support_tickets.yaml --set generate.per_category=10",
    ".venv/bin/distill messages configs/inbox.yaml --alias support_router",
    ".venv/bin/distill messages configs/inbox.yaml --inbox SUPPORT.PUBLIC.TICKETS",
    ".venv/bin/prefect deployment run ab_test/ab_test -p 'sweep={\"fine_tune.max_epochs\": [2, 6]}'",
    ".venv/bin/prefect deployment run compare/compare -p experiment=support_tickets",
    ".venv/bin/distill ab configs/support_tickets.yaml --without judge",
    ".venv/bin/distill refine RUN",
)

# Only looked up in the Makefile: what they do is what CI does, or they install or delete.
DRY = {
    "make test": "CI itself",
    "make test-long": "takes minutes and repeats other tests",
    "make test-snowflake": "needs an account",
    "make check": "part of CI",
    "make install": "installs",
    "make install-train": "installs several GB",
    "make lock": "asks a registry",
    "make upgrades": "asks a registry",
    "make clean": "deletes what this test works with",
}
